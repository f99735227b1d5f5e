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
	set.LoggingOptions = append(set.LoggingOptions, zap.Hooks(func(entry zapcore.Entry) error {
		if entry.Message == readyMessage {
			hangup.Replay()
		}
		return nil
	}))
	return set
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
