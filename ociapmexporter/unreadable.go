// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/unreadable"
)

// unreadableItems hands stored items that cannot be read to the storage, which
// keeps them: an older collector left them, a newer one, or a disk with a fault.
type unreadableItems struct {
	id     component.ID // of the exporter
	name   string       // of the signal, as exporterhelper names the client
	logger *zap.Logger
	count  func(context.Context)

	keeper unreadable.Keeper // nil is none; set before the queue starts

	mu     sync.Mutex
	items  int // that the log has not told of
	logged time.Time
}

// start finds the storage.
func (u *unreadableItems) start(host component.Host, storage component.ID) {
	u.keeper, _ = host.GetExtensions()[storage].(unreadable.Keeper)
}

// keep keeps an item. It returns false if the storage cannot, for now.
func (u *unreadableItems) keep(ctx context.Context, data []byte, reason error) bool {
	u.count(ctx)
	if u.keeper == nil {
		u.tell("A stored request cannot be read and is lost: use the storage extension queue_storage, which keeps such requests", reason, u.logger.Error)
		return true
	}
	if err := u.keeper.KeepUnreadable(ctx, component.KindExporter, u.id, u.name, data, reason); err != nil {
		u.tell("A stored request cannot be read, and the storage cannot keep it: it stays in the queue", fmt.Errorf("%w; %w", reason, err), u.logger.Warn)
		return false
	}
	u.tell("A stored request cannot be read: the storage keeps it outside of the queue", reason, u.logger.Warn)
	return true
}

// retry keeps an item that the storage could not keep before.
func (u *unreadableItems) retry(ctx context.Context, data []byte, reason error) error {
	if u.keeper == nil {
		return nil // there was one: the item came from it
	}
	if err := u.keeper.KeepUnreadable(ctx, component.KindExporter, u.id, u.name, data, reason); err != nil {
		return fmt.Errorf("a stored request that cannot be read is held until the storage keeps it: %w", err)
	}
	return nil
}

// tell writes one line for many items: there can be a queue full of them.
func (u *unreadableItems) tell(message string, reason error, log func(string, ...zap.Field)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.items++
	now := time.Now()
	if now.Sub(u.logged) < reminderInterval {
		return
	}
	log(message, zap.Error(reason), zap.Int("unreadable_requests", u.items))
	u.items, u.logged = 0, now
}
