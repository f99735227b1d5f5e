// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package startup // import "github.com/ociapm/otelcol-ociapm/internal/startup"

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// queueVariable is the variable of the ready configurations that sets the directory of
// queue_storage.
const queueVariable = "OTELCOL_QUEUE_DIRECTORY"

// FolderInUse returns the problem of a queue folder whose lock file another process has
// locked.
func FolderInUse(folder, lockFile string) *Problem {
	const separate = "give each its own (directory of queue_storage; " + queueVariable + " in the ready configurations)"
	owner, ok := locker(lockFile)
	switch {
	case ok && owner.pid == os.Getpid():
		return &Problem{sentence: fmt.Sprintf("the queue folder %s is in use by another queue_storage of this collector: %s", folder, separate)}
	case ok:
		return &Problem{sentence: fmt.Sprintf("the queue folder %s is in use by another collector, %s: stop that one, or %s", folder, owner, separate)}
	default:
		return &Problem{sentence: fmt.Sprintf("the queue folder %s is in use by another collector, or by another queue_storage of this one: stop that one, or %s", folder, separate)}
	}
}

// FolderNotWritable returns the problem of a queue folder that this process may not
// write to.
func FolderNotWritable(folder string, cause error) *Problem {
	return &Problem{
		sentence: fmt.Sprintf("the queue folder %s cannot be written by the collector's user, uid %d (%s): give that user write access, or set %s (directory of queue_storage) to a folder that it can write",
			folder, os.Getuid(), cause, queueVariable),
		cause: cause,
	}
}

// CheckFolder returns a Problem if this process may not write to a queue folder or to
// something in it. If create is set and the folder does not exist, the process must be
// able to create it.
// It changes nothing. On Windows it checks nothing.
func CheckFolder(folder string, create bool) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		if !create {
			return nil
		}
		if err = mayWrite(nearest(folder), true); err != nil {
			return FolderNotWritable(folder, err)
		}
		return nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return FolderNotWritable(folder, err)
	}
	if err != nil {
		return nil //nolint:nilerr // not a folder, for example: not a matter of permissions
	}
	if err := mayWrite(folder, true); err != nil {
		return FolderNotWritable(folder, err)
	}
	for _, entry := range entries {
		if err := mayWrite(filepath.Join(folder, entry.Name()), entry.IsDir()); err != nil {
			return FolderNotWritable(folder, err)
		}
	}
	return nil
}

// nearest returns the closest parent that exists.
func nearest(path string) string {
	for {
		parent := filepath.Dir(path)
		if _, err := os.Stat(parent); err == nil || parent == path {
			return parent
		}
		path = parent
	}
}
