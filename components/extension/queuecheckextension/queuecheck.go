// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuecheckextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuecheckextension"

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuecheckextension/internal/boltfile"
)

// damagedSuffix is in the name of a file that was set aside.
const damagedSuffix = ".damaged"

// queueCheck checks files at its start. Extensions start before the exporters,
// which are what makes file_storage open them.
type queueCheck struct {
	component.ShutdownFunc
	directory string
	logger    *zap.Logger
}

// Start sets every damaged file in the directory aside. It never fails: what it
// cannot read, file_storage will say.
func (q *queueCheck) Start(context.Context, component.Host) error {
	entries, err := os.ReadDir(q.directory)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			q.logger.Warn("The queue files were not checked", zap.Error(err))
		}
		return nil
	}
	for _, entry := range entries {
		if isQueue(entry) {
			q.check(filepath.Join(q.directory, entry.Name()))
		}
	}
	return nil
}

// isQueue tells the files of exporters' queues, and of the spans that wait in a
// durable_tail_sampling processor, from what else file_storage has there: files of
// other components, of a compaction, and those set aside.
func isQueue(entry fs.DirEntry) bool {
	return entry.Type().IsRegular() &&
		(strings.HasPrefix(entry.Name(), "exporter_") || strings.HasPrefix(entry.Name(), "processor_durable_tail_sampling_")) &&
		!strings.Contains(entry.Name(), damagedSuffix) && !strings.HasSuffix(entry.Name(), ".backup")
}

func (q *queueCheck) check(path string) {
	err := checkFile(path)
	if err == nil {
		return
	}
	if !errors.Is(err, boltfile.ErrDamaged) {
		q.logger.Warn("A queue file was not checked", zap.String("file", path), zap.Error(err))
		return
	}
	aside := path + damagedSuffix + "-" + time.Now().UTC().Format("20060102T150405.000")
	if renameErr := os.Rename(path, aside); renameErr != nil {
		q.logger.Error("A queue file is damaged and cannot be set aside: remove it by hand",
			zap.String("file", path), zap.NamedError("damage", err), zap.Error(renameErr))
		return
	}
	q.logger.Error("A queue file was damaged and is set aside: what it held is not sent. The queue begins anew",
		zap.String("file", path), zap.String("set_aside", aside), zap.Error(err))
}

func checkFile(path string) error {
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
