// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package durabletailsamplingprocessor

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor/internal/metadata"
	"github.com/ociapm/otelcol-ociapm/components/processor/durabletailsamplingprocessor/internal/metadatatest"
)

// Spans that an earlier process has sampled and held stay held: they are not
// read into memory and not decided on again.
func TestHeldSurvivesCrash(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cfg := load(t, "errors")
	h, store := newFileStorage(t, folder, 0)
	out := newSink()
	out.refuse(errQueueFull)
	p := start(t, cfg, h, out)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a1"}, spanOf{2, "b"}, spanOf{3, "error c"})))
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "error a2"})))
	awaitHeld(t, p, 2)
	require.Eventually(t, func() bool { return len(store.keys(t)) == 4 }, wait, poll)
	store.crash(t)

	h, store = newFileStorage(t, folder, 0)
	tel := componenttest.NewTelemetry()
	p = startWith(t, metadatatest.NewSettings(tel), cfg, h, out)
	_, err := tel.GetMetric("otelcol_processor_durable_tail_sampling_recovered_spans")
	require.Error(t, err, "spans are read into memory")
	assert.Equal(t, 2, p.ledger.held())
	assert.Equal(t, 2, p.ledger.len())
	// Late spans follow the decision on their trace.
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a late"})))
	out.answers(accept(1))
	require.Eventually(t, func() bool { return len(out.got()) == 1 }, wait, poll)
	require.Eventually(t, func() bool { return p.journal.idle() }, wait, poll)
	store.crash(t)

	// Accepted parts of a batch are not redelivered after a crash.
	h, store = newFileStorage(t, folder, 0)
	out.refuse(nil)
	p = start(t, cfg, h, out)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, map[string]int{"a1": 1, "error a2": 1, "error c": 1, "a late": 1}, out.got())
		assert.Zero(c, p.ledger.len())
		assert.Empty(c, store.keys(c))
	}, wait, poll)
	require.NoError(t, tel.Shutdown(context.Background()))
}

// A batch in which some traces wait for their decision is read back as a whole.
func TestPartlyHeldBatchIsReadBack(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	cfg := load(t, "all")
	h, store := newFileStorage(t, folder, 0)
	out := newSink()
	out.refuse(errQueueFull)
	p := start(t, cfg, h, out)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a"})))
	awaitHeld(t, p, 1)
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "late"}, spanOf{2, "waits"})))
	store.crash(t)

	h, store = newFileStorage(t, folder, 0)
	start(t, cfg, h, out)
	out.refuse(nil)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, []string{"a", "late", "waits"}, names(out.got()))
		assert.Empty(c, store.keys(c))
	}, wait, poll)
}

// startOn starts a processor on a storage with the content that a test has put
// into it.
func startOn(t *testing.T, extension component.Component, next consumer.Traces) (*durable, *componenttest.Telemetry, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	tel := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, tel.Shutdown(context.Background())) })
	set := metadatatest.NewSettings(tel)
	set.Logger = zap.New(core)
	h := &host{Host: componenttest.NewNopHost(), extensions: map[component.ID]component.Component{storageID: extension}}
	return startWith(t, set, load(t, "all"), h, next), tel, logs
}

// A batch that cannot be read is handed to the storage, counted and logged. If
// the storage does not keep unreadable items, a damaged batch is deleted, and
// one of another version stays for that version.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	good, err := encode(traces(spanOf{1, "good"}))
	require.NoError(t, err)
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	other := bytes.Clone(good)
	other[len(recordMark)] = recordVersion + 1
	tests := []struct {
		name      string
		record    []byte
		keeps     bool
		keepError error
		log       string
		stays     bool
	}{
		{"damaged", flipped, true, nil, "cannot be read and is moved aside", false},
		{"of another version", other, true, nil, "cannot be read and is moved aside", false},
		{"cannot be moved", flipped, true, errFull, "stays in the storage, since it cannot be moved aside", true},
		{"damaged, not kept", flipped, false, nil, "cannot be read and is dropped", false},
		{"of another version, not kept", other, false, nil, "stays in the storage for the version of the collector that wrote it", true},
		{"without a version", []byte("\x02\xff\xff"), false, nil, "cannot be read and is dropped", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, store := newFileStorage(t, t.TempDir(), 0)
			client, err := store.GetClient(t.Context(), component.KindProcessor, component.NewID(metadata.Type), clientName)
			require.NoError(t, err)
			j := open(t, client)
			for _, record := range [][]byte{tt.record, good} {
				_, err = j.add(t.Context(), record)
				require.NoError(t, err)
			}
			require.NoError(t, store.client.Close(t.Context()))

			keeping := &keepingStorage{crashingStorage: store, err: tt.keepError}
			extension := component.Component(store)
			if tt.keeps {
				extension = keeping
			}
			out := newSink()
			p, tel, logs := startOn(t, extension, out)
			require.EventuallyWithT(t, func(c *assert.CollectT) {
				assert.Equal(c, map[string]int{"good": 1}, out.got())
				var want []string
				if tt.stays {
					want = []string{batchKey(0)}
				}
				assert.Equal(c, want, store.keys(c))
			}, wait, poll)
			assert.Zero(t, p.ledger.len())
			metadatatest.AssertEqualProcessorDurableTailSamplingUnreadableBatches(t, tel,
				[]metricdata.DataPoint[int64]{{Value: 1}}, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
			said := logs.FilterLevelExact(zap.WarnLevel).FilterMessageSnippet(tt.log).All()
			assert.Len(t, said, 1)
			if tt.keeps && tt.keepError == nil {
				assert.Equal(t, [][]byte{tt.record}, keeping.kept)
			}
		})
	}
}

