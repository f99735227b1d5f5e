// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// What exporterhelper logs for each attempt that fails, and for each request
// that is still queued at the shutdown.
const (
	helperRetryMessage    = "Exporting failed. Will retry the request after interval."
	helperDropMessage     = "Exporting failed. Dropping data."
	helperShutdownMessage = "interrupted due to shutdown"
)

// helperLogger is the logger for exporterhelper. It lowers to debug what would
// be a line for each failed attempt: health has one for each change. With a
// queue on disk it also corrects that a shutdown drops what is queued.
func helperLogger(logger *zap.Logger, durable bool) *zap.Logger {
	return logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return helperCore{Core: core, durable: durable}
	}))
}

type helperCore struct {
	zapcore.Core
	durable bool
}

// With implements zapcore.Core.
func (c helperCore) With(fields []zapcore.Field) zapcore.Core {
	return helperCore{Core: c.Core.With(fields), durable: c.durable}
}

// Check implements zapcore.Core.
func (c helperCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if entry.Message == helperRetryMessage {
		entry.Level = zapcore.DebugLevel
	}
	if strings.HasPrefix(entry.Message, helperDropMessage) && c.durable {
		return checked.AddCore(entry, c) // Write decides, by the error
	}
	return c.Core.Check(entry, checked)
}

// Write implements zapcore.Core.
func (c helperCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	for _, field := range fields {
		if err, ok := field.Interface.(error); ok && strings.Contains(err.Error(), helperShutdownMessage) {
			entry.Level = zapcore.InfoLevel
			entry.Message = "Shutting down: what is queued stays on disk and is sent at the next start."
			entry.Stack = ""
		}
	}
	if checked := c.Core.Check(entry, nil); checked != nil {
		checked.Write(fields...)
	}
	return nil
}
