// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Contents describes a log that nobody has open.
type Contents struct {
	// Items is the number of keys that are numbers, which are the items of a queue.
	Items int64
	// Live is the size of their records in bytes.
	Live int64
	// Before is a time at which the oldest item was already stored: the segments have no
	// times of their own, only the file system has. It is zero without items.
	Before time.Time
}

// Inspect reads the headers of a log's records. It changes nothing. Damaged parts are
// left out.
func Inspect(folder string) (Contents, error) {
	segments, err := listSegments(folder)
	if err != nil {
		return Contents{}, err
	}
	l := &Log{}
	for _, s := range segments {
		l.segments = append(l.segments, s)
		if err := l.inspectSegment(s, s.path(folder)); err != nil {
			return Contents{}, fmt.Errorf("read %s: %w", s.path(folder), err)
		}
	}
	var found Contents
	for _, table := range l.index.numbers {
		found.Items += int64(table.len)
		for _, c := range table.chunks {
			for _, p := range &c.places {
				if p.segment == 0 {
					continue
				}
				found.Live += recordSize(0, int(p.valueLen))
				if info, err := os.Stat(l.segment(p.segment).path(folder)); err == nil && (found.Before.IsZero() || info.ModTime().Before(found.Before)) {
					found.Before = info.ModTime()
				}
			}
		}
	}
	return found, nil
}

func (l *Log) inspectSegment(s *segment, path string) error {
	if s.size < segmentHeaderSize {
		return nil
	}
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer file.Close()
	var foreign versionError
	if err = checkHeader(file, s.seed); errors.As(err, &foreign) {
		return err
	}
	_, err = scanSegment(file, s.size, s.seed, func(r record) {
		switch r.kind {
		case typeSkip:
		case typeSet:
			l.place(r.key, place{s.number, uint32(r.offset), uint32(r.valueLen)}) //nolint:gosec // both are below 4 GiB
		default:
			l.forget(r.key)
		}
	})
	return err
}
