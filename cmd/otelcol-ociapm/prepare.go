// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/otelcol"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/ociapm/otelcol-ociapm/internal/environment"
	"github.com/ociapm/otelcol-ociapm/internal/hangup"
	"github.com/ociapm/otelcol-ociapm/internal/startonce"
)

// readyMessage is the collector's log line once all components run.
const readyMessage = "Everything is ready. Begin running and processing data."

// prepare runs before every command of the program: it corrects the environment
// and extends the settings that ocb writes. `make generate` adds the call to
// main.go.
func prepare(set otelcol.CollectorSettings) otelcol.CollectorSettings {
	prepareEnvironment()
	set.BuildInfo.Version = withCommit(set.BuildInfo.Version)
	set.Factories = detectOnce(set.Factories)
	// otelcol has no hook for the end of its startup. If only warnings are
	// logged, a SIGHUP that arrives while the collector starts is ignored.
	set.LoggingOptions = append(set.LoggingOptions, zap.WrapCore(func(core zapcore.Core) zapcore.Core { return startupCore{core} }))
	return set
}

// detectOnce makes the pipelines of resource_detection share what one of them has detected.
func detectOnce(inner func() (otelcol.Factories, error)) func() (otelcol.Factories, error) {
	return func() (otelcol.Factories, error) {
		factories, err := inner()
		if err != nil {
			return factories, err
		}
		resourceDetection := component.MustNewType("resource_detection")
		if found, ok := factories.Processors[resourceDetection]; ok {
			wrapped := startonce.Wrap(found)
			for name, factory := range factories.Processors { // a former name has the same factory
				if factory.Type() == resourceDetection {
					factories.Processors[name] = wrapped
				}
			}
		}
		return factories, nil
	}
}

// details are messages of upstream at level info that an operator does not need.
// Each start logs most of them several times. A failure has its own line.
var details = map[string]bool{
	"Internal trace telemetry disabled":        true,
	"Starting extensions...":                   true,
	"Extension is starting...":                 true,
	"Extension started.":                       true,
	"Starting health_check extension":          true,
	"began detecting resource information":     true,
	"detected resource information":            true,
	"Using percentage memory limiter":          true,
	"discarding event received after shutdown": true,
}

// failedMessage is upstream's log line about an error of the initialization. The command
// returns that error, and prints it as its last line; the log would add a stack.
const failedMessage = "error found during service initialization"

// startupCore leaves failedMessage out, logs details at level debug, and replays a held SIGHUP once the
// collector is ready. Otherwise it logs like the core inside. zap.Hooks would
// lose the log lines of confmap's providers: otelcol passes their entries to
// Write without a Check, and a hook's Write logs nothing.
type startupCore struct{ zapcore.Core }

// With returns a startupCore around the core with more fields.
func (c startupCore) With(fields []zapcore.Field) zapcore.Core {
	return startupCore{c.Core.With(fields)}
}

// Check reads the message, and lets the core inside decide whether to log it.
func (c startupCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	switch {
	case entry.Message == readyMessage:
		hangup.Replay()
	case entry.Message == failedMessage:
		return checked
	case entry.Level == zapcore.InfoLevel && details[entry.Message]:
		entry.Level = zapcore.DebugLevel
	}
	return c.Core.Check(entry, checked)
}

// prepareEnvironment reports problems on stderr, in the format of the
// collector's log, which does not exist before a configuration is loaded.
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
