// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

// reminderInterval is how often the log repeats that a problem goes on.
const reminderInterval = 5 * time.Minute

// health tells the log and the component's status whether uploads arrive. The
// log has a line for each change, and then a count, however many uploads fail.
type health struct {
	logger *zap.Logger
	host   component.Host // set before the first upload

	mu       sync.Mutex
	problem  string // "" is none
	since    time.Time
	attempts int // that failed since
	reminded time.Time

	rejectedItems   int64 // that the log has not told of
	rejectedMessage string
	rejectedLogged  time.Time
}

// failed notes an upload that did not arrive. The kind tells one problem from
// another.
func (h *health) failed(kind string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.problem == "" {
		h.since, h.attempts = now, 0
	}
	h.attempts++
	switch {
	case h.problem != kind:
		h.logger.Warn("Uploads to OCI APM do not arrive", zap.Error(err))
		componentstatus.ReportStatus(h.host, componentstatus.NewRecoverableErrorEvent(err))
	case now.Sub(h.reminded) >= reminderInterval:
		h.logger.Warn("Uploads to OCI APM still do not arrive", zap.Error(err),
			zap.Int("failed_attempts", h.attempts), zap.Duration("for", now.Sub(h.since).Round(time.Second)))
	default:
		return
	}
	h.problem, h.reminded = kind, now
}

// succeeded notes an upload that arrived.
func (h *health) succeeded() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.problem == "" {
		return
	}
	h.logger.Info("Uploads to OCI APM arrive again",
		zap.Int("failed_attempts", h.attempts), zap.Duration("after", time.Since(h.since).Round(time.Millisecond)))
	h.problem = ""
	componentstatus.ReportStatus(h.host, componentstatus.NewEvent(componentstatus.StatusOK))
}

// rejected notes items that APM did not take of an upload that it accepted.
func (h *health) rejected(items int64, message string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rejectedItems += items
	now := time.Now()
	if message == h.rejectedMessage && now.Sub(h.rejectedLogged) < reminderInterval {
		return
	}
	h.logger.Warn("OCI APM accepted uploads in part: what it rejected is lost",
		zap.Int64("rejected_items", h.rejectedItems), zap.String("message", message))
	h.rejectedItems, h.rejectedMessage, h.rejectedLogged = 0, message, now
}
