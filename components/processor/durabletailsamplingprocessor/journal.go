// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// journal keeps batches in a storage, under increasing numbers. For each batch
// it may also store which of its parts are held.
type journal struct {
	client storage.Client

	// mu is held during each change of the storage, so that an older index
	// never replaces a newer one.
	mu sync.Mutex
	// All stored batches have numbers in [first, next).
	first, next uint64
	// kept contains the stored batches. The value is true if held parts are
	// stored for the batch.
	kept map[uint64]bool

	// pendingMu guards the pending changes below.
	pendingMu sync.Mutex
	done      []uint64          // batches to delete with the next change
	held      map[uint64][]byte // held parts to store with the next flush, by batch number
}

// openJournal returns the journal that an earlier process has left in the
// storage.
func openJournal(ctx context.Context, client storage.Client) (*journal, error) {
	first, next, err := readIndex(ctx, client)
	if err != nil {
		return nil, err
	}
	return &journal{client: client, first: first, next: next, kept: map[uint64]bool{}, held: map[uint64][]byte{}}, nil
}

// recover calls each function for the batches that an earlier process has left,
// in the order in which they were stored: first heldParts for those with held
// parts, then each for the others. A batch for which heldParts returns false is
// treated as one of the others.
func (j *journal) recover(ctx context.Context, heldParts func(number uint64, record []byte) bool, each func(number uint64, data []byte) error) error {
	held := map[uint64]bool{}
	for number := j.first; number < j.next; number++ {
		record, err := j.client.Get(ctx, heldKey(number))
		if err != nil {
			return err
		}
		if record != nil {
			j.kept[number] = true
			held[number] = heldParts(number, record)
		}
	}
	for number := j.first; number < j.next; number++ {
		if held[number] {
			continue
		}
		data, err := j.read(ctx, number)
		if err != nil {
			return err
		}
		if data == nil {
			if j.kept[number] {
				j.finish(number)
			}
			continue
		}
		_, j.kept[number] = held[number]
		if err := each(number, data); err != nil {
			return err
		}
	}
	return nil
}

// read returns a batch, or nil if it is no longer stored.
func (j *journal) read(ctx context.Context, number uint64) ([]byte, error) {
	return j.client.Get(ctx, batchKey(number))
}

// add stores a batch and returns its number.
func (j *journal) add(ctx context.Context, data []byte) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	number := j.next
	j.next++
	j.kept[number] = false
	if err := j.change(ctx, storage.SetOperation(batchKey(number), data)); err != nil {
		delete(j.kept, number)
		return 0, err
	}
	return number, nil
}

// finish marks a batch for deletion with the next change of the storage.
func (j *journal) finish(number uint64) {
	j.pendingMu.Lock()
	defer j.pendingMu.Unlock()
	j.done = append(j.done, number)
}

// hold records the held parts of a batch for the next flush.
func (j *journal) hold(number uint64, record []byte) {
	j.pendingMu.Lock()
	defer j.pendingMu.Unlock()
	j.held[number] = record
}

// flush carries out the pending changes. It deletes first, in a separate step:
// on a full disk that may be the only change that succeeds, and it frees space.
func (j *journal) flush(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pendingMu.Lock()
	idle, held := len(j.done) == 0, j.held
	j.held = map[uint64][]byte{}
	j.pendingMu.Unlock()
	var err error
	if !idle {
		err = j.change(ctx)
	}
	return errors.Join(err, j.storeHeld(ctx, held))
}

// storeHeld stores which parts of batches are held. The caller must hold mu.
func (j *journal) storeHeld(ctx context.Context, held map[uint64][]byte) error {
	maps.DeleteFunc(held, func(number uint64, _ []byte) bool {
		_, kept := j.kept[number]
		return !kept
	})
	if len(held) == 0 {
		return nil
	}
	operations := make([]*storage.Operation, 0, len(held))
	for number, record := range held {
		operations = append(operations, storage.SetOperation(heldKey(number), record))
	}
	if err := j.client.Batch(ctx, operations...); err != nil {
		j.pendingMu.Lock()
		defer j.pendingMu.Unlock()
		maps.Copy(held, j.held) // these are newer
		j.held = held
		return err
	}
	for number := range held {
		j.kept[number] = true
	}
	return nil
}

// idle reports whether no change is pending.
func (j *journal) idle() bool {
	j.pendingMu.Lock()
	defer j.pendingMu.Unlock()
	return len(j.done) == 0 && len(j.held) == 0
}

// change carries out operations and deletes finished batches, all or nothing.
// The caller must hold mu.
func (j *journal) change(ctx context.Context, operations ...*storage.Operation) error {
	j.pendingMu.Lock()
	done := j.done
	j.done = nil
	j.pendingMu.Unlock()
	hadHeld := make([]bool, len(done))
	var deletes []*storage.Operation
	for n, number := range done {
		deletes = append(deletes, storage.DeleteOperation(batchKey(number)))
		hadHeld[n] = j.kept[number]
		if hadHeld[n] {
			deletes = append(deletes, storage.DeleteOperation(heldKey(number)))
		}
		delete(j.kept, number)
	}
	first := j.first
	for ; j.first < j.next; j.first++ {
		if _, kept := j.kept[j.first]; kept {
			break
		}
	}
	// The index is written first: a storage may mistake a damaged last record
	// for an incomplete batch.
	var all []*storage.Operation
	index := encodeIndex(j.first, j.next)
	for _, key := range indexKeys {
		all = append(all, storage.SetOperation(key, index))
	}
	err := j.client.Batch(ctx, slices.Concat(all, deletes, operations)...)
	if err != nil {
		j.first = first
		for n, number := range done {
			j.kept[number] = hadHeld[n]
			j.finish(number)
		}
	}
	return err
}
