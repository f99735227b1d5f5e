// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// BenchmarkItem does what exporterhelper does with an item of 10 and of 100 spans:
// it stores it, reads it with its metadata, and deletes it. A thousand other items
// are in the queue.
func BenchmarkItem(b *testing.B) {
	ours, theirs := NewFactory(), filestorage.NewFactory()
	for _, factory := range []extension.Factory{ours, theirs} {
		for spans, size := range map[int]int{10: 1500, 100: 12000} {
			b.Run(fmt.Sprintf("by=%s/spans=%d", factory.Type(), spans), func(b *testing.B) {
				cfg := factory.CreateDefaultConfig()
				switch cfg := cfg.(type) {
				case *Config:
					cfg.Directory = b.TempDir()
				case *filestorage.Config:
					cfg.Directory = b.TempDir()
				}
				ext, err := factory.Create(b.Context(), extensiontest.NewNopSettings(factory.Type()), cfg)
				require.NoError(b, err)
				require.NoError(b, ext.Start(b.Context(), componenttest.NewNopHost()))
				defer func() { require.NoError(b, ext.Shutdown(context.Background())) }()
				client, err := ext.(storage.Extension).GetClient(b.Context(), component.KindExporter, component.MustNewID("oci_apm"), "traces")
				require.NoError(b, err)
				defer func() { require.NoError(b, client.Close(context.Background())) }()

				item := make([]byte, size)
				_, _ = rand.NewChaCha8([32]byte{}).Read(item)
				metadata := make([]byte, 36+4*9)
				batch := func(ops ...*storage.Operation) {
					if err := client.Batch(b.Context(), ops...); err != nil {
						b.Fatal(err)
					}
				}
				put := func(i int) {
					batch(storage.SetOperation(queueMetadata, metadata), storage.SetOperation(strconv.Itoa(i), item))
				}
				const queued = 1000
				for i := range queued {
					put(i)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					put(queued + i)
					batch(storage.SetOperation(queueMetadata, metadata), storage.GetOperation(strconv.Itoa(i)))
					batch(storage.SetOperation(queueMetadata, metadata), storage.DeleteOperation(strconv.Itoa(i)))
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*spans), "ns/span")
			})
		}
	}
}
