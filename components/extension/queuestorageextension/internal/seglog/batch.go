// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"syscall"

	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.uber.org/zap"
)

// ErrDamaged is wrapped in the reason if data is moved to the unreadable folder
// because of damage.
var ErrDamaged = errors.New("damaged")

// maxBuffer is the largest buffer that is kept for the next batch.
const maxBuffer = 1 << 20

// Batch carries out operations in order: all of the changes, or none. The error
// is storage.ErrStorageFull if there is no room for new values. Changes that
// only delete never fail for lack of room.
func (l *Log) Batch(ops ...*storage.Operation) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	for i, op := range ops {
		if op.Type != storage.Get {
			continue
		}
		value, err := l.value(op.Key, ops[:i])
		if err != nil {
			return err
		}
		op.Value = value
	}
	p, err := l.plan(ops)
	if err != nil {
		return err
	}
	return l.carryOut(&p)
}

// Import sets values like Batch, but ignores the limit of the log, and makes
// the system write them to the disk.
func (l *Log) Import(ops ...*storage.Operation) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	p, err := l.plan(ops)
	if err != nil {
		return err
	}
	p.imported = true
	return l.carryOut(&p)
}

// value returns the value of a key after the given operations, or nil if it has
// none.
func (l *Log) value(key string, before []*storage.Operation) ([]byte, error) {
	for i := len(before) - 1; i >= 0; i-- {
		switch op := before[i]; {
		case op.Key != key || op.Type == storage.Get:
		case op.Type == storage.Set:
			return append([]byte{}, op.Value...), nil
		default:
			return nil, nil
		}
	}
	if key == l.opts.Derived {
		if l.derived == nil {
			return nil, nil
		}
		return append([]byte{}, l.derived...), nil
	}
	p, found := l.index.get(key)
	if !found {
		return nil, nil
	}
	if value, ok := l.recent.take(key); ok {
		return value, nil
	}
	value, err := l.read(key, p)
	if err == nil {
		delete(l.held, key)
		return value, nil
	}
	switch {
	case errors.Is(err, ErrDamaged):
		_ = l.keep(key, value, fmt.Errorf("item %s is %w", key, err)) // OnUnreadable reports it
	case isGone(err):
		l.opts.OnUnreadable("", fmt.Errorf("read item %s: %w", key, err))
	default:
		l.opts.Logger.Error("An item of the queue cannot be read now: it stays on the disk and is retried on the next start",
			zap.String("folder", l.opts.Folder), zap.String("item", key), zap.Error(err))
		l.held[key] = struct{}{}
		return nil, fmt.Errorf("read item %s: %w", key, err)
	}
	l.forget(key)
	l.unwritten = append(l.unwritten, key)
	return nil, nil
}

// isGone reports whether a read error is permanent: the disk cannot return the
// bytes, or the file was truncated or removed.
func isGone(err error) bool {
	return errors.Is(err, syscall.EIO) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, fs.ErrNotExist)
}

// read returns the value of a record. With ErrDamaged it returns the damaged
// value.
func (l *Log) read(key string, p place) ([]byte, error) {
	file, err := l.open(p.segment)
	if err != nil {
		return nil, err
	}
	start := recordHeaderSize + len(key)
	buf := make([]byte, start+int(p.valueLen))
	if _, err := file.ReadAt(buf, int64(p.offset)); err != nil {
		return nil, err
	}
	seed := l.segment(p.segment).seed
	r, ok := readRecord(buf, seed, int64(len(buf)))
	if !ok || r.key != key || !r.sound(buf[start:], seed) {
		return buf[start:], ErrDamaged
	}
	return buf[start:], nil
}

// open opens a segment's file for reading. It keeps the last file open, since
// queues read from one segment for a long time.
func (l *Log) open(number uint32) (*os.File, error) {
	s := l.segment(number)
	if s == l.segments[len(l.segments)-1] && l.active != nil {
		return l.active, nil
	}
	if l.reader != nil && l.readerSegment == number {
		return l.reader, nil
	}
	file, err := os.Open(s.path(l.opts.Folder))
	if err != nil {
		return nil, err
	}
	l.closeReader()
	l.reader, l.readerSegment = file, number
	return file, nil
}

func (l *Log) closeReader() {
	if l.reader != nil {
		_ = l.reader.Close() // nothing was written
		l.reader = nil
	}
}

// plan holds the changes of a batch.
type plan struct {
	ops     []*storage.Operation // sets and deletes that need a record
	derived *storage.Operation   // the last set of the derived key
	sets    int                  // number of sets in ops
	size    int64

	imported bool
}

func (p *plan) adds() bool { return p.sets > 0 }

