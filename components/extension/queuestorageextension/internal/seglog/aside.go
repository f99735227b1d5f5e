// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// unreadableFolder holds all data that cannot be read, inside the folder of the
// log.
const unreadableFolder = "unreadable"

// maxLabel limits the part of a file name that is not the time.
const maxLabel = 80

// aside stores data that cannot be read.
type aside struct {
	folder string
	limit  int64 // bytes; 0 is no limit
	size   int64
}

func openAside(folder string, limit int64) (*aside, error) {
	a := &aside{folder: filepath.Join(folder, unreadableFolder), limit: limit}
	entries, err := os.ReadDir(a.folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			a.size += info.Size()
		}
	}
	return a, nil
}

// keep stores data in a new file and returns its path.
func (a *aside) keep(label string, data []byte) (string, error) {
	if a.limit > 0 && a.size+int64(len(data)) > a.limit {
		return "", fmt.Errorf("%s holds %d bytes, and %d more would exceed max_size: inspect its files and remove them", a.folder, a.size, len(data))
	}
	if err := os.MkdirAll(a.folder, 0o700); err != nil {
		return "", err
	}
	path := a.path(label)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the label has no separators
	if err != nil {
		return "", err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(path))
	}
	a.size += int64(len(data))
	return path, nil
}

// move moves a whole file, which needs no disk space.
func (a *aside) move(label, path string) (string, error) {
	if err := os.MkdirAll(a.folder, 0o700); err != nil {
		return "", err
	}
	target := a.path(label)
	if err := os.Rename(path, target); err != nil {
		return "", err
	}
	if info, err := os.Stat(target); err == nil {
		a.size += info.Size()
	}
	return target, nil
}

// path returns an unused path.
func (a *aside) path(label string) string {
	safe := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.' {
			return r
		}
		return '_'
	}, label)
	base := time.Now().UTC().Format("20060102T150405.000000") + "-" + safe[:min(len(safe), maxLabel)]
	path := filepath.Join(a.folder, base)
	for i := 2; ; i++ {
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			return path
		}
		path = filepath.Join(a.folder, fmt.Sprintf("%s-%d", base, i))
	}
}
