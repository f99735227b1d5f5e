// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.uber.org/zap"
)

// reminderInterval is how often a problem that persists is logged again.
const reminderInterval = 5 * time.Minute

// The log lines about uploads that fail.
const (
	uploadFailed       = "Upload to OCI APM failed, will retry"
	uploadStillFailing = "Uploads to OCI APM still failing, will retry"
	uploadDropped      = "OCI APM rejected an upload permanently; its data is dropped"
	uploadStillDropped = "OCI APM still rejects uploads permanently; their data is dropped"
)

// health reports in the log and in the component's status whether uploads succeed. It
// logs one line for each change and a reminder with a count, however many uploads
// fail.
type health struct {
	logger    *zap.Logger
	host      component.Host // set before the first upload
	queue     *queueGauges
	queueUnit string // as in the configuration

	mu         sync.Mutex
	lastUpload time.Time // that APM accepted
	problem    string    // kind of the last failure; "" after a success
	lastError  error     // of the last failure of this kind that was logged
	since      time.Time
	attempts   int // failed since then
	reminded   time.Time
	reported   figures // in the component status

	rejectedItems   int64 // not logged yet
	rejectedMessage string
	rejectedLogged  time.Time
}

// failed reports an upload that failed. A new kind is logged at once.
func (h *health) failed(kind string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	if h.problem == "" {
		h.since, h.attempts = now, 0
	}
	h.attempts++
	first, reminder := uploadFailed, uploadStillFailing
	if consumererror.IsPermanent(err) {
		first, reminder = uploadDropped, uploadStillDropped
	}
	switch {
	case h.problem != kind:
		h.logger.Warn(first, zap.Error(err))
	case now.Sub(h.reminded) >= reminderInterval:
		h.logger.Warn(reminder, zap.Error(err),
			zap.Int("failed_attempts", h.attempts), zap.Duration("for", now.Sub(h.since).Round(time.Second)))
	default:
		return
	}
	h.problem, h.lastError, h.reminded = kind, err, now
	h.report()
}

// succeeded reports an upload that was accepted.
func (h *health) succeeded() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lastUpload = time.Now()
	if h.problem == "" || h.problem == discoveryProblem {
		if h.reported.lastUpload.IsZero() {
			h.report()
		}
		return
	}
	h.logger.Info("Uploads to OCI APM succeed again",
		zap.Int("failed_attempts", h.attempts), zap.Duration("after", time.Since(h.since).Round(time.Millisecond)))
	h.problem, h.lastError = "", nil
	h.report()
}

// rejected reports items that APM rejected in an upload that it accepted.
func (h *health) rejected(items int64, message string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.rejectedItems += items
	now := time.Now()
	if message == h.rejectedMessage && now.Sub(h.rejectedLogged) < reminderInterval {
		return
	}
	h.logger.Warn("OCI APM accepted uploads in part; the rejected items are dropped",
		zap.Int64("rejected_items", h.rejectedItems), zap.String("message", message))
	h.rejectedItems, h.rejectedMessage, h.rejectedLogged = 0, message, now
}
