// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build load

package load

import (
	"bytes"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	stdgzip "compress/gzip"

	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// zipWriter is the common part of both gzip libraries.
type zipWriter interface {
	Write(p []byte) (int, error)
	Close() error
	Reset(to *bytes.Buffer)
}

type stdZip struct{ *stdgzip.Writer }

// Reset starts a new stream.
func (z stdZip) Reset(to *bytes.Buffer) { z.Writer.Reset(to) }

type fastZip struct{ *gzip.Writer }

// Reset starts a new stream.
func (z fastZip) Reset(to *bytes.Buffer) { z.Writer.Reset(to) }

// zippers are the compressors used for the lower bound.
var zippers = map[string]func() zipWriter{
	"standard library": func() zipWriter {
		w, _ := stdgzip.NewWriterLevel(nil, 1) // level 1 is valid
		return stdZip{w}
	},
	"klauspost/compress": func() zipWriter {
		w, _ := gzip.NewWriterLevel(nil, 1)
		return fastZip{w}
	},
}

// lowerBound returns the CPU time per span, in µs, of the work that no collector can
// avoid, in a loop and with nothing else: decode requests, encode them, and compress
// them in batches at gzip level 1.
func lowerBound(t testing.TB, newZip func() zipWriter) float64 {
	t.Helper()
	random := rand.NewPCG(1, 2)
	requests := make([]*request, 64)
	for i := range requests {
		r, err := newRequest(spansUsually, uint64(i))
		require.NoError(t, err)
		r.renew(random)
		requests[i] = r
	}
	zip := newZip()
	var body bytes.Buffer
	loop := func() {
		body.Reset()
		zip.Reset(&body)
		for _, r := range requests {
			exported := ptraceotlp.NewExportRequest()
			require.NoError(t, exported.UnmarshalProto(r.body))
			encoded, err := exported.MarshalProto()
			require.NoError(t, err)
			_, err = zip.Write(encoded)
			require.NoError(t, err)
		}
		require.NoError(t, zip.Close())
	}
	loop() // to warm up
	begin := processCPU(t)
	n := 0
	for ; processCPU(t)-begin < *lasting/2; n++ {
		loop()
	}
	return float64((processCPU(t) - begin).Nanoseconds()) / 1e3 / float64(n*len(requests)*spansUsually)
}

// processCPU returns the CPU time of this process.
func processCPU(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
