// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package workdir

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLeave(t *testing.T) {
	readable := t.TempDir()
	t.Chdir(readable)
	leave()
	where, err := os.Getwd()
	require.NoError(t, err)
	assert.Equal(t, readable, where)

	removed := t.TempDir()
	t.Chdir(removed)
	require.NoError(t, os.Remove(removed))
	t.Setenv("PWD", "")
	leave()
	where, err = os.Getwd()
	require.NoError(t, err)
	assert.Equal(t, "/", where)
}
