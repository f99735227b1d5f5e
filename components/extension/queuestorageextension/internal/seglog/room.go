// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// room makes sure that there is a segment for the batch, and that new values
// fit below the limit.
func (l *Log) room(p *plan) error {
	if p.adds() && !p.imported && l.opts.MaxSize > 0 && l.size+p.size > l.opts.MaxSize {
		return fmt.Errorf("%w: it holds %d bytes, and max_size is %d", storage.ErrStorageFull, l.size, l.opts.MaxSize)
	}
	if l.active != nil && !l.sealed {
		last := l.segments[len(l.segments)-1]
		if last.size == segmentHeaderSize || last.size+p.size <= l.opts.SegmentSize {
			return nil
		}
	}
	err := l.rotate()
	if err != nil && l.active != nil && !p.adds() {
		return nil // deletes fit into the current segment
	}
	return err
}

// lookEvery is how often Log checks that the active file still exists.
const lookEvery = time.Second

// lookForFile seals the active segment if its file was deleted: everything written to
// it after that would be lost when the process exits. If a new segment cannot be
// created either, new values are refused.
func (l *Log) lookForFile() {
	now := time.Now()
	if l.active == nil || l.sealed || now.Sub(l.looked) < lookEvery {
		return
	}
	l.looked = now
	if isDeleted(l.active) {
		l.sealed = true
		l.opts.Logger.Error("The file of a queue was deleted while the collector is running: its data is lost unless it is uploaded before the collector exits",
			zap.String("file", l.active.Name()))
	}
}

// rotate starts a new segment.
func (l *Log) rotate() error {
	number := uint32(1)
	if n := len(l.segments); n > 0 {
		number = l.segments[n-1].number + 1
	}
	s, file, err := createSegment(l.opts.Folder, number)
	if err != nil {
		return err
	}
	if l.opts.FSync {
		syncFolder(l.opts.Folder)
	}
	if l.active != nil {
		_ = l.active.Close() // the error of every write was checked
	}
	l.segments = append(l.segments, s)
	l.active, l.sealed = file, false
	l.size += s.size
	l.cleaner.paused = false
	l.reserve.hold()
	return nil
}

// syncFolder writes a folder's entries to the disk. Windows has no such
// operation.
func syncFolder(path string) {
	if folder, err := os.Open(filepath.Clean(path)); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
}

// refuse returns the error for new values that cannot be stored.
func (l *Log) refuse(err error) error {
	l.noteFull(err)
	if isFull(err) {
		return fmt.Errorf("%w: %w", storage.ErrStorageFull, err)
	}
	return err
}

// noteFull logs the first of several failed writes.
func (l *Log) noteFull(err error) {
	if !l.full {
		l.full = true
		l.opts.Logger.Warn("Disk queue full or not writable: new data is refused, senders retry. Queued data is kept and sent. Free disk space, or raise max_size",
			zap.String("folder", l.opts.Folder), zap.Error(err))
	}
}

func (l *Log) noteRoom() {
	if l.full {
		l.full = false
		l.opts.Logger.Info("Disk queue accepts data again", zap.String("folder", l.opts.Folder))
	}
}

// reserveSize is enough for the deletes of ten thousand items. A segment holds
// fewer items of a kilobyte, and deleting them frees the segment.
const reserveSize = 256 << 10

// reserveStep is how much of the reserve is freed at a time: on a full disk,
// other programs may take the space.
const reserveStep = 16 << 10

// reserve is a file that only occupies disk space, which is freed when a full
// disk has no room for deletes.
type reserve struct {
	path string
	size int64
}

func openReserve(folder string) reserve {
	r := reserve{path: filepath.Join(folder, "reserve")}
	if info, err := os.Stat(r.path); err == nil {
		r.size = info.Size()
	}
	return r
}

// whole reports whether the reserve has its full size.
func (r *reserve) whole() bool { return r.size >= reserveSize }

// hold extends the reserve to its full size, or as far as the disk allows.
func (r *reserve) hold() {
	if r.whole() {
		return
	}
	file, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	// Random content, since zeros would take no space on a file system with
	// compression.
	content := make([]byte, reserveSize-r.size)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(content)
	n, _ := file.WriteAt(content, r.size)
	r.size += int64(n)
	_ = file.Close()
}

// release frees a part of the reserve and reports whether any was left.
func (r *reserve) release() bool {
	if r.size == 0 {
		return false
	}
	r.size = max(0, r.size-reserveStep)
	return os.Truncate(r.path, r.size) == nil
}