func (l *Log) plan(ops []*storage.Operation) (plan, error) {
	var p plan
	for i, op := range ops {
		switch op.Type {
		case storage.Get:
			continue
		case storage.Set:
			if len(op.Key) > maxKeySize || int64(len(op.Value)) > maxValueSize {
				return plan{}, fmt.Errorf("an item of %d bytes with a key of %d is too large", len(op.Value), len(op.Key))
			}
			if op.Key == l.opts.Derived {
				p.derived = op
				continue
			}
			p.sets++
		case storage.Delete:
			if _, found := l.index.get(op.Key); !found && !setIn(ops[:i], op.Key) {
				continue
			}
			// exporterhelper deletes an item that it cannot read.
			if _, held := l.held[op.Key]; held {
				continue
			}
		default:
			return plan{}, errors.New("wrong operation type")
		}
		p.ops = append(p.ops, op)
		p.size += recordSize(len(op.Key), len(op.Value))
	}
	return p, nil
}

func setIn(ops []*storage.Operation, key string) bool {
	for _, op := range ops {
		if op.Type == storage.Set && op.Key == key {
			return true
		}
	}
	return false
}

// carryOut makes the changes of a plan and frees unused space.
func (l *Log) carryOut(p *plan) error {
	if len(p.ops) == 0 {
		l.setDerived(p.derived)
		return nil
	}
	if p.adds() {
		l.lookForFile()
	}
	if err := l.room(p); err != nil {
		return l.refuse(err)
	}
	var derived []byte
	if p.adds() || l.reserve.whole() { // the reserve is for deletes only
		derived = l.derivedToWrite(p.derived)
	}
	err := l.write(p, derived)
	wrote := err == nil && derived != nil
	for err != nil && !p.adds() && l.reserve.release() {
		err = l.write(p, nil)
	}
	switch {
	case err == nil:
		l.noteRoom()
	case p.adds():
		return l.refuse(err)
	default:
		l.noteFull(err)
		for _, op := range p.ops {
			l.forget(op.Key)
			l.unwritten = append(l.unwritten, op.Key)
		}
	}
	if p.derived != nil && wrote {
		l.derived, l.derivedDirty = append(l.derived[:0], p.derived.Value...), false
	} else {
		l.setDerived(p.derived)
	}
	l.clean()
	return nil
}

// derivedToWrite returns the value of the derived key to write with the next
// batch, or nil if the segments already contain it.
func (l *Log) derivedToWrite(op *storage.Operation) []byte {
	switch {
	case op != nil:
		return op.Value
	case l.derivedDirty:
		return l.derived
	}
	return nil
}

// setDerived sets a value that the segments do not contain yet.
func (l *Log) setDerived(op *storage.Operation) {
	if op != nil {
		l.derived, l.derivedDirty = append(l.derived[:0], op.Value...), true
	}
}

// write appends a batch and records where its values are. If it fails, the
// segment is unchanged.
func (l *Log) write(p *plan, derived []byte) error {
	s := l.segments[len(l.segments)-1]
	buf, last := l.buf[:0], 0
	hold := l.recent.wants(p.size, p.sets)
	if hold {
		buf = make([]byte, 0, p.size+recordSize(len(l.opts.Derived), len(derived)))
	}
	if derived != nil {
		buf = appendRecord(buf, s.seed, typeSet, l.opts.Derived, derived)
	}
	for _, key := range l.unwritten {
		last = len(buf)
		buf = appendRecord(buf, s.seed, typeDelete, key, nil)
	}
	l.offsets = l.offsets[:0]
	for _, op := range p.ops {
		last = len(buf)
		l.offsets = append(l.offsets, uint32(s.size)+uint32(last)) //nolint:gosec // checked below
		if op.Type == storage.Set {
			buf = appendRecord(buf, s.seed, typeSet, op.Key, op.Value)
		} else {
			buf = appendRecord(buf, s.seed, typeDelete, op.Key, nil)
		}
	}
	closeBatch(buf, last, s.seed)
	switch {
	case hold: // l.buf stays for the next batch
	case cap(buf) <= maxBuffer:
		l.buf = buf
	default:
		l.buf = nil
	}
	if s.size+int64(len(buf)) > math.MaxUint32 {
		return errors.New("the changes are too large for one batch")
	}

	_, err := l.active.WriteAt(buf, s.size)
	if err == nil && (l.opts.FSync || p.imported) {
		err = l.active.Sync()
	}
	if err != nil {
		// After any error but a full disk, the outcome of further writes to
		// this file is unknown.
		l.sealed = l.sealed || !isFull(err)
		return errors.Join(err, l.active.Truncate(s.size))
	}
	l.unwritten = l.unwritten[:0]
	l.derivedDirty = l.derivedDirty && derived == nil
	for i, op := range p.ops {
		if op.Type == storage.Set {
			l.place(op.Key, place{s.number, l.offsets[i], uint32(len(op.Value))}) //nolint:gosec // at most maxValueSize
			if hold {
				start := int(int64(l.offsets[i])-s.size) + recordHeaderSize + len(op.Key)
				l.recent.add(op.Key, buf[start:start+len(op.Value):start+len(op.Value)])
			}
		} else {
			l.forget(op.Key)
		}
	}
	s.size += int64(len(buf))
	l.size += int64(len(buf))
	return nil
}
