// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/extension/xextension/storage"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"
)

// client is the log of one component.
type client struct {
	storage *queueStorage
	folder  string
	log     *seglog.Log
	host    host
}

var _ storage.Client = (*client)(nil)

// Get returns the value of a key, or nil if there is none.
func (c *client) Get(_ context.Context, key string) ([]byte, error) {
	op := storage.GetOperation(key)
	err := c.log.Batch(op)
	return op.Value, err
}

// Set stores a value.
func (c *client) Set(_ context.Context, key string, value []byte) error {
	return c.log.Batch(storage.SetOperation(key, value))
}

// Delete removes a key if it is there.
func (c *client) Delete(_ context.Context, key string) error {
	return c.log.Batch(storage.DeleteOperation(key))
}

// Batch carries out operations in order. All changes are made, or none.
func (c *client) Batch(_ context.Context, ops ...*storage.Operation) error {
	if err := c.log.Batch(ops...); err != nil {
		return err
	}
	if c.host.dispatches(ops) && ops[1].Value == nil {
		return fmt.Errorf("item %s is not there: the disk was full, or it was damaged", ops[1].Key)
	}
	return nil
}

// Close gives the queue free for another client.
func (c *client) Close(context.Context) error {
	c.storage.mu.Lock()
	defer c.storage.mu.Unlock()
	if c.storage.clients[c.folder] == c {
		delete(c.storage.clients, c.folder)
	}
	return c.log.Close()
}
