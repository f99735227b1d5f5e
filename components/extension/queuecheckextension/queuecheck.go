// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuecheckextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuecheckextension"

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"
)

// queueCheck logs what to write instead.
type queueCheck struct {
	component.ShutdownFunc
	directory string
	logger    *zap.Logger
}

// Start touches no file: another process may have it open.
func (q *queueCheck) Start(context.Context, component.Host) error {
	q.logger.Warn(fmt.Sprintf("queue_check is deprecated and does nothing: a damaged file of file_storage stops the collector. "+
		"Replace both with queue_storage, which migrates the queues: write extensions::queue_storage::directory: %s, "+
		"queue_storage in service::extensions, and storage: queue_storage wherever it says storage: file_storage", q.directory))
	return nil
}
