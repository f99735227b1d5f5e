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
	// idleSize is what a log keeps on the disk that has no values.
	idleSize = 1 << 20
	// stepSize is how much is moved at a time, so that no batch waits for long.
	stepSize = 512 << 10
)

// cleaner moves what is of use out of the oldest segment.
type cleaner struct {
	segment uint32
	offset  int64 // up to which it was looked through
	paused  bool  // there was no room, or something cannot be moved
}

// clean gives room back that is of no use.
func (l *Log) clean() {
	l.removeDead()
	if l.wasteful() {
		if err := l.moveOn(); err != nil {
			l.cleaner.paused = true
			l.opts.Logger.Debug("Room of the queue was not given back yet", zap.Error(err))
		}
		l.removeDead()
	}
}

// removeDead removes the oldest segments in which nothing is of use, and empties
// the last one.
func (l *Log) removeDead() {
	removed := false
	for len(l.segments) > 1 && l.segments[0].live == 0 {
		oldest := l.segments[0]
		if l.readerSegment == oldest.number {
			l.closeReader()
		}
		if err := removeFile(oldest.path(l.opts.Folder)); err != nil {
			l.opts.Logger.Warn("A segment of the queue is of no use and cannot be removed", zap.Error(err))
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

// wasteful says whether a few values hold up the removal of much that is of no use.
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

// moveOn appends some of what is of use in the oldest segment anew.
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
		// The reserve is worth it where the whole segment goes then.
		for writeErr != nil && victim.live <= p.size && l.reserve.release() {
			writeErr = l.write(&p, nil)
		}
		if writeErr != nil {
			return writeErr
		}
	}
	l.cleaner.offset = end
	if err != nil && victim.live > 0 { // at its end
		return errors.New("the oldest segment has items that cannot be read")
	}
	return nil
}

// gather reads the next values that are of use in a segment, and says where it
// stopped. The error is io.EOF at the end.
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
			continue // a Get moves it away
		}
		if err != nil {
			return p, s.offset, err
		}
		p.ops = append(p.ops, storage.SetOperation(r.key, value))
		p.size += r.size()
	}
	return p, s.offset, nil
}

// settle writes what only the memory has.
func (l *Log) settle() error {
	err := l.write(&plan{}, l.derivedToWrite(nil))
	for err != nil && len(l.unwritten) > 0 && l.reserve.release() {
		err = l.write(&plan{}, nil)
	}
	return err
}
