// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"bytes"
	"sync"

	"github.com/klauspost/compress/gzip"
	"go.opentelemetry.io/collector/config/configcompression"
	"go.opentelemetry.io/collector/config/confighttp"
)

// gzipper compresses the bodies of uploads with gzip, the only compression that APM is
// known to accept. confighttp uses the standard library, which takes more than twice the
// CPU time. Other compressions are left to confighttp.
type gzipper struct {
	writers sync.Pool // of *gzip.Writer, or of error if none can be created
}

func gzips(cfg confighttp.ClientConfig) bool { return cfg.Compression == configcompression.TypeGzip }

// newGzipper returns nil if the configuration has another compression, or none.
func newGzipper(cfg confighttp.ClientConfig) *gzipper {
	if !gzips(cfg) {
		return nil
	}
	level := int(cfg.CompressionParams.Level)
	return &gzipper{writers: sync.Pool{New: func() any {
		w, err := gzip.NewWriterLevel(nil, level)
		if err != nil {
			return err
		}
		return w
	}}}
}

// zip compresses the pieces, of size bytes in total, as one body.
func (z *gzipper) zip(pieces [][]byte, size int) ([]byte, error) {
	var w *gzip.Writer
	switch got := z.writers.Get().(type) {
	case *gzip.Writer:
		w = got
	case error:
		return nil, got
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
