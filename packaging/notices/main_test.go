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

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// write creates the files of a module cache.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		path := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	}
	return root
}

func TestNotices(t *testing.T) {
	root := write(t, map[string]string{
		"a/LICENSE":               "Apache\r\n",
		"a/license.go":            "package a",
		"a/pkg/copied/COPYING.md": "BSD",
		"a/unused/LICENSE":        "not of a package that is used",
		"b/NOTICE.txt":            "b's notice",
		"b/LICENSE-APACHE":        "Apache",
	})
	module := func(name string) *goModule {
		return &goModule{Path: "example.com/" + name, Version: "v1.0.0", Dir: filepath.Join(root, name)}
	}
	m := modules{}
	require.NoError(t, m.add([]goPackage{
		{Dir: filepath.Join(root, "nothing")}, // of the standard library
		{Dir: filepath.Join(root, "nothing"), Module: &goModule{Path: "example.com/project", Main: true}},
		{Dir: filepath.Join(root, "nothing"), Module: &goModule{Path: "example.com/c", Version: "v1.0.0", Replace: &goModule{Path: "../third_party/c"}}},
		{Dir: filepath.Join(root, "a"), Module: module("a")},
		{Dir: filepath.Join(root, "a", "pkg", "copied"), Module: module("a")},
		{Dir: filepath.Join(root, "b"), Module: &goModule{Path: "example.com/old", Version: "v0.9.0", Replace: module("b")}},
	}))
	content, err := m.format()
	require.NoError(t, err)
	const line = "--------------------------------------------------------------------------------"
	assert.Equal(t, header+`
example.com/a v1.0.0 [1] [2]
example.com/old v0.9.0, replaced by example.com/b v1.0.0 [1] [3]

`+line+`
[1]

Apache

`+line+`
[2]

BSD

`+line+`
[3]

b's notice
`, string(content))
}

func TestNoLicense(t *testing.T) {
	root := write(t, map[string]string{"a/a.go": "package a"})
	m := modules{}
	require.NoError(t, m.add([]goPackage{{Dir: filepath.Join(root, "a"), Module: &goModule{Path: "example.com/a", Version: "v1.0.0", Dir: filepath.Join(root, "a")}}}))
	_, err := m.format()
	require.EqualError(t, err, "example.com/a v1.0.0 has no license file")
}
