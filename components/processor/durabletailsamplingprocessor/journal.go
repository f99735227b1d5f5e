// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor // import "github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor"

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// indexKey is where the journal has the range of its batches' numbers.
const indexKey = "index"

// journal keeps batches in a storage, each under a number that grows.
type journal struct {
	client storage.Client

	// mu is held for each change of the storage, so that the index never goes back.
	mu sync.Mutex
	// All batches that are kept have numbers in [first, next).
	first, next uint64
	kept        map[uint64]struct{}

	doneMu sync.Mutex
	done   []uint64 // what the next change deletes
}

// openJournal returns what a former process has left in the storage.
func openJournal(ctx context.Context, client storage.Client) (*journal, error) {
	j := &journal{client: client, kept: map[uint64]struct{}{}}
	index, err := client.Get(ctx, indexKey)
	if err != nil {
		return nil, err
	}
	if index == nil {
		return j, nil
	}
	if len(index) != 16 {
		return nil, fmt.Errorf("the index of the batches has %d bytes, where 16 belong; move the storage's file away", len(index))
	}
	j.first, j.next = binary.BigEndian.Uint64(index), binary.BigEndian.Uint64(index[8:])
	return j, nil
}

// recover calls each for every batch that a former process has left, in the order
// in which they came.
func (j *journal) recover(ctx context.Context, each func(number uint64, data []byte) error) error {
	for number := j.first; number < j.next; number++ {
		data, err := j.read(ctx, number)
		if err != nil {
			return err
		}
		if data == nil {
			continue
		}
		j.kept[number] = struct{}{}
		if err := each(number, data); err != nil {
			return err
		}
	}
	return nil
}

// read returns a batch, or nil if it is not kept any more.
func (j *journal) read(ctx context.Context, number uint64) ([]byte, error) {
	return j.client.Get(ctx, batchKey(number))
}

// add keeps a batch and returns its number.
func (j *journal) add(ctx context.Context, data []byte) (uint64, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	number := j.next
	j.next++
	j.kept[number] = struct{}{}
	if err := j.change(ctx, storage.SetOperation(batchKey(number), data)); err != nil {
		delete(j.kept, number)
		return 0, err
	}
	return number, nil
}

// finish has the next change of the storage delete a batch.
func (j *journal) finish(number uint64) {
	j.doneMu.Lock()
	defer j.doneMu.Unlock()
	j.done = append(j.done, number)
}

// flush deletes the batches that are finished.
func (j *journal) flush(ctx context.Context) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.doneMu.Lock()
	idle := len(j.done) == 0
	j.doneMu.Unlock()
	if idle {
		return nil
	}
	return j.change(ctx)
}

// change carries out operations and deletes what is finished, all or nothing. The
// caller holds mu.
func (j *journal) change(ctx context.Context, operations ...*storage.Operation) error {
	j.doneMu.Lock()
	done := j.done
	j.done = nil
	j.doneMu.Unlock()
	for _, number := range done {
		delete(j.kept, number)
		operations = append(operations, storage.DeleteOperation(batchKey(number)))
	}
	first := j.first
	for ; j.first < j.next; j.first++ {
		if _, kept := j.kept[j.first]; kept {
			break
		}
	}
	index := binary.BigEndian.AppendUint64(make([]byte, 0, 16), j.first)
	index = binary.BigEndian.AppendUint64(index, j.next)
	err := j.client.Batch(ctx, append(operations, storage.SetOperation(indexKey, index))...)
	if err != nil {
		j.first = first
		for _, number := range done {
			j.kept[number] = struct{}{}
			j.finish(number)
		}
	}
	return err
}

// batchKey returns the key of a batch. Keys sort as numbers do, so that the storage
// is written at its end.
func batchKey(number uint64) string {
	return fmt.Sprintf("%016x", number)
}
