// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// What exporterhelper logs for each attempt that fails, for each request that
// it gives up, and for each that finds the queue full.
const (
	helperRetryMessage    = "Exporting failed. Will retry the request after interval."
	helperDropMessage     = "Exporting failed. Dropping data."
	helperRejectMessage   = "Exporting failed. Rejecting data."
	helperShutdownMessage = "interrupted due to shutdown"
)

// helperLogger is the logger for exporterhelper, whose lines are for one request
// each. It lowers to debug what health says once for many attempts, says once
// for many that senders are refused for now, and does not call data dropped that
// stays on disk (https://github.com/open-telemetry/opentelemetry-collector/issues/10367).
func helperLogger(logger *zap.Logger, durable, queued bool) *zap.Logger {
	return logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return helperCore{Core: core, durable: durable, queued: queued, refusals: &refusals{}}
	}))
}

type helperCore struct {
	zapcore.Core
	durable, queued bool
	refusals        *refusals
}

// With implements zapcore.Core.
func (c helperCore) With(fields []zapcore.Field) zapcore.Core {
	c.Core = c.Core.With(fields)
	return c
}

// Check implements zapcore.Core.
func (c helperCore) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	switch {
	case entry.Message == helperRetryMessage:
		entry.Level = zapcore.DebugLevel
	case c.durable && strings.HasPrefix(entry.Message, helperDropMessage),
		c.queued && strings.HasPrefix(entry.Message, helperRejectMessage):
		return checked.AddCore(entry, c) // for Write, which sees the error
	}
	return c.Core.Check(entry, checked)
}

// Write implements zapcore.Core.
func (c helperCore) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	switch {
	case strings.HasPrefix(entry.Message, helperRejectMessage):
		count := c.refusals.add(entry.Time)
		if count == 0 {
			return nil
		}
		entry.Level = zapcore.WarnLevel
		entry.Message = "The queue takes nothing more: senders are told to send again later"
		entry.Stack = ""
		fields = append(fields, zap.Int("refused_requests", count))
	case hasShutdownError(fields):
		entry.Level = zapcore.InfoLevel
		entry.Message = "Shutting down: what is queued stays on disk and is sent at the next start"
		entry.Stack = ""
	}
	if checked := c.Core.Check(entry, nil); checked != nil {
		checked.Write(fields...)
	}
	return nil
}

func hasShutdownError(fields []zapcore.Field) bool {
	for _, field := range fields {
		if err, ok := field.Interface.(error); ok && strings.Contains(err.Error(), helperShutdownMessage) {
			return true
		}
	}
	return false
}

// refusals counts the requests that were refused since the log told of it.
type refusals struct {
	mu    sync.Mutex
	count int
	told  time.Time
}

// add counts one. It returns how many there are to tell of, or 0 if it is too
// early to tell again.
func (r *refusals) add(now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	if now.Sub(r.told) < time.Minute {
		return 0
	}
	count := r.count
	r.count, r.told = 0, now
	return count
}
