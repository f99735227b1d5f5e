// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/gofrs/flock"
	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/boltfile"
	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"
)

const (
	// takingOver is a key that exists while a file of file_storage is being
	// copied with its keys unchanged.
	takingOver = "queue_storage/taking_over"
	// copySize is the number of bytes that are copied at a time.
	copySize = 1 << 20
)

var fileStorageBucket = []byte("default")

// takeOver migrates a client's queue of file_storage to its log, once, and
// removes the file. A file that another process has open is an error. A damaged
// file is moved aside. If there is no disk space for a copy, the file is kept,
// and the migration is retried on the next start.
func (q *queueStorage) takeOver(ctx context.Context, log *seglog.Log, kind component.Kind, id component.ID, name string) error {
	fileName := fileStorageName(kind, id, name)
	for _, candidate := range []string{fileName, hashed(fileName)} {
		path := filepath.Join(q.cfg.Directory, candidate)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			if err := q.takeOverFile(ctx, log, path, hostOf(kind, id)); err != nil {
				return fmt.Errorf("migrate %s, a queue of file_storage: %w", path, err)
			}
		}
	}
	return log.Batch(storage.DeleteOperation(takingOver))
}

var errInUse = errors.New("another collector has it open; stop that one, or give this one its own directory")

func (q *queueStorage) takeOverFile(ctx context.Context, log *seglog.Log, path string, h host) error {
	if err := checkBoltFile(ctx, path); errors.Is(err, boltfile.ErrDamaged) {
		return log.KeepFile(path, err)
	} else if err != nil {
		return err
	}
	// Opening the file read-only needs no disk space.
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockWait})
	if errors.Is(err, berrors.ErrTimeout) {
		return errInUse
	}
	if err != nil {
		return err
	}
	count := 0
	err = db.View(func(tx *bbolt.Tx) error {
		count, err = copyBucket(log, tx.Bucket(fileStorageBucket), h)
		return err
	})
	if err = errors.Join(err, db.Close()); errors.Is(err, storage.ErrStorageFull) {
		q.logger.Error("A file_storage queue was not migrated: no disk space for a copy. The file is kept, and the migration is retried on the next start",
			zap.String("file", path), zap.Error(err))
		return nil
	}
	if err != nil {
		return err
	}
	// If the file stayed, all its items would be sent again after the next
	// start.
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("%w; the file has been migrated; remove it by hand", err)
	}
	q.logger.Info("A file_storage queue was migrated, and its file was removed", zap.String("file", path), zap.Int("items", count))
	return nil
}

// checkBoltFile checks a file for damage, which would crash bbolt. It holds
// bbolt's lock, because a file that another process is writing looks damaged.
// On Windows the lock would block the check itself, but there a file that is
// open cannot be renamed.
func checkBoltFile(ctx context.Context, path string) error {
	if runtime.GOOS != "windows" {
		waiting, cancel := context.WithTimeout(ctx, lockWait)
		defer cancel()
		lock := flock.New(path)
		_, err := lock.TryLockContext(waiting, lockRetry)
		if errors.Is(err, context.DeadlineExceeded) {
			return errInUse
		}
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return boltfile.Check(file, info.Size())
}

// copyBucket copies a bucket and returns the number of its values. If the log
// already has values, numbered items are appended with new numbers. If copying
// fails, the log contains nothing of the bucket.
func copyBucket(log *seglog.Log, bucket *bbolt.Bucket, h host) (int, error) {
	if bucket == nil {
		return 0, nil
	}
	mark := storage.GetOperation(takingOver)
	if err := log.Batch(mark); err != nil {
		return 0, err
	}
	values := asTheyAre(bucket)
	switch {
	case log.Stats().Keys == 0 || mark.Value != nil:
		if err := log.Import(storage.SetOperation(takingOver, []byte{1})); err != nil {
			return 0, err
		}
	case h.derived == "":
		return 0, errors.New("the queue already has values; move the file away")
	default:
		_, highest, _ := log.Bounds(h.numbering)
		values = renumbered(bucket, h.numbering, highest+1)
	}
	count, err := inBatches(values, storage.SetOperation, log.Import)
	if err != nil {
		remove := func(key string, _ []byte) *storage.Operation { return storage.DeleteOperation(key) }
		_, removeErr := inBatches(values, remove, log.Batch)
		err = errors.Join(err, removeErr)
	}
	return count, err
}

// inBatches carries out an operation for each value, several in one batch.
func inBatches(values iter.Seq2[string, []byte], operation func(string, []byte) *storage.Operation, batch func(...*storage.Operation) error) (int, error) {
	count, size := 0, 0
	var ops []*storage.Operation
	for key, value := range values {
		if size+len(value) > copySize && len(ops) > 0 {
			if err := batch(ops...); err != nil {
				return count, err
			}
			ops, size = ops[:0], 0
		}
		ops = append(ops, operation(key, value))
		count++
		size += len(value)
	}
	return count, batch(ops...)
}

// asTheyAre ranges over the keys and values of a bucket.
func asTheyAre(bucket *bbolt.Bucket) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		cursor := bucket.Cursor()
		for key, value := cursor.First(); key != nil && yield(string(key), value); {
			key, value = cursor.Next()
		}
	}
}

// renumbered ranges over the numbered items of a bucket in order, with new
// numbers.
func renumbered(bucket *bbolt.Bucket, numbering seglog.Numbering, next uint64) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		var numbers []uint64
		for key := range asTheyAre(bucket) {
			if number, ok := numbering.Number(key); ok {
				numbers = append(numbers, number)
			}
		}
		slices.Sort(numbers)
		for i, number := range numbers {
			if !yield(numbering.Key(next+uint64(i)), bucket.Get([]byte(numbering.Key(number)))) {
				return
			}
		}
	}
}
