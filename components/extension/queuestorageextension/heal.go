// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"

import (
	"encoding/binary"
	"errors"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"
)

// host describes which data a component keeps under which keys. Its items have
// numbers as keys. The derived key holds the range of these numbers, and can be
// restored from the items.
type host struct {
	derived   string
	numbering seglog.Numbering
	heal      func(*seglog.Log) error
}

// hostOf returns the description of a component. Only exporters and the
// durable_tail_sampling processor are known.
func hostOf(kind component.Kind, id component.ID) host {
	switch {
	case kind == component.KindExporter:
		return host{derived: queueMetadata, numbering: seglog.Decimal, heal: healQueue}
	case kind == component.KindProcessor && id.Type() == component.MustNewType("durable_tail_sampling"):
		return host{derived: journalIndex, numbering: seglog.Hexadecimal, heal: healJournal}
	}
	return host{heal: func(*seglog.Log) error { return nil }}
}

// dispatches reports whether exporterhelper is taking an item out of its queue.
// If the item does not exist, exporterhelper needs an error: it would read an
// empty value as an empty request and send it. Numbers without an item occur if
// an item found no room, or was sent before an older one.
func (h *host) dispatches(ops []*storage.Operation) bool {
	return h.derived == queueMetadata && len(ops) == 2 && ops[0].Type == storage.Set && ops[0].Key == queueMetadata && ops[1].Type == storage.Get
}

// The keys of exporterhelper's persistent queue at v0.158: one for the
// metadata, and the older ones that it has replaced. The key of an item is its
// number.
const queueMetadata = "qmv0"

var legacyQueueKeys = []string{"ri", "wi", "di"}

// healQueue sets the queue's range from its oldest item, dispatched or not, to
// its newest. exporterhelper then finds no dispatched items. If it did, it
// would delete them before it puts them back one by one, and lose them if it is
// killed in between or the disk is full. No upstream issue about this is known.
func healQueue(log *seglog.Log) error {
	get := storage.GetOperation(queueMetadata)
	ops := []*storage.Operation{get}
	for _, key := range legacyQueueKeys {
		ops = append(ops, storage.DeleteOperation(key))
	}
	if err := log.Batch(ops...); err != nil {
		return err
	}
	meta, err := parseMetadata(get.Value)
	lowest, highest, found := log.Bounds(seglog.Decimal)
	switch {
	case found:
		meta.read, meta.write = lowest, highest+1
		stats := log.Stats()
		// If the metadata is lost, only the number and size of the items are
		// known for sure.
		meta.items, meta.bytes = max(meta.items, stats.Keys), max(meta.bytes, stats.Live)
	case err != nil || get.Value == nil:
		meta = metadataRecord{}
	default:
		meta = metadataRecord{read: meta.write, write: meta.write}
	}
	return log.Batch(storage.SetOperation(queueMetadata, meta.append(nil)))
}

// metadataRecord is exporterhelper's PersistentMetadata with nothing dispatched:
// exporter/exporterhelper/internal/queue/meta.proto.
type metadataRecord struct {
	items, bytes int64
	read, write  uint64
}

var errMetadata = errors.New("the metadata of the queue cannot be read")

func parseMetadata(data []byte) (metadataRecord, error) {
	var fields [5]uint64
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return metadataRecord{}, errMetadata
		}
		data = data[n:]
		if n = protowire.ConsumeFieldValue(number, kind, data); n < 0 {
			return metadataRecord{}, errMetadata
		}
		if kind == protowire.Fixed64Type && number < 5 {
			fields[number], _ = protowire.ConsumeFixed64(data)
		}
		data = data[n:]
	}
	return metadataRecord{
		items: int64(fields[1]), //nolint:gosec // sfixed64
		bytes: int64(fields[2]), //nolint:gosec // sfixed64
		read:  fields[3],
		write: fields[4],
	}, nil
}

func (m metadataRecord) append(data []byte) []byte {
	for i, value := range []uint64{uint64(m.items), uint64(m.bytes), m.read, m.write} { //nolint:gosec // sfixed64
		data = protowire.AppendTag(data, protowire.Number(i+1), protowire.Fixed64Type)
		data = protowire.AppendFixed64(data, value)
	}
	return data
}

// journalIndex is the key of durable_tail_sampling's range of batch numbers:
// the first, and the one after the last, in 8 bytes each, big-endian.
const journalIndex = "index"

// healJournal extends the journal's range to all stored batches.
func healJournal(log *seglog.Log) error {
	get := storage.GetOperation(journalIndex)
	if err := log.Batch(get); err != nil {
		return err
	}
	var first, next uint64
	if len(get.Value) == 16 {
		next = binary.BigEndian.Uint64(get.Value[8:])
		first = next
	}
	if lowest, highest, found := log.Bounds(seglog.Hexadecimal); found {
		first, next = lowest, max(next, highest+1)
	}
	index := binary.BigEndian.AppendUint64(make([]byte, 0, 16), first)
	return log.Batch(storage.SetOperation(journalIndex, binary.BigEndian.AppendUint64(index, next)))
}
