// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package boltfile detects damaged bbolt files without opening them with bbolt:
// bbolt verifies a file in its own goroutine, where a panic crashes the program,
// since no caller can recover it.
//
// The file layout is that of go.etcd.io/bbolt, internal/common, version 2.
package boltfile // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/boltfile"

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

const (
	magic   = 0xED0CDAED
	version = 2

	pageHeaderSize   = 16
	elementSize      = 16
	bucketHeaderSize = 16
	metaSize         = 64
	metaChecked      = 56 // bytes of the meta that its checksum covers

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagFreelist = 0x10

	leafBucket = 0x01

	noFreelist = ^uint64(0)

	minPageSize = 1024
	maxPageSize = 1 << 20
	maxDepth    = 64 // far above the depth of any tree that fits a disk
	maxKeySize  = 32768
)

// ErrDamaged marks every error about the content of a file, as opposed to a
// failed read.
var ErrDamaged = errors.New("damaged")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// Check reads the structure of a bbolt file of the given size in bytes: its
// meta pages and every page that can be reached from them, but not the values.
// The error is ErrDamaged if bbolt could not open the file or would fail later,
// and another error if the file cannot be read.
func Check(file io.ReaderAt, size int64) error {
	m, err := readMeta(file, size)
	if err != nil {
		return err
	}
	c := &checker{file: file, size: size, meta: m, seen: map[uint64]bool{0: true, 1: true}}
	if m.freelist != noFreelist {
		if freelistErr := c.checkFreelist(m.freelist); freelistErr != nil {
			return freelistErr
		}
	}
	_, _, err = c.checkPage(m.root, 0)
	return err
}

type meta struct {
	pageSize                             uint32
	root, freelist, highWater, txid, sum uint64
}

// readMeta returns the newer valid meta, as bbolt does.
func readMeta(file io.ReaderAt, size int64) (meta, error) {
	first, firstErr := metaAt(file, size, 0)
	pageSize := int64(first.pageSize)
	if firstErr != nil {
		if !errors.Is(firstErr, ErrDamaged) {
			return meta{}, firstErr
		}
		// The second meta is at the offset of the page size, which only the
		// meta contains.
		for pageSize = minPageSize; pageSize <= maxPageSize; pageSize *= 2 {
			second, err := metaAt(file, size, pageSize)
			if err == nil && int64(second.pageSize) == pageSize {
				return second, nil
			}
			if err != nil && !errors.Is(err, ErrDamaged) {
				return meta{}, err
			}
		}
		return meta{}, firstErr
	}
	second, err := metaAt(file, size, pageSize)
	if err == nil && second.txid > first.txid {
		return second, nil
	}
	if err != nil && !errors.Is(err, ErrDamaged) {
		return meta{}, err
	}
	return first, nil
}

func metaAt(file io.ReaderAt, size, offset int64) (meta, error) {
	var raw [pageHeaderSize + metaSize]byte
	if offset+int64(len(raw)) > size {
		return meta{}, damaged("the file ends in its first pages")
	}
	if _, err := file.ReadAt(raw[:], offset); err != nil {
		return meta{}, err
	}
	data := raw[pageHeaderSize:]
	sum := fnv.New64a()
	_, _ = sum.Write(data[:metaChecked])
	m := meta{
		pageSize:  binary.LittleEndian.Uint32(data[8:]),
		root:      binary.LittleEndian.Uint64(data[16:]),
		freelist:  binary.LittleEndian.Uint64(data[32:]),
		highWater: binary.LittleEndian.Uint64(data[40:]),
		txid:      binary.LittleEndian.Uint64(data[48:]),
		sum:       binary.LittleEndian.Uint64(data[56:]),
	}
	switch {
	case binary.LittleEndian.Uint32(data) != magic:
		return meta{}, damaged("it does not begin as a queue file does")
	case binary.LittleEndian.Uint32(data[4:]) != version:
		return meta{}, damaged("its version is not %d", version)
	case m.sum != sum.Sum64():
		return meta{}, damaged("the checksum of its first page is wrong")
	case m.pageSize < minPageSize || m.pageSize > maxPageSize:
		return meta{}, damaged("its page size is %d", m.pageSize)
	case m.highWater > uint64(size)/uint64(m.pageSize): //nolint:gosec // a size is not negative
		return meta{}, damaged("it has %d bytes, and needs %d pages of %d", size, m.highWater, m.pageSize)
	}
	return m, nil
}

type checker struct {
	file io.ReaderAt
	size int64
	meta meta
	seen map[uint64]bool // pages that are referenced
}

type page struct {
	id       uint64
	flags    uint16
	count    uint16
	overflow uint32
	offset   int64
	end      int64
}

// claim reads a page's header and marks its pages as used.
func (c *checker) claim(id uint64) (page, error) {
	if id < 2 || id >= c.meta.highWater {
		return page{}, damaged("it refers to page %d of %d", id, c.meta.highWater)
	}
	var header [pageHeaderSize]byte
	offset := int64(id) * int64(c.meta.pageSize) //nolint:gosec // below highWater, which the size of the file bounds
	if _, err := c.file.ReadAt(header[:], offset); err != nil {
		return page{}, err
	}
	p := page{
		id:       binary.LittleEndian.Uint64(header[:]),
		flags:    binary.LittleEndian.Uint16(header[8:]),
		count:    binary.LittleEndian.Uint16(header[10:]),
		overflow: binary.LittleEndian.Uint32(header[12:]),
		offset:   offset,
	}
	if p.id != id {
		return page{}, damaged("page %d says that it is page %d", id, p.id)
	}
	if uint64(p.overflow) >= c.meta.highWater-id {
		return page{}, damaged("page %d goes beyond the last page", id)
	}
	p.end = offset + (int64(p.overflow)+1)*int64(c.meta.pageSize)
	for i := id; i <= id+uint64(p.overflow); i++ {
		if c.seen[i] {
			return page{}, damaged("two pages refer to page %d", i)
		}
		c.seen[i] = true
	}
	return p, nil
}

