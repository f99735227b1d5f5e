// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"
)

// LockFile is the name of the file in the directory that a running extension has locked.
const LockFile = lockFile

// Queue describes what waits in a queue that no collector has open.
type Queue struct {
	// Name is the name of the queue's folder inside the directory.
	Name string
	// Items is the number of stored requests, and Bytes their size on disk.
	Items, Bytes int64
	// Before is a time at which the oldest one was already stored. It is zero without
	// items.
	Before time.Time
}

// Inspect returns the queues of a directory. It changes nothing. The directory must not
// be in use.
func Inspect(directory string) ([]Queue, error) {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, err
	}
	var queues []Queue
	for _, entry := range entries {
		if !entry.IsDir() || !strings.HasSuffix(entry.Name(), folderSuffix) {
			continue
		}
		found, err := seglog.Inspect(filepath.Join(directory, entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("queue %s: %w", entry.Name(), err)
		}
		queues = append(queues, Queue{Name: entry.Name(), Items: found.Items, Bytes: found.Live, Before: found.Before})
	}
	return queues, nil
}
