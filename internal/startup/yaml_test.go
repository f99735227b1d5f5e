// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBrokenFile(t *testing.T) {
	for _, tt := range []struct{ name, content, want string }{
		{"valid", "service:\n  pipelines:\n", ""},
		{"empty", "", ""},
		{"tab", "service:\n  pipelines:\n\ttraces:\n", ":3: not valid YAML: found character that cannot start any token; indent with spaces, not with tabs"},
		{"bracket", "service:\n  pipelines: [a\n  b: c\n", ":2: not valid YAML: did not find expected ',' or ']'; check"},
		{"colon in a value", "a:\n  b: c: d\n", ":2: not valid YAML: mapping values are not allowed in this context; quote a value"},
		{"indentation", "a:\n    b: 1\n    c: 2\n   d: 3\n", ":4: not valid YAML: did not find expected key; check"},
		{"no colon", "a:\n  1: b\nc\n\n\n\n", ":3: not valid YAML: could not find expected ':'; check"},
		{"quote", "a: \"b\nc: d\ne: f\n", ":1: not valid YAML: found unexpected end of stream; check"},
		{"key twice", "a: 1\nb: 2\na: 3\n", `:3: not valid YAML: mapping key "a" already defined at line 1; check`},
		{"text", "hello\n", ":1: not a configuration: it must have keys"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "mine.yaml")
			require.NoError(t, os.WriteFile(path, []byte(tt.content), 0o600))
			err := brokenFile(path)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, path+tt.want)
		})
	}
}

// The second of two files has the error.
func TestExplainNamesTheFile(t *testing.T) {
	folder := t.TempDir()
	first, second := filepath.Join(folder, "first.yaml"), filepath.Join(folder, "second.yaml")
	require.NoError(t, os.WriteFile(first, []byte("processors:\n  batch:\n  peer_service:\n    rules: []\n"), 0o600))
	require.NoError(t, os.WriteFile(second, []byte("processors:\n  peer_servic:\n  peer_service:\n    a:\n      kind: [db]\nservic:\n"), 0o600))
	const decoding = "failed to get config: cannot unmarshal the configuration: decoding failed due to the following error(s):\n\n"
	for _, tt := range []struct{ name, text, want string }{
		{
			"unknown type", decoding + `'processors' unknown type: "peer_servic" for id: "peer_servic" (valid values: [batch])`,
			second + ":2: there is no processor of the type \"peer_servic\"",
		},
		{
			"unknown key", decoding + "'processors' error reading configuration for \"peer_service\": decoding failed due to the following error(s):\n\n'a' decoding failed due to the following error(s):\n\n'x.Config' has invalid keys: kind",
			second + `:5: processors::peer_service has no setting "kind"`,
		},
		{
			"unknown section", decoding + "'otelcol.configSettings' has invalid keys: servic",
			second + `:6: a configuration has no section "servic"`,
		},
		{
			"in no file", decoding + "'otelcol.configSettings' has invalid keys: elsewhere",
			`a configuration has no section "elsewhere"`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cause := errors.New(tt.text)
			err := Explain(cause, []string{first, "file:" + second})
			require.ErrorIs(t, err, cause)
			assert.Regexp(t, `^[^\n]+$`, err)
			assert.Contains(t, err.Error(), tt.want)
		})
	}
	two := errors.New(decoding + "'a' has invalid keys: x\n'b' has invalid keys: y")
	assert.Equal(t, two, Explain(two, []string{first}), "two keys need two sentences")
}
