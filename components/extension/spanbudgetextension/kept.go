// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package spanbudgetextension // import "github.com/ociapm/otelcol-ociapm/components/extension/spanbudgetextension"

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/sampling"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ociapm/otelcol-ociapm/internal/spanbudget"
)

const (
	// segmentSize is the number of traces that are stored under one key.
	segmentSize = 1024
	// segmentCount limits the traces that are remembered, to 65,536.
	segmentCount = 64

	keptVersion = 1
	keptBytes   = 16 + 8 + 1
)

var errSegment = errors.New("it is damaged, or of another version")

// keptTrace is a trace that was kept.
type keptTrace struct {
	id      pcommon.TraceID
	verdict spanbudget.Verdict
	pending int32 // spans that were decided on and have not been delivered yet
}

// keptTraces remembers the last traces that were kept, so that late spans get what their
// trace got. It is a ring of segments; a full segment replaces the oldest one.
type keptTraces struct {
	segments [segmentCount][]keptTrace
	current  int                        // the segment that grows
	places   map[pcommon.TraceID]uint32 // segment times segmentSize plus index
	changed  [segmentCount]bool         // segments that are not stored
}

func newKeptTraces() *keptTraces {
	return &keptTraces{places: map[pcommon.TraceID]uint32{}}
}

// get returns a trace that was kept, or nil.
func (k *keptTraces) get(id pcommon.TraceID) *keptTrace {
	place, ok := k.places[id]
	if !ok {
		return nil
	}
	return &k.segments[place/segmentSize][place%segmentSize]
}

// put remembers a trace.
func (k *keptTraces) put(trace keptTrace) {
	if len(k.segments[k.current]) == segmentSize {
		k.current = (k.current + 1) % segmentCount
		for _, old := range k.segments[k.current] {
			delete(k.places, old.id)
		}
		k.segments[k.current] = k.segments[k.current][:0]
	}
	segment := &k.segments[k.current]
	if *segment == nil {
		*segment = make([]keptTrace, 0, segmentSize)
	}
	k.places[trace.id] = uint32(k.current*segmentSize + len(*segment)) //nolint:gosec // below 65,536
	*segment = append(*segment, trace)
	k.changed[k.current] = true
}

// takeChanged returns the stored form of segments that changed, by their number.
func (k *keptTraces) takeChanged() map[int][]byte {
	records := map[int][]byte{}
	for number, changed := range k.changed {
		if changed {
			k.changed[number] = false
			records[number] = encodeSegment(k.segments[number], number == k.current)
		}
	}
	return records
}

// restore adds a stored segment. A number must not be restored twice.
func (k *keptTraces) restore(number int, record []byte) error {
	traces, current, err := decodeSegment(record)
	if err != nil {
		return err
	}
	k.segments[number] = append(make([]keptTrace, 0, segmentSize), traces...)
	if current {
		k.current = number
	}
	for index, trace := range traces {
		k.places[trace.id] = uint32(number*segmentSize + index) //nolint:gosec // below 65,536
	}
	return nil
}

// A segment is stored as a version, whether it is the current one, and for each trace its
// ID, threshold and class.
func encodeSegment(traces []keptTrace, current bool) []byte {
	record := make([]byte, 2, 2+len(traces)*keptBytes)
	record[0] = keptVersion
	if current {
		record[1] = 1
	}
	for _, trace := range traces {
		record = append(record, trace.id[:]...)
		record = binary.BigEndian.AppendUint64(record, trace.verdict.Threshold.Unsigned())
		record = append(record, byte(trace.verdict.Class))
	}
	return record
}

func decodeSegment(record []byte) (traces []keptTrace, current bool, err error) {
	if len(record) < 2 || record[0] != keptVersion || record[1] > 1 || (len(record)-2)%keptBytes != 0 || (len(record)-2)/keptBytes > segmentSize {
		return nil, false, errSegment
	}
	for data := range slices.Chunk(record[2:], keptBytes) {
		trace := keptTrace{verdict: spanbudget.Verdict{Class: spanbudget.Class(data[keptBytes-1])}}
		copy(trace.id[:], data)
		trace.verdict.Threshold, err = sampling.UnsignedToThreshold(binary.BigEndian.Uint64(data[16:]))
		if err != nil || !slices.Contains(spanbudget.Classes[:], trace.verdict.Class) {
			return nil, false, errSegment
		}
		traces = append(traces, trace)
	}
	return traces, record[1] == 1, nil
}
