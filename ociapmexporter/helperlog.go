// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The messages that exporterhelper logs for each failed attempt, for each request that it
// drops, for each request that it refuses because the queue is full, and for each queue on
// startup.
const (
	helperRetryMessage    = "Exporting failed. Will retry the request after interval."
	helperDropMessage     = "Exporting failed. Dropping data."
	helperRejectMessage   = "Exporting failed. Rejecting data."
	helperShutdownMessage = "interrupted due to shutdown"
	helperLoadedMessage   = "Loaded queue metadata"
)

// helperLogger returns the logger for exporterhelper, which logs a line for each request.
//   - Failed attempts are logged at debug level, since health summarizes them.
//   - Refused requests are logged at most once a minute, with their number.
//   - A queue that is empty on startup is logged at debug level.
//   - Data that stays on disk at a shutdown is not called dropped
//     (https://github.com/open-telemetry/opentelemetry-collector/issues/10367).
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
	case entry.Message == helperLoadedMessage,
		c.durable && strings.HasPrefix(entry.Message, helperDropMessage),
		c.queued && strings.HasPrefix(entry.Message, helperRejectMessage):
		return checked.AddCore(entry, c) // Write decides, since it sees the error
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
		entry.Message = "Sending queue full: new data is refused with 503/UNAVAILABLE, senders retry"
		entry.Stack = ""
		fields = append(fields, zap.Int("refused_requests", count))
	case entry.Message == helperLoadedMessage && isZero(fields, "itemsSize") && isZero(fields, "dispatchedItems"):
		entry.Level = zapcore.DebugLevel
	case hasShutdownError(fields):
		entry.Level = zapcore.InfoLevel
		entry.Message = "Shutting down: queued data stays on disk and is retried on the next start"
		entry.Stack = ""
		fields = slices.Clone(fields)
		for i := range fields {
			if fields[i].Key == "dropped_items" {
				fields[i].Key = "queued_items" // nothing is dropped
			}
		}
	}
	if checked := c.Core.Check(entry, nil); checked != nil {
		checked.Write(fields...)
	}
	return nil
}

// isZero reports whether a field has the number 0.
func isZero(fields []zapcore.Field, key string) bool {
	return slices.ContainsFunc(fields, func(f zapcore.Field) bool { return f.Key == key && f.Integer == 0 && f.Interface == nil })
}

func hasShutdownError(fields []zapcore.Field) bool {
	for _, field := range fields {
		if err, ok := field.Interface.(error); ok && strings.Contains(err.Error(), helperShutdownMessage) {
			return true
		}
	}
	return false
}

// refusals counts the refused requests that are not logged yet.
type refusals struct {
	mu     sync.Mutex
	count  int
	logged time.Time
}

// add counts one request. It returns the number to log now, or 0 if the last line is less
// than a minute old.
func (r *refusals) add(now time.Time) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count++
	if now.Sub(r.logged) < time.Minute {
		return 0
	}
	count := r.count
	r.count, r.logged = 0, now
	return count
}
