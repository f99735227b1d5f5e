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

// What exporterhelper logs for each attempt that fails, for each request that it drops,
// and for each that it rejects because the queue is full.
const (
	helperRetryMessage    = "Exporting failed. Will retry the request after interval."
	helperDropMessage     = "Exporting failed. Dropping data."
	helperRejectMessage   = "Exporting failed. Rejecting data."
	helperShutdownMessage = "interrupted due to shutdown"
)

// helperLogger returns the logger for exporterhelper, which logs a line for each
// request. Failed attempts are lowered to debug, since health logs them once for many;
// rejected requests are logged once for many; and data that stays on disk at a shutdown
// is not called dropped (https://github.com/open-telemetry/opentelemetry-collector/issues/10367).
func helperLogger(logger *zap.Logger, durable, queued bool) *zap.Logger {
	return logger.WithOptions(zap.WrapCore(func(core zapcore.Core) zapcore.Core {
		return helperCore{Core: core, durable: durable, queued: queued, rejections: &rejections{}}
	}))
}

type helperCore struct {
	zapcore.Core
	durable, queued bool
	rejections      *rejections
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
		count := c.rejections.add(entry.Time)
		if count == 0 {
			return nil
		}
		entry.Level = zapcore.WarnLevel
		entry.Message = "Sending queue full: new data is rejected with 503/UNAVAILABLE, senders retry"
		entry.Stack = ""
		fields = append(fields, zap.Int("rejected_requests", count))
	case hasShutdownError(fields):
		entry.Level = zapcore.InfoLevel
		entry.Message = "Shutting down: queued data stays on disk and is retried on the next start"
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

// rejections counts the rejected requests that are not logged yet.
type rejections struct {
	mu    sync.Mutex
	count int
	told  time.Time
}

// add counts one. It returns how many to log now, or 0 if the last line is less than a
// minute old.
func (r *rejections) add(now time.Time) int {
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
