// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"
)

// lease is a buffer that is lent to grpc. grpc does not give all back: what is
// left over of a call that ends early is garbage. A lease that is collected while
// it is lent is counted as free then.
type lease struct {
	buffer []byte // what grpc has, and may shorten; first, so that leaseOf finds the lease
	whole  []byte
	state  *leaseState
}

// leaseState is apart from its lease, which it must not keep alive.
type leaseState struct {
	size int64
	// lender is who counts the lease, nil while it is not lent.
	lender atomic.Pointer[receiving]
}

// leaseSizes are the sizes of the buffers that are kept: most headers and small
// messages, a frame, and what grpc decompresses at a time.
var leaseSizes = [...]int{4 << 10, maxFrame, 32 << 10}

var leases [len(leaseSizes)]sync.Pool

// newLease returns a lease of n bytes or more, which the lender counts.
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

// leaseOf returns the lease whose buffer it is.
func leaseOf(buffer *[]byte) *lease {
	return (*lease)(unsafe.Pointer(buffer)) //nolint:gosec // grpc gives back the pointers that it got: mem.BufferPool
}

// end keeps the buffer for another time.
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
