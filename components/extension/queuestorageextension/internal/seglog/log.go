// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// ErrClosed is returned by every method of a closed log.
var ErrClosed = errors.New("the storage is closed")

const (
	defaultSegmentSize = 8 << 20
	minSegmentSize     = 64 << 10
)

// Options configure a log.
type Options struct {
	// Folder is created if it does not exist.
	Folder string
	// MaxSize limits the size of the segments for new values, in bytes; 0 is no
	// limit.
	MaxSize int64
	// SegmentSize is the size of a segment in bytes. 0 is 8 MiB, or less with a
	// small MaxSize.
	SegmentSize int64
	// FSync makes the system write every batch to the disk before Batch
	// returns.
	FSync bool
	// Derived is the key whose value can be restored from the other keys. It is
	// kept in memory, and written with the next change or by Close.
	Derived string
	Logger  *zap.Logger
	// OnUnreadable is called for everything that is moved to the unreadable
	// folder, and with an empty path for data that could not be moved there.
	OnUnreadable func(path string, reason error)
}

// Log is a store of keys and values. It is safe for concurrent use.
type Log struct {
	opts Options

	// mu guards everything below.
	mu       sync.Mutex
	closed   bool
	segments []*segment // by number; the last one is the one to append to
	active   *os.File   // the file of the last one, nil if there is none
	sealed   bool       // nothing more may be appended to the last one
	looked   time.Time  // when the existence of its file was last checked
	size     int64      // bytes of all segments
	live     int64      // bytes of all live records
	index    index
	recent   recent
	aside    *aside
	reserve  reserve
	cleaner  cleaner

	derived      []byte
	derivedDirty bool                // the value in the segments is outdated
	unwritten    []string            // keys that are deleted in memory only: the disk was full
	held         map[string]struct{} // keys whose values cannot be read now, and which must not be deleted
	full         bool                // the last write failed

	reader        *os.File // the file that was read last, if it is not active
	readerSegment uint32

	buf     []byte
	offsets []uint32 // of the records in buf
}

// Open opens a log and reads the headers of all its records. It needs no disk
// space.
func Open(opts Options) (*Log, error) {
	if opts.SegmentSize == 0 {
		opts.SegmentSize = defaultSegmentSize
		if opts.MaxSize > 0 {
			opts.SegmentSize = max(minSegmentSize, min(opts.SegmentSize, opts.MaxSize/8))
		}
	}
	if err := os.MkdirAll(opts.Folder, 0o700); err != nil {
		return nil, err
	}
	kept, err := openAside(opts.Folder, opts.MaxSize)
	if err != nil {
		return nil, err
	}
	l := &Log{opts: opts, held: map[string]struct{}{}, aside: kept, reserve: openReserve(opts.Folder)}
	if err := l.load(); err != nil {
		return nil, errors.Join(err, l.closeFiles())
	}
	return l, nil
}

func (l *Log) load() error {
	segments, err := listSegments(l.opts.Folder)
	if err != nil {
		return err
	}
	var derived []place
	for _, s := range segments {
		if err = l.loadSegment(s, &derived); err != nil {
			return fmt.Errorf("read %s: %w", s.path(l.opts.Folder), err)
		}
	}
	if len(l.segments) > 0 {
		last := l.segments[len(l.segments)-1]
		if l.active, err = os.OpenFile(last.path(l.opts.Folder), os.O_RDWR, 0); err != nil {
			return err
		}
	}
	// Use the newest undamaged value: an older one is brought up to date from
	// the other keys.
	for _, p := range slices.Backward(derived) {
		if value, err := l.read(l.opts.Derived, p); err == nil {
			l.derived = value
			break
		}
	}
	l.removeDead()
	return nil
}

