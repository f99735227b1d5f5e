// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"
	"github.com/ociapm/otelcol-ociapm/internal/startup"
	"github.com/ociapm/otelcol-ociapm/internal/unreadable"
)

const (
	lockFile = "queue_storage.lock"
	// lockWait gives a collector that is shutting down time to release the
	// directory.
	lockWait = time.Second
	// lockRetry is the interval between attempts to get the lock.
	lockRetry = 50 * time.Millisecond
)

var (
	_ storage.Extension = (*queueStorage)(nil)
	_ unreadable.Keeper = (*queueStorage)(nil)
)

// queueStorage keeps a log for each client, each in its own folder.
type queueStorage struct {
	cfg       *Config
	logger    *zap.Logger
	telemetry *metadata.TelemetryBuilder

	// mu guards everything below.
	mu      sync.Mutex
	lock    *flock.Flock       // held from Start to Shutdown
	clients map[string]*client // by folder name
}

// Start locks the directory for this extension.
func (q *queueStorage) Start(ctx context.Context, _ component.Host) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.lockDirectory(ctx); err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	return errors.Join(
		q.telemetry.RegisterExtensionQueueStorageDiskUsageCallback(q.observe(func(s seglog.Stats) int64 { return s.Disk })),
		q.telemetry.RegisterExtensionQueueStorageStoredItemsCallback(q.observe(func(s seglog.Stats) int64 { return s.Keys })),
	)
}

func (q *queueStorage) lockDirectory(ctx context.Context) error {
	dir := q.cfg.Directory
	if q.cfg.CreateDirectory {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return startup.FolderNotWritable(dir, err)
		}
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist; create it, or write create_directory: true", dir)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a folder; choose another path", dir)
	}
	lock := flock.New(filepath.Join(dir, lockFile))
	waiting, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	_, err = lock.TryLockContext(waiting, lockRetry)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return startup.FolderInUse(dir, lock.Path())
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return startup.FolderNotWritable(dir, err)
	case err != nil:
		return fmt.Errorf("%s cannot be locked: %w", dir, err)
	}
	q.lock = lock
	return nil
}

func (q *queueStorage) observe(value func(seglog.Stats) int64) metric.Int64Callback {
	return func(_ context.Context, o metric.Int64Observer) error {
		q.mu.Lock()
		defer q.mu.Unlock()
		for name, c := range q.clients {
			o.Observe(value(c.log.Stats()), queueAttribute(name))
		}
		return nil
	}
}

func queueAttribute(name string) metric.MeasurementOption {
	return metric.WithAttributeSet(attribute.NewSet(attribute.String("queue", name)))
}

// Shutdown closes the clients that are still open, and releases the directory.
func (q *queueStorage) Shutdown(context.Context) error {
	q.telemetry.Shutdown()
	q.mu.Lock()
	defer q.mu.Unlock()
	var errs []error
	for _, c := range q.clients {
		errs = append(errs, c.log.Close())
	}
	clear(q.clients)
	if q.lock != nil {
		errs = append(errs, q.lock.Unlock())
		q.lock = nil
	}
	return errors.Join(errs...)
}

// GetClient opens the log of a component, migrates the component's file_storage
// queue if there is one, and repairs the data that the component reads on
// startup.
func (q *queueStorage) GetClient(ctx context.Context, kind component.Kind, id component.ID, name string) (storage.Client, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.lock == nil {
		return nil, errors.New("the extension has not started")
	}
	folder := folderName(kind, id, name)
	if q.clients[folder] != nil {
		return nil, fmt.Errorf("the queue %s is in use by another component of this collector", folder)
	}
	h := hostOf(kind, id)
	log, err := seglog.Open(q.options(folder, h)) //nolint:contextcheck // what is unreadable is counted after the call, too
	if err != nil {
		return nil, fmt.Errorf("open the queue %s: %w", folder, err)
	}
	if err := errors.Join(q.takeOver(ctx, log, kind, id, name), h.heal(log)); err != nil {
		return nil, errors.Join(fmt.Errorf("open the queue %s: %w", folder, err), log.Close())
	}
	c := &client{storage: q, folder: folder, log: log, host: h}
	q.clients[folder] = c
	return c, nil
}

// options returns the options of a component's log.
func (q *queueStorage) options(folder string, h host) seglog.Options {
	return seglog.Options{
		Folder:       filepath.Join(q.cfg.Directory, folder),
		MaxSize:      q.cfg.MaxSize,
		FSync:        q.cfg.FSync,
		Derived:      h.derived,
		Logger:       q.logger,
		OnUnreadable: q.noteUnreadable(folder),
	}
}

// noteUnreadable counts and logs data that is moved to the unreadable folder.
func (q *queueStorage) noteUnreadable(folder string) func(path string, reason error) {
	return func(path string, reason error) {
		q.telemetry.ExtensionQueueStorageUnreadableItems.Add(context.Background(), 1, queueAttribute(folder))
		if path == "" {
			q.logger.Error("A part of a queue cannot be read, and could not be moved to the folder unreadable: its items are not sent", zap.String("queue", folder), zap.Error(reason))
			return
		}
		q.logger.Warn("A part of a queue cannot be read and is moved away: its items are dropped from the queue",
			zap.String("queue", folder), zap.String("file", path), zap.Error(reason))
	}
}

// KeepUnreadable stores an item in the folder unreadable of the component's
// queue. Empty data is ignored: after a restart, the host asks for numbers that
// have no item.
func (q *queueStorage) KeepUnreadable(_ context.Context, kind component.Kind, id component.ID, name string, data []byte, reason error) error {
	if len(data) == 0 {
		return nil
	}
	q.mu.Lock()
	c := q.clients[folderName(kind, id, name)]
	q.mu.Unlock()
	if c == nil {
		return fmt.Errorf("the queue %s is not open", folderName(kind, id, name))
	}
	return c.log.Keep("item", data, reason)
}
