// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func is(wanted string) func(string) bool {
	return func(fault string) bool { return fault == wanted }
}

func TestList(t *testing.T) {
	var list List[string]
	twice, err := list.Add("a", 2)
	require.NoError(t, err)
	always, err := list.Add("b", 0)
	require.NoError(t, err)
	assert.Equal(t, State[string]{ID: "1", Remaining: new(2), Fault: "a"}, twice)
	assert.Equal(t, State[string]{ID: "2", Fault: "b"}, always)

	before := list.Changes()
	assert.Nil(t, list.Take(is("c"), is("c")))
	assert.Nil(t, list.Take(is("a"), is("b")), "the oldest that matches is not wanted")
	assert.Equal(t, before, list.Changes())
	assert.Equal(t, &State[string]{ID: "1", Applied: 1, Remaining: new(1), Fault: "a"}, list.Take(is("a"), is("a")))
	assert.Greater(t, list.Changes(), before)
	assert.Len(t, list.All(), 2)
	assert.Equal(t, &State[string]{ID: "1", Applied: 2, Remaining: new(0), Fault: "a"}, list.Take(is("a"), is("a")))
	assert.Equal(t, []State[string]{{ID: "2", Fault: "b"}}, list.All())

	assert.Equal(t, 0, list.Remove("1"))
	assert.Equal(t, 1, list.Remove(""))
	assert.Empty(t, list.All())
	for range Max {
		_, err = list.Add("a", 0)
		require.NoError(t, err)
	}
	_, err = list.Add("a", 0)
	require.ErrorIs(t, err, ErrTooMany)
}

// TestHold uses a delay that never passes: Hold ends for another reason.
func TestHold(t *testing.T) {
	request := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	never := make(chan struct{})
	Hold(httptest.NewRecorder(), request, 0, never)
	closed := make(chan struct{})
	close(closed)
	Hold(httptest.NewRecorder(), request, MaxDelay, closed)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	Hold(httptest.NewRecorder(), request.WithContext(ctx), MaxDelay, never)
}
