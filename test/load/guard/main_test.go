// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCompare(t *testing.T) {
	want := map[string]cost{"a/Read": {Allocs: 4, Time: 0.01}}
	tests := []struct {
		name string
		got  map[string]cost
		err  string
	}{
		{"the same", map[string]cost{"a/Read": {Allocs: 4, Time: 0.01}}, ""},
		{"a busy machine", map[string]cost{"a/Read": {Allocs: 4, Time: 0.029}}, ""},
		{"faster", map[string]cost{"a/Read": {Allocs: 4, Time: 0.001}}, ""},
		{"one allocation more", map[string]cost{"a/Read": {Allocs: 5, Time: 0.01}}, "a/Read: ALLOCATIONS: 4 before"},
		{"one allocation less", map[string]cost{"a/Read": {Allocs: 3, Time: 0.01}}, "a/Read: ALLOCATIONS: 4 before"},
		{"much slower", map[string]cost{"a/Read": {Allocs: 4, Time: 0.04}}, "a/Read: TIME: 4 times the baseline"},
		{"new", map[string]cost{"a/Read": {Allocs: 4, Time: 0.01}, "a/Write": {}}, "a/Write: NOT IN THE BASELINE"},
		{"gone", map[string]cost{}, "a/Read: it is in the baseline, and did not run"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := compare(want, tt.got)
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, errDearer)
			require.ErrorContains(t, err, tt.err)
		})
	}
}

func TestSettle(t *testing.T) {
	want := map[string]cost{"a/Read": {Allocs: 4, Time: 0.01}}
	tests := []struct {
		name     string
		times    []float64
		least    float64
		measured int
	}{
		{"fast at once", []float64{0.02}, 0.02, 1},
		{"disturbed twice", []float64{0.05, 0.04, 0.02}, 0.02, 3},
		{"slow each time", []float64{0.05, 0.04, 0.06, 0.07}, 0.04, attempts},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			measured := 0
			got, err := settle(want, func() (map[string]cost, error) {
				measured++
				return map[string]cost{"a/Read": {Allocs: 4, Time: tt.times[measured-1]}}, nil
			})
			require.NoError(t, err)
			assert.InDelta(t, tt.least, got["a/Read"].Time, 1e-9)
			assert.Equal(t, tt.measured, measured)
		})
	}

	t.Run("error", func(t *testing.T) {
		_, err := settle(want, func() (map[string]cost, error) { return nil, errDearer })
		require.ErrorIs(t, err, errDearer)
	})
}

// BenchmarkAllocate has a known number of allocations, for TestMeasure.
func BenchmarkAllocate(b *testing.B) {
	if os.Getenv(failing) != "" {
		b.Fatal("told to fail")
	}
	for b.Loop() {
		for i := range allocated {
			allocated[i] = make([]byte, 100)
		}
	}
}

var allocated [3][]byte

// failing is a variable that makes BenchmarkAllocate fail.
const failing = "GUARD_TEST_FAILING"

func TestMeasure(t *testing.T) {
	costs, err := measure(".", ".", "^BenchmarkAllocate$")
	require.NoError(t, err)
	require.Len(t, costs, 1)
	got := costs["./Allocate"]
	assert.InDelta(t, 3, got.Allocs, 0)
	assert.Greater(t, got.Time, 1e-6)
	assert.Less(t, got.Time, 1.0, "three allocations cost less than 2,000 map lookups")

	_, err = measure(".", "./missing", ".")
	require.ErrorContains(t, err, "missing")
	t.Setenv(failing, "yes")
	_, err = measure(".", ".", "^BenchmarkAllocate$")
	require.ErrorContains(t, err, "told to fail")
}

// A benchmark is compared with work that lasts at least as long, if there is such.
func TestCalibration(t *testing.T) {
	c := newCalibration()
	c.measure()
	for times, seconds := range c {
		assert.Greater(t, seconds, 1e-6, times)
		assert.Less(t, seconds, 32*c[1], "this is the time of the work when it runs once")
	}
	c = calibration{1: 3, 4: 4, 16: 5}
	for window, want := range map[float64]float64{0: 3, 3: 3, 4: 4, 16: 4, 17: 5, 80: 5, 1000: 5} {
		assert.InDelta(t, want, c.seconds(window), 0, window)
	}
}

func TestLower(t *testing.T) {
	costs := map[string]cost{}
	for _, out := range []string{
		"BenchmarkRead/http-2   2000   50.0 ns/op   8 B/op   2 allocs/op\nPASS\n",
		"BenchmarkRead/http-2   2000   90.0 ns/op   8 B/op   1 allocs/op\n",
	} {
		require.NoError(t, lower(costs, "./internal/dbspan", []byte(out)))
	}
	require.Len(t, costs, 1)
	assert.InDelta(t, 50e-9, costs["internal/dbspan/Read/http"].Time, 1e-12)
	assert.InDelta(t, 1, costs["internal/dbspan/Read/http"].Allocs, 0)

	err := lower(costs, "./internal/dbspan", []byte("BenchmarkRead-2   2000   50.0 ns/op\n"))
	require.ErrorContains(t, err, "no number of allocations")
}

func TestBaselineFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "baseline.json")
	require.NoError(t, write(path, map[string]cost{"a/Read": {Allocs: 4, Time: 0.0123456}}))
	got, err := read(path)
	require.NoError(t, err)
	assert.Equal(t, map[string]cost{"a/Read": {Allocs: 4, Time: 0.0123}}, got)
}

func TestWithoutProcs(t *testing.T) {
	for name, want := range map[string]string{"Read-2": "Read", "Read/http-16": "Read/http", "Read/to-disk": "Read/to-disk", "Read": "Read"} {
		assert.Equal(t, want, withoutProcs(name))
	}
}
