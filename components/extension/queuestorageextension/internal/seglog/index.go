// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"

import (
	"maps"
	"slices"
	"strconv"
)

// place is the position of a record.
type place struct {
	segment  uint32
	offset   uint32
	valueLen uint32
}

// index maps each key to its place. The keys of queues are consecutive numbers:
// for these it stores the places only, and no strings.
type index struct {
	numbers [2]table // by Numbering
	others  map[string]place
}

// Numbering is the format in which a component writes numbers as keys.
type Numbering int

const (
	// Decimal is without leading zeros, as in exporterhelper's queue.
	Decimal Numbering = iota
	// Hexadecimal has 16 lower-case digits, as in durable_tail_sampling.
	Hexadecimal
)

const hexDigits = "0123456789abcdef"

// Key returns the key of a number.
func (n Numbering) Key(number uint64) string {
	if n == Decimal {
		return strconv.FormatUint(number, 10)
	}
	var key [16]byte
	for i := range key {
		key[i] = hexDigits[number>>(60-4*i)&0xf]
	}
	return string(key[:])
}

// Number returns the number that a key represents, and whether it does.
func (n Numbering) Number(key string) (uint64, bool) {
	base := 10
	if n == Hexadecimal {
		base = 16
	}
	if key == "" || len(key) > 20 || n == Decimal && key[0] == '0' && len(key) > 1 || n == Hexadecimal && len(key) != 16 {
		return 0, false
	}
	for i := range len(key) {
		if c := key[i]; (c < '0' || c > '9') && (base == 10 || c < 'a' || c > 'f') {
			return 0, false
		}
	}
	number, err := strconv.ParseUint(key, base, 64)
	return number, err == nil
}

// numberOf returns a key's number. A key that is valid in both formats counts
// as decimal.
func numberOf(key string) (Numbering, uint64, bool) {
	if number, ok := Decimal.Number(key); ok {
		return Decimal, number, true
	}
	number, ok := Hexadecimal.Number(key)
	return Hexadecimal, number, ok
}

func (x *index) get(key string) (place, bool) {
	if numbering, number, ok := numberOf(key); ok {
		return x.numbers[numbering].get(number)
	}
	p, ok := x.others[key]
	return p, ok
}

// set sets the place of a key, and returns the previous one if the key had one.
func (x *index) set(key string, p place) (former place, found bool) {
	if numbering, number, ok := numberOf(key); ok {
		return x.numbers[numbering].set(number, p)
	}
	former, found = x.others[key]
	if x.others == nil {
		x.others = map[string]place{}
	}
	x.others[key] = p
	return former, found
}

func (x *index) remove(key string) (former place, found bool) {
	if numbering, number, ok := numberOf(key); ok {
		return x.numbers[numbering].remove(number)
	}
	former, found = x.others[key]
	delete(x.others, key)
	return former, found
}

func (x *index) len() int {
	return x.numbers[Decimal].len + x.numbers[Hexadecimal].len + len(x.others)
}

const chunkSize = 256

// table maps numbers to places, in chunks that are removed once they are empty.
type table struct {
	chunks map[uint64]*chunk
	len    int
}

type chunk struct {
	used   int
	places [chunkSize]place // a place in segment 0 is empty
}

func (t *table) get(number uint64) (place, bool) {
	c := t.chunks[number/chunkSize]
	if c == nil {
		return place{}, false
	}
	p := c.places[number%chunkSize]
	return p, p.segment != 0
}

func (t *table) set(number uint64, p place) (former place, found bool) {
	c := t.chunks[number/chunkSize]
	if c == nil {
		if t.chunks == nil {
			t.chunks = map[uint64]*chunk{}
		}
		c = &chunk{}
		t.chunks[number/chunkSize] = c
	}
	former = c.places[number%chunkSize]
	c.places[number%chunkSize] = p
	if former.segment == 0 {
		c.used++
		t.len++
	}
	return former, former.segment != 0
}

func (t *table) remove(number uint64) (former place, found bool) {
	c := t.chunks[number/chunkSize]
	if c == nil || c.places[number%chunkSize].segment == 0 {
		return place{}, false
	}
	former = c.places[number%chunkSize]
	c.places[number%chunkSize] = place{}
	c.used--
	t.len--
	if c.used == 0 {
		delete(t.chunks, number/chunkSize)
	}
	return former, true
}

// bounds returns the lowest and the highest number, if there is any.
func (t *table) bounds() (lowest, highest uint64, ok bool) {
	if t.len == 0 {
		return 0, 0, false
	}
	numbers := slices.Sorted(maps.Keys(t.chunks))
	first, last := t.chunks[numbers[0]], t.chunks[numbers[len(numbers)-1]]
	used := func(p place) bool { return p.segment != 0 }
	lowest = numbers[0]*chunkSize + uint64(slices.IndexFunc(first.places[:], used)) //nolint:gosec // a chunk is never empty
	offset := uint64(chunkSize - 1)
	for last.places[offset].segment == 0 {
		offset--
	}
	return lowest, numbers[len(numbers)-1]*chunkSize + offset, true
}
