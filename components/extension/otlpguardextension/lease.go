// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// lease is a buffer that is lent to grpc. grpc does not return all buffers:
// those of a call that ends early become garbage. A lease that is
// garbage-collected while it is lent is counted as freed.
type lease struct {
	buffer []byte // lent to grpc, which may shorten it; the first field, so that leaseOf finds the lease
	whole  []byte
	state  *leaseState
}

// leaseState is separate from its lease, so that it does not keep the lease
// alive.
type leaseState struct {
	size int64
	// lender is the receiving that counts the lease; nil while it is not lent.
	lender atomic.Pointer[receiving]
}

// leaseSizes are the sizes of the buffers that are kept for reuse: for most
// headers and small messages, for a frame, and for the pieces in which grpc
// decompresses.
var leaseSizes = [...]int{4 << 10, maxFrame, 32 << 10}

var leases [len(leaseSizes)]sync.Pool

// newLease returns a lease of at least n bytes, counted by the lender.
func newLease(n int, lender *receiving) *lease {
	size := n
	for i, kept := range leaseSizes {
		if n <= kept {
			if l, ok := leases[i].Get().(*lease); ok {
				l.state.lender.Store(lender)
				return l
			}
			size = kept
			break
		}
	}
	l := &lease{whole: make([]byte, size), state: &leaseState{size: int64(size)}}
	l.state.lender.Store(lender)
	runtime.AddCleanup(l, (*leaseState).collected, l.state)
	return l
}

func (l *lease) size() int64 { return l.state.size }

// lend returns the first n bytes of the buffer.
func (l *lease) lend(n int) *[]byte {
	l.buffer = l.whole[:n]
	return &l.buffer
}

// leaseOf returns the lease that owns a buffer.
func leaseOf(buffer *[]byte) *lease {
	return (*lease)(unsafe.Pointer(buffer)) //nolint:gosec // grpc gives back the pointers that it got: mem.BufferPool
}

// end keeps the buffer for reuse.
func (l *lease) end() {
	l.state.lender.Store(nil)
	l.buffer = nil
	for i, kept := range leaseSizes {
		if len(l.whole) == kept {
			leases[i].Put(l)
		}
	}
}

func (s *leaseState) collected() {
	if lender := s.lender.Load(); lender != nil {
		lender.free(s.size)
	}
}