// A held batch that is damaged or missing on the disk is not retried
// forever. One that cannot be moved aside is retried.
func TestUnreadableInRedelivery(t *testing.T) {
	t.Parallel()
	_, store := newFileStorage(t, t.TempDir(), 0)
	keeping := &keepingStorage{crashingStorage: store, err: errFull}
	out := newSink()
	out.refuse(errQueueFull)
	p, tel, logs := startOn(t, keeping, out)
	for n, name := range []string{"damaged", "gone", "good"} {
		require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{uint64(n), name})))
	}
	awaitHeld(t, p, 3)
	byHand(p)
	require.NoError(t, store.Set(t.Context(), batchKey(0), []byte("\x02\xff\xff")))
	require.NoError(t, store.Delete(t.Context(), batchKey(1)))
	out.refuse(nil)
	for range 4 {
		p.tidy(t.Context())
	}
	assert.Equal(t, map[string]int{"good": 1}, out.got())
	assert.Equal(t, 1, p.ledger.held())
	assert.Equal(t, []string{batchKey(0), heldKey(0)}, store.keys(t))
	keeping.err = nil
	p.tidy(t.Context())
	assert.Zero(t, p.ledger.len())
	assert.Empty(t, store.keys(t))
	assert.Equal(t, [][]byte{[]byte("\x02\xff\xff")}, keeping.kept)
	assert.NotEmpty(t, logs.FilterMessageSnippet("is skipped").All())
	_, err := tel.GetMetric("otelcol_processor_durable_tail_sampling_unreadable_batches")
	require.NoError(t, err)
}

// If the record of held parts cannot be read, the batch is decided on again.
func TestUnreadableHeldParts(t *testing.T) {
	t.Parallel()
	_, store := newFileStorage(t, t.TempDir(), 0)
	client, err := store.GetClient(t.Context(), component.KindProcessor, component.NewID(metadata.Type), clientName)
	require.NoError(t, err)
	data, err := encode(traces(spanOf{1, "a"}))
	require.NoError(t, err)
	j := open(t, client)
	_, err = j.add(t.Context(), data)
	require.NoError(t, err)
	j.hold(0, []byte("damaged"))
	require.NoError(t, j.flush(t.Context()))
	require.NoError(t, store.client.Close(t.Context()))
	out := newSink()
	p, _, logs := startOn(t, store, out)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, map[string]int{"a": 1}, out.got())
		assert.Empty(c, store.keys(c))
	}, wait, poll)
	assert.Zero(t, p.ledger.len())
	assert.Len(t, logs.FilterMessageSnippet("the batch is sampled again").All(), 1)
}

// Held parts without spans in the batch are not retried forever.
func TestMissingParts(t *testing.T) {
	t.Parallel()
	_, store := newFileStorage(t, t.TempDir(), 0)
	client, err := store.GetClient(t.Context(), component.KindProcessor, component.NewID(metadata.Type), clientName)
	require.NoError(t, err)
	data, err := encode(traces(spanOf{1, "a"}))
	require.NoError(t, err)
	j := open(t, client)
	_, err = j.add(t.Context(), data)
	require.NoError(t, err)
	j.hold(0, encodeHeld([]heldPart{{trace: traceID(1)}, {trace: traceID(2)}}))
	require.NoError(t, j.flush(t.Context()))
	require.NoError(t, store.client.Close(t.Context()))
	out := newSink()
	p, _, _ := startOn(t, store, out)
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		assert.Equal(c, map[string]int{"a": 1}, out.got())
		assert.Zero(c, p.ledger.len())
		assert.Empty(c, store.keys(c))
	}, wait, poll)
}

// A storage that cannot be read on startup makes the start fail, instead of
// being ignored.
func TestReadErrorOnStartup(t *testing.T) {
	folder := t.TempDir()
	cfg := load(t, "slow")
	h, store := newFileStorage(t, folder, 0)
	p := start(t, cfg, h, consumertest.NewNop())
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "error"})))
	store.crash(t)

	broken := errors.New("input/output error")
	for _, key := range []string{indexKeys[0], heldKey(0), batchKey(0)} {
		t.Run(key, func(t *testing.T) {
			h, store := newFileStorage(t, folder, 0)
			store.set(func(s *crashingStorage) { s.broken, s.brokenKey = broken, key })
			set := metadatatest.NewSettings(componenttest.NewTelemetry())
			set.ID = component.NewID(metadata.Type)
			p, err := NewFactory().CreateTraces(t.Context(), set, cfg, consumertest.NewNop())
			require.NoError(t, err)
			require.ErrorIs(t, p.Start(t.Context(), h), broken)
			require.NoError(t, p.Shutdown(context.Background()))
		})
	}
}

