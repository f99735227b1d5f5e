// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"
)

// client gives one component access to its log.
type client struct {
	storage *queueStorage
	folder  string
	log     *seglog.Log
	host    host
}

var _ storage.Client = (*client)(nil)

// Get returns the value of a key, or nil if the key does not exist.
func (c *client) Get(_ context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.log.Batch(op)
	return op.Value, err
}

// Set stores a value.
func (c *client) Set(_ context.Context, key string, value []byte) error {
	return c.log.Batch(storage.SetOperation(key, value))
}

// Delete removes a key if it exists.
func (c *client) Delete(_ context.Context, key string) error {
	return c.log.Batch(storage.DeleteOperation(key))
}

// Batch carries out the operations in order: all of them, or none.
func (c *client) Batch(_ context.Context, ops ...*storage.Operation) error {
	if err := c.log.Batch(ops...); err != nil {
		return err
	}
	if c.host.dispatches(ops) && ops[1].Value == nil {
		return fmt.Errorf("item %s does not exist: the disk was full when it was stored, or it was damaged", ops[1].Key)
	}
	return nil
}

// Close releases the queue, so that another client can open it.
func (c *client) Close(context.Context) error {
	c.storage.mu.Lock()
	defer c.storage.mu.Unlock()
	if c.storage.clients[c.folder] == c {
		delete(c.storage.clients, c.folder)
	}
	return c.log.Close()
}
