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

// unreadableItems hands stored items that cannot be read to the storage extension,
// which keeps them outside of the queue. They come from an older or a newer collector,
// or from a faulty disk.
type unreadableItems struct {
	id     component.ID // of the exporter
	name   string       // of the signal, as exporterhelper names the client
	logger *zap.Logger
	count  func(context.Context)

	keeper unreadable.Keeper // set before the queue starts; nil if the storage keeps nothing

	mu     sync.Mutex
	items  int // not logged yet
	logged time.Time
}

// start finds the storage extension.
func (u *unreadableItems) start(host component.Host, storage component.ID) {
	u.keeper, _ = host.GetExtensions()[storage].(unreadable.Keeper)
}

// keep hands an item to the storage. It returns false if that has to be retried.
func (u *unreadableItems) keep(ctx context.Context, data []byte, reason error) bool {
	u.count(ctx)
	if u.keeper == nil {
		u.log("A stored request cannot be read and is dropped: use the storage extension queue_storage, which keeps such requests", reason, u.logger.Error)
		return true
	}
	if err := u.keeper.KeepUnreadable(ctx, component.KindExporter, u.id, u.name, data, reason); err != nil {
		u.log("A stored request cannot be read, and the storage cannot keep it: it stays in the queue", fmt.Errorf("%w; %w", reason, err), u.logger.Warn)
		return false
	}
	u.log("A stored request cannot be read: the storage keeps it outside of the queue", reason, u.logger.Warn)
	return true
}

// retry hands an item to the storage that could not keep it before.
func (u *unreadableItems) retry(ctx context.Context, data []byte, reason error) error {
	if u.keeper == nil {
		return nil // unreachable: such a storage would have dropped the item when it was read
	}
	if err := u.keeper.KeepUnreadable(ctx, component.KindExporter, u.id, u.name, data, reason); err != nil {
		return fmt.Errorf("a stored request that cannot be read is retried until the storage keeps it: %w", err)
	}
	return nil
}

// log logs one line for many items, since the whole queue can be unreadable.
func (u *unreadableItems) log(message string, reason error, log func(string, ...zap.Field)) {
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
