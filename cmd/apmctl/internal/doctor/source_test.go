// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// machine writes files below a new root folder.
func machine(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, content := range files {
		full := filepath.Join(root, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(full), 0o700))
		require.NoError(t, os.WriteFile(full, []byte(content), 0o600))
	}
	return root
}

func TestFindSource(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("processes are found on Linux only")
	}
	const list = "\x00"
	packaged := map[string]string{
		packageConfig: "receivers:\n",
		packageEnv:    "# comment\n; A=1\nB=one\\\ntwo\nAPM_ENDPOINT=https://a\nAPM_DATA_KEY=\"quoted key\"\nOTELCOL_OPTIONS=--config /etc/mine.yaml --set=a.b=1\n",
		memoryEnv:     "OTELCOL_MEMORY_LIMIT_MIB=700\n",
	}
	running := map[string]string{
		"/proc/1/cmdline": "/sbin/init" + list,
		"/proc/7/cmdline": strings.Join([]string{"/otelcol-ociapm", "validate", "--config", "x.yaml", ""}, list),
		"/proc/9/cmdline": strings.Join([]string{"/otelcol-ociapm", "--config=/a.yaml", "--config", "/b.yaml", ""}, list),
		"/proc/9/environ": "APM_ENDPOINT=https://b" + list,
		// A later one, though its id comes first in the order of the alphabet.
		"/proc/10/cmdline": "/otelcol-ociapm" + list + "--config=/c.yaml" + list,
		"/proc/10/environ": "",
		packageConfig:      "receivers:\n",
	}
	for _, tt := range []struct {
		name        string
		files       map[string]string
		options     Options
		configs     []string // without the root folder
		environment map[string]string
		err         string
	}{
		{name: "named", files: running, options: Options{Configs: []string{"mine.yaml"}}, configs: []string{"mine.yaml"}, environment: map[string]string{}},
		{name: "running", files: running, configs: []string{"/a.yaml", "/b.yaml"}, environment: map[string]string{"APM_ENDPOINT": "https://b"}},
		{
			name: "another user's", files: map[string]string{"/proc/9/cmdline": "/otelcol-ociapm" + list + "--config=/a.yaml" + list, packageConfig: ""},
			err: "the variables of the running collector (pid 9) cannot be read: run this as root or as its user",
		},
		{name: "another process", files: running, options: Options{PID: 1}, err: "the process 1 is not a collector"},
		{
			name: "package", files: packaged, configs: []string{packageConfig, "/etc/mine.yaml", "yaml:a::b: 1"},
			environment: map[string]string{
				"B": "onetwo", "APM_ENDPOINT": "https://a", "APM_DATA_KEY": "quoted key", "OTELCOL_MEMORY_LIMIT_MIB": "700",
				"OTELCOL_OPTIONS": "--config /etc/mine.yaml --set=a.b=1",
			},
		},
		{name: "nothing", err: "no configuration: pass --config=FILE"},
		{name: "missing file", options: Options{Configs: []string{"a"}, EnvFiles: []string{"/nowhere.env"}}, err: "--env-file: open /nowhere.env"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.root = machine(t, tt.files)
			got, err := findSource(tt.options)
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			var configs []string
			for _, config := range got.configs {
				configs = append(configs, strings.TrimPrefix(config, tt.options.root))
			}
			assert.Equal(t, tt.configs, configs)
			assert.Equal(t, tt.environment, got.environment)
		})
	}
}

func TestShown(t *testing.T) {
	assert.Equal(t, "/a.yaml, yaml:…", shown([]string{"/a.yaml", "yaml:exporters::oci_apm::data_key: SECRET"}))
}

func TestConfigsOf(t *testing.T) {
	assert.Equal(t, []string{"/work/a.yaml", "file:/work/b.yaml", "env:C", "/d.yaml", "yaml:x::y: 1"},
		configsOf([]string{"--config", "a.yaml", "--set", "x.y=1", "--config=file:b.yaml", "--config", "env:C", "-config=/d.yaml", "--feature-gates=e"}, "/work"))
	assert.Empty(t, configsOf([]string{"--version"}, ""))
}
