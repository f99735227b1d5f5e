// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"

import (
	"errors"
	"io"
	"math"
)

// windowSize is how much of a segment is in memory while its headers are read.
// A header and its key fit into it.
const windowSize = 32 << 10

// region is a range of bytes in a segment.
type region struct{ start, end int64 }

// scanner reads the headers of a segment one after the other. It does not read
// values that extend beyond its window.
type scanner struct {
	file   io.ReaderAt
	size   int64
	seed   uint32
	offset int64 // position of the next record

	window []byte
	begin  int64 // position of the window
}

// at returns the bytes from an offset on: at least a header and the longest
// key, if the segment has that many.
func (s *scanner) at(offset int64) ([]byte, error) {
	want := min(recordHeaderSize+maxKeySize, s.size-offset)
	if offset < s.begin || offset+want > s.begin+int64(len(s.window)) {
		if s.window == nil {
			s.window = make([]byte, windowSize)
		}
		s.window = s.window[:min(windowSize, s.size-offset)]
		s.begin = offset
		if n, err := s.file.ReadAt(s.window, offset); n < len(s.window) {
			s.window = s.window[:0]
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return s.window[offset-s.begin:], nil
}

// next returns the next record, and any damaged region before it. At the end it
// returns io.EOF with the damaged region, which then extends to the end.
func (s *scanner) next() (record, region, error) {
	damage := region{s.offset, s.offset}
	for ; s.offset < s.size; s.offset++ {
		buf, err := s.at(s.offset)
		if err != nil {
			return record{}, damage, err
		}
		if r, ok := readRecord(buf, s.seed, s.size-s.offset); ok {
			r.offset = s.offset
			damage.end = s.offset
			s.offset += r.size()
			return r, damage, nil
		}
	}
	damage.end = s.size
	return record{}, damage, io.EOF
}

// content describes what a segment holds.
type content struct {
	end     int64    // the end of the last complete batch
	damages []region // damaged regions before end
	tail    region   // the rest after end, which is not a complete batch
	noise   bool     // the tail is not merely the beginning of a batch
}

// scanSegment calls each for the records of complete batches, in order.
func scanSegment(file io.ReaderAt, size int64, seed uint32, each func(record)) (content, error) {
	s := scanner{file: file, size: size, seed: seed, offset: segmentHeaderSize}
	c := content{end: segmentHeaderSize}
	var batch []record
	var damages []region
	for {
		r, damage, err := s.next()
		if err != nil && !errors.Is(err, io.EOF) {
			return content{}, err
		}
		if err != nil {
			c.tail = region{c.end, size}
			c.noise = len(damages) > 0 || damage.end > damage.start && !torn(&s, damage)
			return c, nil
		}
		if damage.end > damage.start {
			damages = append(damages, damage)
		}
		batch = append(batch, r)
		if !r.last {
			continue
		}
		for _, r := range batch {
			each(r)
		}
		c.damages = append(c.damages, damages...)
		c.end = s.offset
		batch, damages = batch[:0], damages[:0]
	}
}

// torn reports whether the end of a segment looks like an interrupted write:
// the beginning of one record, or the zeros that a power cut leaves.
func torn(s *scanner, end region) bool {
	buf, err := s.at(end.start)
	if err != nil {
		return false
	}
	if _, ok := readRecord(buf, s.seed, math.MaxInt64); ok || cutInKey(buf) {
		return true
	}
	for offset := end.start; offset < end.end; {
		buf, err := s.at(offset)
		if err != nil {
			return false
		}
		for _, b := range buf {
			if b != 0 {
				return false
			}
		}
		offset += int64(len(buf))
	}
	return true
}