// A damaged index loses nothing as long as there is its copy, or the storage
// can list its keys.
func TestDamagedIndex(t *testing.T) {
	checked := encodeIndex(3, 5)
	flipped := bytes.Clone(checked)
	flipped[7] ^= 1
	tests := []struct {
		name        string
		records     [2][]byte
		lists       bool
		first, next uint64
		err         string
	}{
		{"both", [2][]byte{checked, checked}, false, 3, 5, ""},
		{"first flipped", [2][]byte{flipped, checked}, false, 3, 5, ""},
		{"first gone", [2][]byte{nil, checked}, false, 3, 5, ""},
		{"second cut", [2][]byte{checked, checked[:3]}, false, 3, 5, ""},
		{"without a checksum", [2][]byte{checked[:indexBytes], nil}, false, 3, 5, ""},
		{"backwards", [2][]byte{encodeIndex(5, 3), nil}, true, 3, 5, ""},
		{"both flipped", [2][]byte{flipped, flipped}, true, 3, 5, ""},
		{"both gone", [2][]byte{}, true, 3, 5, ""},
		{"both flipped, no list", [2][]byte{flipped, flipped}, false, 0, 0, "neither copy of the index"},
		{"backwards, no list", [2][]byte{encodeIndex(5, 3), nil}, false, 0, 0, "neither copy of the index"},
		{"new, no list", [2][]byte{}, false, 0, 0, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, store := newFileStorage(t, t.TempDir(), 0)
			client, err := store.GetClient(t.Context(), component.KindProcessor, storageID, clientName)
			require.NoError(t, err)
			require.NoError(t, client.Set(t.Context(), batchKey(3), []byte("a")))
			require.NoError(t, client.Set(t.Context(), batchKey(4), []byte("b")))
			for n, record := range tt.records {
				if record != nil {
					require.NoError(t, client.Set(t.Context(), indexKeys[n], record))
				}
			}
			if !tt.lists {
				client = struct{ storage.Client }{client}
			}
			first, next, err := readIndex(t.Context(), client)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.first, first)
			assert.Equal(t, tt.next, next)
		})
	}
}

// A storage with an unreadable index and no batches starts empty.
func TestDamagedIndexOfNothing(t *testing.T) {
	_, store := newFileStorage(t, t.TempDir(), 0)
	client, err := store.GetClient(t.Context(), component.KindProcessor, storageID, clientName)
	require.NoError(t, err)
	require.NoError(t, client.Set(t.Context(), indexKeys[0], encodeIndex(5, 3)))
	first, next, err := readIndex(t.Context(), client)
	require.NoError(t, err)
	assert.Zero(t, first)
	assert.Zero(t, next)
}

// fakeSampling replaces upstream's processor.
type fakeSampling struct {
	component.StartFunc
	component.ShutdownFunc
	consume func(td ptrace.Traces) error
}

func (*fakeSampling) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (s *fakeSampling) ConsumeTraces(_ context.Context, td ptrace.Traces) error { return s.consume(td) }

// Spans are in the ledger and in the storage before tail_sampling receives
// them, since it may decide on them at once.
func TestRegisteredBeforeSampling(t *testing.T) {
	h, store := newFileStorage(t, t.TempDir(), 0)
	p := start(t, load(t, "all"), h, newSink())
	upstream := p.sampling
	t.Cleanup(func() { require.NoError(t, upstream.Shutdown(context.Background())) })
	called := false
	p.sampling = &fakeSampling{consume: func(td ptrace.Traces) error {
		called = true
		assert.Equal(t, 1, p.ledger.len())
		assert.Equal(t, []string{batchKey(0)}, store.keys(t))
		return p.deliver(t.Context(), td)
	}}
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "a"})))
	assert.True(t, called)
	assert.Zero(t, p.ledger.len())
}

// After a shutdown, the storage contains nothing that was delivered.
func TestShutdownDeletesWhatIsFinished(t *testing.T) {
	folder := t.TempDir()
	h, store := newFileStorage(t, folder, 0)
	out := newSink()
	set := metadatatest.NewSettings(componenttest.NewTelemetry())
	set.ID = component.NewID(metadata.Type)
	p, err := NewFactory().CreateTraces(t.Context(), set, load(t, "slow"), out)
	require.NoError(t, err)
	require.NoError(t, p.Start(t.Context(), h))
	require.NoError(t, p.ConsumeTraces(t.Context(), traces(spanOf{1, "error a"})))
	require.NoError(t, p.Shutdown(context.Background()))
	assert.Equal(t, map[string]int{"error a": 1}, out.got())
	assert.True(t, store.crashed, "the client is not closed")
	_, store = newFileStorage(t, folder, 0)
	_, err = store.GetClient(t.Context(), component.KindProcessor, component.NewID(metadata.Type), clientName)
	require.NoError(t, err)
	assert.Empty(t, store.keys(t))
}
