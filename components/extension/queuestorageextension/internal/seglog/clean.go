// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"

import (
	"errors"
	"io"
	"os"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

const (
	// idleSize is the disk space that an empty log may keep.
	idleSize = 1 << 20
	// stepSize is the amount of data that is moved at a time, so that no batch
	// waits long.
	stepSize = 512 << 10
)

// cleaner moves live values out of the oldest segment.
type cleaner struct {
	segment uint32
	offset  int64 // the segment is processed up to here
	paused  bool  // no room was left, or a value cannot be moved
}

// clean frees space that holds no live values.
func (l *Log) clean() {
	l.removeDead()
	if l.wasteful() {
		if err := l.moveOn(); err != nil {
			l.cleaner.paused = true
			l.opts.Logger.Debug("Disk space of the queue was not freed yet, will retry", zap.Error(err))
		}
		l.removeDead()
	}
}

// removeDead removes the oldest segments without live values, and truncates the
// last segment if it has none.
func (l *Log) removeDead() {
	removed := false
	for len(l.segments) > 1 && l.segments[0].live == 0 {
		oldest := l.segments[0]
		if l.readerSegment == oldest.number {
			l.closeReader()
		}
		if err := removeFile(oldest.path(l.opts.Folder)); err != nil {
			l.opts.Logger.Warn("A segment of the queue is no longer needed and cannot be removed", zap.Error(err))
			return
		}
		l.segments[0] = nil
		l.segments = l.segments[1:]
		l.size -= oldest.size
		removed = true
	}
	if len(l.segments) == 1 {
		only := l.segments[0]
		if only.live == 0 && (only.size > idleSize || l.full && only.size > segmentHeaderSize) && l.active.Truncate(segmentHeaderSize) == nil {
			l.size -= only.size - segmentHeaderSize
			only.size = segmentHeaderSize
			l.unwritten = l.unwritten[:0]
			l.derivedDirty = l.derived != nil
			removed = true
		}
	}
	if removed {
		l.cleaner.paused = false
		l.reserve.hold()
	}
}

// wasteful reports whether a few live values keep much unused space from being
// freed.
func (l *Log) wasteful() bool {
	if len(l.segments) < 2 || l.cleaner.paused {
		return false
	}
	limit := l.live + 2*l.opts.SegmentSize
	if l.opts.MaxSize > 0 {
		limit = min(limit, l.opts.MaxSize/4)
	}
	return l.size-l.live > limit
}

// moveOn appends some live values of the oldest segment to the last one.
func (l *Log) moveOn() error {
	victim := l.segments[0]
	if l.cleaner.segment != victim.number {
		l.cleaner = cleaner{segment: victim.number, offset: segmentHeaderSize}
	}
	file, err := l.open(victim.number)
	if err != nil {
		return err
	}
	p, end, err := l.gather(file, victim)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if len(p.ops) > 0 {
		if roomErr := l.room(&p); roomErr != nil {
			return roomErr
		}
		writeErr := l.write(&p, nil)
		// Using the reserve pays off if the whole segment can be removed then.
		for writeErr != nil && victim.live <= p.size && l.reserve.release() {
			writeErr = l.write(&p, nil)
		}
		if writeErr != nil {
			return writeErr
		}
	}
	l.cleaner.offset = end
	if err != nil && victim.live > 0 { // at the end of the segment
		return errors.New("the oldest segment has items that cannot be read")
	}
	return nil
}

// gather reads the next live values of a segment, and returns the offset where
// it stopped. The error is io.EOF at the end of the segment.
func (l *Log) gather(file *os.File, victim *segment) (plan, int64, error) {
	var p plan
	s := scanner{file: file, size: victim.size, seed: victim.seed, offset: l.cleaner.offset}
	for p.size < stepSize {
		r, _, err := s.next()
		if err != nil {
			return p, s.offset, err
		}
		at, found := l.index.get(r.key)
		if r.kind != typeSet || !found || at.segment != victim.number || int64(at.offset) != r.offset {
			continue
		}
		value, err := l.read(r.key, at)
		if errors.Is(err, ErrDamaged) {
			continue // the next Get moves it to the unreadable folder
		}
		if err != nil {
			return p, s.offset, err
		}
		p.ops = append(p.ops, storage.SetOperation(r.key, value))
		p.size += r.size()
	}
	return p, s.offset, nil
}

// settle writes the changes that are only in memory.
func (l *Log) settle() error {
	err := l.write(&plan{}, l.derivedToWrite(nil))
	for err != nil && len(l.unwritten) > 0 && l.reserve.release() {
		err = l.write(&plan{}, nil)
	}
	return err
}