func (c *checker) checkFreelist(id uint64) error {
	p, err := c.claim(id)
	if err != nil {
		return err
	}
	if p.flags != flagFreelist {
		return damaged("page %d is not the list of free pages", id)
	}
	count, first := uint64(p.count), int64(0)
	if p.count == 0xFFFF { // the first entry holds the count
		var long [8]byte
		if _, err := c.file.ReadAt(long[:], p.offset+pageHeaderSize); err != nil {
			return err
		}
		count, first = binary.LittleEndian.Uint64(long[:]), 8
	}
	if count > uint64(p.end-p.offset-pageHeaderSize-first)/8 { //nolint:gosec // a page is larger than its header
		return damaged("the list of free pages goes beyond its page")
	}
	list := make([]byte, count*8)
	if _, err := c.file.ReadAt(list, p.offset+pageHeaderSize+first); err != nil {
		return err
	}
	for len(list) > 0 {
		free := binary.LittleEndian.Uint64(list)
		if free < 2 || free >= c.meta.highWater || c.seen[free] {
			return damaged("page %d cannot be free", free)
		}
		c.seen[free] = true
		list = list[8:]
	}
	return nil
}

// checkPage checks a page and all pages below it, and returns their first and
// last key.
func (c *checker) checkPage(id uint64, depth int) (first, last []byte, err error) {
	if depth > maxDepth {
		return nil, nil, damaged("its pages refer to each other without end")
	}
	p, err := c.claim(id)
	if err != nil {
		return nil, nil, err
	}
	if p.flags != flagBranch && p.flags != flagLeaf {
		return nil, nil, damaged("page %d is of no known type", id)
	}
	if p.flags == flagBranch && p.count == 0 {
		return nil, nil, damaged("page %d leads nowhere", id)
	}
	return c.checkElements(p.flags, int(p.count), p.offset+pageHeaderSize, p.end, depth)
}

// checkElements checks the elements of a page, or of a bucket that is inlined
// in a page. They must end before the given offset.
func (c *checker) checkElements(flags uint16, count int, begin, end int64, depth int) (first, last []byte, err error) {
	if begin+int64(count)*elementSize > end {
		return nil, nil, damaged("a page has no room for its %d entries", count)
	}
	elements := make([]byte, count*elementSize)
	if _, err = c.file.ReadAt(elements, begin); err != nil {
		return nil, nil, err
	}
	for i := range count {
		element := elements[i*elementSize:]
		position := begin + int64(i)*elementSize
		var key []byte
		if flags == flagBranch {
			key, err = c.readKey(position+int64(binary.LittleEndian.Uint32(element)), binary.LittleEndian.Uint32(element[4:]), end)
		} else {
			key, err = c.readKey(position+int64(binary.LittleEndian.Uint32(element[4:])), binary.LittleEndian.Uint32(element[8:]), end)
		}
		if err != nil {
			return nil, nil, err
		}
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return nil, nil, damaged("the keys of a page are not in order")
		}
		if i == 0 {
			first = key
		}
		last = key
		if flags == flagBranch {
			childFirst, childLast, childErr := c.checkPage(binary.LittleEndian.Uint64(element[8:]), depth+1)
			if childErr != nil {
				return nil, nil, childErr
			}
			if childFirst != nil && bytes.Compare(childFirst, key) < 0 {
				return nil, nil, damaged("a page has keys that belong before it")
			}
			if childLast != nil {
				last = childLast
			}
			continue
		}
		value := position + int64(binary.LittleEndian.Uint32(element[4:])) + int64(len(key))
		length := int64(binary.LittleEndian.Uint32(element[12:]))
		if valueErr := c.checkValue(binary.LittleEndian.Uint32(element), value, length, end, depth); valueErr != nil {
			return nil, nil, valueErr
		}
	}
	return first, last, nil
}

func (c *checker) readKey(offset int64, length uint32, end int64) ([]byte, error) {
	if length > maxKeySize || offset+int64(length) > end {
		return nil, damaged("a key goes beyond its page")
	}
	key := make([]byte, length)
	_, err := c.file.ReadAt(key, offset)
	return key, err
}

// checkValue checks that a value lies within its page and, if it is a bucket,
// checks the bucket.
func (c *checker) checkValue(flags uint32, offset, length, end int64, depth int) error {
	if offset+length > end {
		return damaged("a value goes beyond its page")
	}
	if flags&leafBucket == 0 {
		return nil
	}
	if length < bucketHeaderSize {
		return damaged("a bucket is too short")
	}
	var header [bucketHeaderSize + pageHeaderSize]byte
	if _, err := c.file.ReadAt(header[:bucketHeaderSize], offset); err != nil {
		return err
	}
	if root := binary.LittleEndian.Uint64(header[:]); root != 0 {
		_, _, err := c.checkPage(root, depth+1)
		return err
	}
	// An inlined bucket is a leaf page in the value.
	if length < bucketHeaderSize+pageHeaderSize {
		return damaged("a bucket is too short")
	}
	if _, err := c.file.ReadAt(header[bucketHeaderSize:], offset+bucketHeaderSize); err != nil {
		return err
	}
	inline := header[bucketHeaderSize:]
	if binary.LittleEndian.Uint16(inline[8:]) != flagLeaf {
		return damaged("a bucket is of no known type")
	}
	_, _, err := c.checkElements(flagLeaf, int(binary.LittleEndian.Uint16(inline[10:])), offset+bucketHeaderSize+pageHeaderSize, offset+length, depth+1)
	return err
}
