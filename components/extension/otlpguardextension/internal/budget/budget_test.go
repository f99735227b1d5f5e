// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package budget

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// grown returns a request that has taken n bytes.
func grown(t *testing.T, b *Budget, n int64) *Request {
	t.Helper()
	r := b.NewRequest()
	require.NoError(t, r.Grow(t.Context(), n))
	return r
}

// started begins to grow a request, and returns a function that waits for the
// result.
func started(ctx context.Context, r *Request, n int64) func() (time.Duration, error) {
	done := make(chan error, 1)
	began := time.Now()
	var took time.Duration
	go func() {
		err := r.Grow(ctx, n)
		took = time.Since(began)
		done <- err
	}()
	return func() (time.Duration, error) { err := <-done; return took, err }
}

func TestLargeRequestsLeaveRoomForSmallOnes(t *testing.T) {
	b := New(1000, 50, time.Second, func() {})
	large := grown(t, b, 750)
	synctest.Test(t, func(t *testing.T) {
		took, err := started(t.Context(), b.NewRequest(), 51)()
		require.ErrorIs(t, err, ErrFull)
		assert.Equal(t, time.Second, took)
	})
	for range 5 {
		grown(t, b, 50)
	}
	assert.EqualValues(t, 1000, b.Used())
	large.Release()
	assert.EqualValues(t, 250, b.Used())
	grown(t, b, 700)
}

func TestSmallRequestsWaitTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(100, 50, time.Second, func() {})
		first, second := grown(t, b, 50), grown(t, b, 50)
		third, fourth := b.NewRequest(), b.NewRequest()
		third1 := started(t.Context(), third, 50)
		synctest.Wait()
		fourth1 := started(t.Context(), fourth, 10)
		synctest.Wait()
		time.Sleep(100 * time.Millisecond)
		first.Release()
		took, err := third1()
		require.NoError(t, err)
		assert.Equal(t, 100*time.Millisecond, took)
		assert.Zero(t, fourth.Taken(), "a later request waits longer")
		second.Release()
		_, err = fourth1()
		require.NoError(t, err)
	})
}

// Small requests that fit do not overtake one that waits and does not.
func TestSmallRequestsDoNotOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(100, 50, time.Second, func() {})
		first, second := grown(t, b, 50), grown(t, b, 40)
		waits, comesLater := b.NewRequest(), b.NewRequest()
		waits1 := started(t.Context(), waits, 50)
		synctest.Wait()
		comesLater1 := started(t.Context(), comesLater, 10)
		synctest.Wait()
		assert.Zero(t, comesLater.Taken())
		second.Release()
		_, err := waits1()
		require.NoError(t, err)
		first.Release()
		_, err = comesLater1()
		require.NoError(t, err)
	})
}

// A stream of overlapping small requests does not keep a large one out.
func TestLargeRequestsDoNotStarve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(1000, 50, time.Second, func() {})
		var small []*Request
		for range 20 {
			small = append(small, grown(t, b, 50))
		}
		large := b.NewRequest()
		grow := started(t.Context(), large, 750)
		synctest.Wait()
		for i := range 20 {
			small[i].Release()
			next := b.NewRequest()
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			if next.Grow(ctx, 50) == nil {
				small = append(small, next)
			}
			cancel()
		}
		_, err := grow()
		require.NoError(t, err)
	})
}

// Two large requests that hold much memory and want more never wait for each
// other.
func TestOneLargeRequestWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(1000, 50, time.Second, func() {})
		first, second := grown(t, b, 300), grown(t, b, 300)
		grow := started(t.Context(), first, 600)
		synctest.Wait()
		require.ErrorIs(t, second.Grow(t.Context(), 600), ErrFull)
		assert.EqualValues(t, 300, second.Taken())
		second.Release()
		took, err := grow()
		require.NoError(t, err)
		assert.Zero(t, took)
	})
}

func TestRequestsThatAreGivenUpDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(100, 50, time.Second, func() {})
		first, _ := grown(t, b, 50), grown(t, b, 50)
		ctx, cancel := context.WithCancel(t.Context())
		given, next := b.NewRequest(), b.NewRequest()
		grow := started(ctx, given, 50)
		synctest.Wait()
		after := started(t.Context(), next, 10)
		synctest.Wait()
		cancel()
		_, err := grow()
		require.ErrorIs(t, err, context.Canceled)
		first.Release()
		_, err = after()
		require.NoError(t, err)
		assert.Zero(t, given.Taken())
	})
}

func TestNoMoreIsTakenThanThereIs(t *testing.T) {
	b := New(1000, 60, time.Millisecond, func() {})
	var requests sync.WaitGroup
	for seed := range uint64(16) {
		requests.Go(func() {
			random := rand.New(rand.NewPCG(1, seed))
			for range 300 {
				r := b.NewRequest()
				for range 3 {
					if r.Grow(t.Context(), r.Taken()+random.Int64N(250)) != nil {
						break
					}
					assert.LessOrEqual(t, b.Used(), b.Size())
				}
				r.Release()
			}
		})
	}
	requests.Wait()
	assert.Zero(t, b.Used())
	b.mu.Lock()
	defer b.mu.Unlock()
	assert.Zero(t, b.usedByLarge)
	assert.Empty(t, b.waiting)
	assert.Nil(t, b.large)
}
