// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"

import (
	"encoding/binary"
	"hash/crc32"
	"math"
)

// A record is a header, the key and the value. The header, little-endian:
//
//	0  checksum of what follows in the header, and of the key
//	4  checksum of the value
//	8  length of the value
//	12 length of the key
//	14 type
//	15 flags
const (
	recordHeaderSize = 16
	maxKeySize       = 4096
	maxValueSize     = math.MaxInt32
)

const (
	typeSet    = 1
	typeDelete = 2
	// typeSkip covers damaged bytes that were moved to the unreadable folder.
	typeSkip = 3
)

// flagLast marks the last record of a batch.
const flagLast = 1

// CRC-32C, which has hardware support.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record holds the fields of a header, and the key.
type record struct {
	offset   int64 // position in the segment
	kind     byte
	last     bool
	key      string
	valueLen int
	valueSum uint32
}

// size returns the size of the whole record, in bytes.
func (r *record) size() int64 {
	return recordSize(len(r.key), r.valueLen)
}

func recordSize(keyLen, valueLen int) int64 {
	return recordHeaderSize + int64(keyLen) + int64(valueLen)
}

// appendRecord appends a record that is not the last of its batch. Its checksum
// is not complete until closeBatch is called.
func appendRecord(buf []byte, seed uint32, kind byte, key string, value []byte) []byte {
	var header [recordHeaderSize]byte
	binary.LittleEndian.PutUint32(header[4:], crc32.Update(seed, castagnoli, value))
	binary.LittleEndian.PutUint32(header[8:], uint32(len(value))) //nolint:gosec // at most maxValueSize
	binary.LittleEndian.PutUint16(header[12:], uint16(len(key)))  //nolint:gosec // at most maxKeySize
	header[14] = kind
	start := len(buf)
	buf = append(buf, header[:]...)
	buf = append(buf, key...)
	sumHeader(buf[start:], seed)
	return append(buf, value...)
}

// closeBatch marks the record that starts at an offset as the last of its
// batch.
func closeBatch(buf []byte, start int, seed uint32) {
	end := start + recordHeaderSize + int(binary.LittleEndian.Uint16(buf[start+12:]))
	buf[start+15] |= flagLast
	sumHeader(buf[start:end], seed)
}

// sumHeader sets the checksum of a header and its key, which are at the end of
// the buffer.
func sumHeader(buf []byte, seed uint32) {
	binary.LittleEndian.PutUint32(buf, crc32.Update(seed, castagnoli, buf[4:]))
}

// skipRecord returns the header of a record that covers the given number of
// bytes.
func skipRecord(seed uint32, length int64) []byte {
	header := appendRecord(nil, seed, typeSkip, "", nil)
	binary.LittleEndian.PutUint32(header[8:], uint32(length-recordHeaderSize)) //nolint:gosec // less than a segment
	sumHeader(header, seed)
	return header
}

// readRecord returns the record at the start of the buffer, if its header and
// key are undamaged and its value fits into the available bytes.
func readRecord(buf []byte, seed uint32, available int64) (record, bool) {
	if len(buf) < recordHeaderSize {
		return record{}, false
	}
	kind, flags := buf[14], buf[15]
	keyLen := int(binary.LittleEndian.Uint16(buf[12:]))
	valueLen := binary.LittleEndian.Uint32(buf[8:])
	switch {
	case kind < typeSet || kind > typeSkip || flags > flagLast,
		keyLen > maxKeySize || recordHeaderSize+keyLen > len(buf),
		valueLen > maxValueSize || recordSize(keyLen, int(valueLen)) > available,
		binary.LittleEndian.Uint32(buf) != crc32.Update(seed, castagnoli, buf[4:recordHeaderSize+keyLen]):
		return record{}, false
	}
	return record{
		kind:     kind,
		last:     flags&flagLast != 0,
		key:      string(buf[recordHeaderSize : recordHeaderSize+keyLen]),
		valueLen: int(valueLen),
		valueSum: binary.LittleEndian.Uint32(buf[4:]),
	}, true
}

// usualKey is longer than the keys that queues use.
const usualKey = 64

// cutInKey reports whether a buffer begins with a record and ends within the
// record's key.
func cutInKey(buf []byte) bool {
	if len(buf) < recordHeaderSize {
		return true
	}
	keyLen := int(binary.LittleEndian.Uint16(buf[12:]))
	return buf[14] >= typeSet && buf[14] <= typeSkip && buf[15] <= flagLast && keyLen <= usualKey && recordHeaderSize+keyLen > len(buf)
}

// sound reports whether a value is undamaged.
func (r *record) sound(value []byte, seed uint32) bool {
	return crc32.Update(seed, castagnoli, value) == r.valueSum
}
