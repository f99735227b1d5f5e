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

// room sees to it that there is a segment for a batch, and that new values have
// room below the limit.
func (l *Log) room(p *plan) error {
	if p.adds && !p.imported && l.opts.MaxSize > 0 && l.size+p.size > l.opts.MaxSize {
		return fmt.Errorf("%w: it has %d bytes of the %d of max_size", storage.ErrStorageFull, l.size, l.opts.MaxSize)
	}
	if l.active != nil && !l.sealed {
		last := l.segments[len(l.segments)-1]
		if last.size == segmentHeaderSize || last.size+p.size <= l.opts.SegmentSize {
			return nil
		}
	}
	err := l.rotate()
	if err != nil && l.active != nil && !p.adds {
		return nil // deletes fit into the segment that there is
	}
	return err
}

// lookEvery is how often the file that is written to is looked for.
const lookEvery = time.Second

// lookForFile seals the segment if its file was deleted: what is written to it from
// then on would be gone with the process. Where a new one cannot be made either, new
// values are refused.
func (l *Log) lookForFile() {
	now := time.Now()
	if l.active == nil || l.sealed || now.Sub(l.looked) < lookEvery {
		return
	}
	l.looked = now
	if isDeleted(l.active) {
		l.sealed = true
		l.opts.Logger.Error("The file of a queue was deleted while the collector runs: what it held is lost unless it is uploaded before the collector exits",
			zap.String("file", l.active.Name()))
	}
}

// rotate begins a segment.
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
		_ = l.active.Close() // every write to it was looked at
	}
	l.segments = append(l.segments, s)
	l.active, l.sealed = file, false
	l.size += s.size
	l.cleaner.paused = false
	l.reserve.hold()
	return nil
}

// syncFolder writes a folder's entries to the disk. Windows has no such thing.
func syncFolder(path string) {
	if folder, err := os.Open(filepath.Clean(path)); err == nil {
		_ = folder.Sync()
		_ = folder.Close()
	}
}

// refuse returns the error for new values that cannot be written.
func (l *Log) refuse(err error) error {
	l.noteFull(err)
	if isFull(err) {
		return fmt.Errorf("%w: %w", storage.ErrStorageFull, err)
	}
	return err
}

// noteFull logs the first write that fails.
func (l *Log) noteFull(err error) {
	if !l.full {
		l.full = true
		l.opts.Logger.Warn("The queue on disk takes nothing more: new data is refused, and senders send it again. What is queued is kept and sent. Make room on the disk, or raise max_size",
			zap.String("folder", l.opts.Folder), zap.Error(err))
	}
}

func (l *Log) noteRoom() {
	if l.full {
		l.full = false
		l.opts.Logger.Info("The queue on disk takes data again", zap.String("folder", l.opts.Folder))
	}
}

// reserveSize is what the deletes of ten thousand items take. A segment of items of
// a kilobyte has less, and gives its own room when they are deleted.
const reserveSize = 256 << 10

// reserveStep is how much of it is given free at a time: what is free on a full
// disk, others may take.
const reserveStep = 16 << 10

// reserve is a file that only takes up room, until a full disk has none for
// deletes.
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

// whole says whether no room was given free, or all of it is taken up again.
func (r *reserve) whole() bool { return r.size >= reserveSize }

// hold takes up the room that is missing, or as much as there is.
func (r *reserve) hold() {
	if r.whole() {
		return
	}
	file, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	// A file system that compresses would take up nothing for zeros.
	content := make([]byte, reserveSize-r.size)
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(content)
	n, _ := file.WriteAt(content, r.size)
	r.size += int64(n)
	_ = file.Close()
}

// release gives a part of the room free and says whether there was any.
func (r *reserve) release() bool {
	if r.size == 0 {
		return false
	}
	r.size = max(0, r.size-reserveStep)
	return os.Truncate(r.path, r.size) == nil
}
