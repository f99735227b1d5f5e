// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// renderChart returns the objects of a release named x, without a node.
func renderChart(t *testing.T, values string) []object {
	t.Helper()
	return renderChartAt(t, chart, "apm: {existingSecret: s}\n"+values)
}

func renderChartAt(t *testing.T, path, values string) []object {
	t.Helper()
	return decode(t, command(t, values, "helm", "template", "x", path, "--namespace", "ns", "--values", "-"))
}

// decode parses YAML documents.
func decode(t *testing.T, manifests string) []object {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(manifests)))
	var all []object
	for {
		var o object
		err := decoder.Decode(&o)
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		if o != nil {
			all = append(all, o)
		}
	}
}

func parse(t *testing.T, text string) any {
	t.Helper()
	var value any
	require.NoError(t, yaml.Unmarshal([]byte(text), &value))
	return value
}

// workload returns the object that runs the pods of a component.
func workload(t *testing.T, all []object, kind, component string) object {
	t.Helper()
	for _, o := range all {
		if o["kind"] == kind && dig(o, "metadata.labels.app:kubernetes:io/component") == component {
			return o
		}
	}
	require.Fail(t, "not rendered", "%s of the %s", kind, component)
	return nil
}

// named returns an object by kind and name, or nil.
func named(all []object, kind, name string) object {
	for _, o := range all {
		if o["kind"] == kind && dig(o, "metadata.name") == name {
			return o
		}
	}
	return nil
}

// dig returns the value at a path of keys and indexes, or nil. A colon is a dot in a key.
func dig(value any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		switch inner := value.(type) {
		case object:
			value = inner[strings.ReplaceAll(key, ":", ".")]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(inner) {
				return nil
			}
			value = inner[i]
		default:
			return nil
		}
	}
	return value
}
