// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"bytes"
	"slices"
	"sync"

	"github.com/klauspost/compress/gzip"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"
)

// zipper makes the bodies of uploads. confighttp compresses with the standard
// library, which takes more than twice the CPU time of this for gzip, the only
// compression that APM is known to take. The other ones stay confighttp's.
type zipper struct {
	writers *sync.Pool // of *gzip.Writer; nil where this does not compress
}

func gzips(cfg confighttp.ClientConfig) bool { return cfg.Compression == configcompression.TypeGzip }

func newZipper(cfg confighttp.ClientConfig) *zipper {
	if !gzips(cfg) {
		return &zipper{}
	}
	level := int(cfg.CompressionParams.Level)
	return &zipper{writers: &sync.Pool{New: func() any {
		// The configuration has been validated: it allows no level that gzip does not have.
		w, err := gzip.NewWriterLevel(nil, level)
		if err != nil {
			return err
		}
		return w
	}}}
}

// zips says whether bodies are gzip.
func (z *zipper) zips() bool { return z.writers != nil }

// body returns the pieces, which have size bytes, as one body.
func (z *zipper) body(pieces [][]byte, size int) ([]byte, error) {
	if !z.zips() || size == 0 {
		return slices.Concat(pieces...), nil
	}
	got := z.writers.Get()
	w, ok := got.(*gzip.Writer)
	if !ok {
		return nil, got.(error)
	}
	defer z.writers.Put(w)
	// Spans compress to a fifth or less.
	body := bytes.NewBuffer(make([]byte, 0, size/5+512))
	w.Reset(body)
	for _, piece := range pieces {
		if _, err := w.Write(piece); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return body.Bytes(), nil
}