// loadSegment reads the headers of a segment and repairs it.
func (l *Log) loadSegment(s *segment, derived *[]place) error {
	path := s.path(l.opts.Folder)
	if s.size < segmentHeaderSize {
		return os.Remove(path) // the process that created it ended before it had written a record
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // a segment of ours
	if err != nil {
		return err
	}
	defer file.Close()
	err = checkHeader(file, s.seed)
	var foreign versionError
	if errors.As(err, &foreign) || len(l.segments) > 0 && l.segments[len(l.segments)-1].number == s.number {
		if err == nil {
			err = errors.New("another segment has its number")
		}
		return errors.Join(file.Close(), l.setAside(path, err)) // closed first, for Windows
	}
	if errors.Is(err, errHeader) {
		l.opts.Logger.Warn("The first bytes of a segment of the queue were damaged: its records can still be read", zap.String("file", path))
		_, err = file.WriteAt(segmentHeader(version, s.seed), 0)
	}
	if err != nil {
		return err
	}

	l.segments = append(l.segments, s)
	found, err := scanSegment(file, s.size, s.seed, func(r record) {
		p := place{s.number, uint32(r.offset), uint32(r.valueLen)} //nolint:gosec // both are below 4 GiB
		switch {
		case r.kind == typeSkip:
		case r.key == l.opts.Derived && r.kind == typeSet:
			*derived = append((*derived)[max(0, len(*derived)-7):], p)
		case r.kind == typeSet:
			l.place(r.key, p)
		default:
			l.forget(r.key)
		}
	})
	if err != nil {
		return err
	}
	for _, damage := range found.damages {
		if length := damage.end - damage.start; l.keepRegion(file, s, damage) && length >= recordHeaderSize {
			if _, err := file.WriteAt(skipRecord(s.seed, length), damage.start); err != nil {
				return err
			}
		}
	}
	if found.tail.end > found.tail.start {
		if found.noise && !l.keepRegion(file, s, found.tail) {
			return errors.New("its end is damaged and could not be moved to the folder unreadable; free disk space, or move the file away")
		}
		if !found.noise {
			l.opts.Logger.Warn("A segment of the queue ends in the middle of a record, as after a kill or a power cut: the incomplete record is removed",
				zap.String("file", path), zap.Int64("bytes", found.tail.end-found.tail.start))
		}
		if err := file.Truncate(found.end); err != nil {
			return err
		}
	}
	s.size = found.end
	l.size += s.size
	return nil
}

// keepRegion moves a damaged part of a segment to the unreadable folder.
func (l *Log) keepRegion(file io.ReaderAt, s *segment, damage region) bool {
	data := make([]byte, damage.end-damage.start)
	reason := fmt.Errorf("%w: bytes %d to %d of %s", ErrDamaged, damage.start, damage.end, s.name())
	_, err := file.ReadAt(data, damage.start)
	if err != nil {
		l.opts.OnUnreadable("", errors.Join(reason, err))
		return false
	}
	return l.keep("segment", data, reason) == nil
}

// setAside moves a whole file to the unreadable folder.
func (l *Log) setAside(path string, reason error) error {
	target, err := l.aside.move("segment", path)
	if err != nil {
		return fmt.Errorf("%w; and it could not be moved to the folder unreadable: %w", reason, err)
	}
	l.opts.OnUnreadable(target, reason)
	return nil
}

// Keep stores data that a component cannot read in the unreadable folder.
func (l *Log) Keep(label string, data []byte, reason error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keep(label, data, reason)
}

// KeepFile moves a file to the unreadable folder.
func (l *Log) KeepFile(path string, reason error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.setAside(path, reason)
}

func (l *Log) keep(label string, data []byte, reason error) error {
	path, err := l.aside.keep(label, data)
	if err != nil {
		l.opts.OnUnreadable("", errors.Join(reason, err))
		return err
	}
	l.opts.OnUnreadable(path, reason)
	return nil
}

// segment returns the segment with a number.
func (l *Log) segment(number uint32) *segment {
	i, found := slices.BinarySearchFunc(l.segments, number, func(s *segment, n uint32) int { return cmp.Compare(s.number, n) })
	if !found {
		return nil
	}
	return l.segments[i]
}

// place records the current place of a key's value.
func (l *Log) place(key string, p place) {
	l.recent.take(key)
	former, found := l.index.set(key, p)
	if found {
		l.account(key, former, -1)
	}
	l.account(key, p, 1)
}

// forget removes a key from the index.
func (l *Log) forget(key string) {
	l.recent.take(key)
	if former, found := l.index.remove(key); found {
		l.account(key, former, -1)
	}
}

func (l *Log) account(key string, p place, sign int64) {
	size := sign * recordSize(len(key), int(p.valueLen))
	l.segment(p.segment).live += size
	l.live += size
}

// Stats describes the size of a log.
type Stats struct {
	Disk int64 // bytes of the segments
	Live int64 // bytes of the live records in them
	Keys int64 // number of keys without the derived one
}

// Stats returns the current size of the log.
func (l *Log) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{Disk: l.size, Live: l.live, Keys: int64(l.index.len())}
}

// Bounds returns the lowest and the highest number among the keys of a
// numbering, if there are any.
func (l *Log) Bounds(numbering Numbering) (lowest, highest uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.index.numbers[numbering].bounds()
}

// Close writes the changes that are only in memory and closes the files. If it
// cannot write them no item is lost: the derived value is restored from the
// items, and deleted items reappear.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if l.active != nil && (l.derivedDirty || len(l.unwritten) > 0) {
		if err := l.settle(); err != nil {
			l.opts.Logger.Warn("The last changes of the queue could not be written: items that were sent may be sent again",
				zap.Int("items", len(l.unwritten)), zap.Error(err))
		}
	}
	return l.closeFiles()
}

func (l *Log) closeFiles() error {
	var errs []error
	for _, file := range []*os.File{l.active, l.reader} {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	l.active, l.reader = nil, nil
	return errors.Join(errs...)
}

// removeFile removes a file that may already be gone.
func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
