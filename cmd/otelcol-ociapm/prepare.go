// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"go.opentelemetry.io/collector/otelcol"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/ociapm/otelcol-ociapm/internal/environment"
	"github.com/ociapm/otelcol-ociapm/internal/hangup"
)

// readyMessage is what the collector logs when all components run.
const readyMessage = "Everything is ready. Begin running and processing data."

// prepare does what comes before every command of the program: it reads the
// environment anew, and adds to what ocb writes. `make generate` puts the call into
// main.go.
func prepare(set otelcol.CollectorSettings) otelcol.CollectorSettings {
	prepareEnvironment()
	set.BuildInfo.Version = withCommit(set.BuildInfo.Version)
	// otelcol has no hook for the end of the start. Where only warnings are logged,
	// a SIGHUP that comes while the collector starts is ignored.
	set.LoggingOptions = append(set.LoggingOptions, zap.WrapCore(func(core zapcore.Core) zapcore.Core { return readyCore{core} }))
	return set
}

// readyCore replays a held SIGHUP when the collector is ready, and logs as the core
// inside. zap.Hooks would lose what confmap's providers log: otelcol hands their
// entries to Write without a Check, and a hook's Write logs nothing.
type readyCore struct{ zapcore.Core }

// With keeps the wrapper around the core with more fields.
func (c readyCore) With(fields []zapcore.Field) zapcore.Core { return readyCore{c.Core.With(fields)} }

// Check looks at the message, and lets the core inside decide whether to log it.
func (c readyCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if entry.Message == readyMessage {
		hangup.Replay()
	}
	return c.Core.Check(entry, checked)
}

// prepareEnvironment says what it finds wrong on stderr, in the form of the
// collector's log, which there is only once a configuration is loaded.
func prepareEnvironment() {
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.ISO8601TimeEncoder
	logger := zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoding), zapcore.Lock(os.Stderr), zapcore.WarnLevel))

	if err := environment.UnsetBlank(); err != nil {
		logger.Warn("An empty environment variable cannot be unset", zap.Error(err))
	}
	problems, err := environment.RepairResourceAttributes()
	for _, problem := range problems {
		logger.Warn(problem)
	}
	if err != nil {
		logger.Warn("Resource attributes of the environment cannot be corrected", zap.Error(err))
	}
}
