// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

var (
	providerReference = regexp.MustCompile(`\$\{(\w+):`)
	yamlBlock         = regexp.MustCompile("(?s)\n```yaml\n(.*?\n)```\n")
	schemeArgument    = regexp.MustCompile(`--config "?(https|yaml):`)
)

// Each component of the collector is used by a ready configuration, a manifest or a
// recipe. An unused component is removed, with a line in docs/recipes/README.md.
func TestEveryComponentIsUsed(t *testing.T) {
	used := usedComponents(t)
	// Users pass files with --config; no shipped configuration has to name this provider.
	used["providers"]["file"] = true
	// It only warns users whose configuration still has it.
	used["extensions"]["queue_check"] = true

	for kind, names := range compiledComponents(t) {
		require.NotEmpty(t, names, kind)
		for _, name := range names {
			assert.True(t, used[kind][name], "%s: no ready configuration, manifest or recipe uses %s; add a recipe, or remove it from builder-config.yaml", kind, name)
		}
	}
}

// compiledComponents returns the names of the components in the collector, by the
// configuration section that they belong to.
func compiledComponents(t *testing.T) map[string][]string {
	t.Helper()
	output, code := harness.RunCollector(t, nil, "components")
	require.Zero(t, code)
	var listed map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(output), &listed))
	compiled := map[string][]string{}
	for _, kind := range []string{"receivers", "processors", "exporters", "extensions", "connectors", "providers"} {
		var entries []struct {
			Name   string `yaml:"name"`
			Scheme string `yaml:"scheme"`
		}
		node := listed[kind]
		require.NoError(t, node.Decode(&entries))
		for _, entry := range entries {
			compiled[kind] = append(compiled[kind], entry.Name+entry.Scheme) // one of them is empty
		}
	}
	return compiled
}

// usedComponents returns what is configured in config, deploy/kubernetes and the
// YAML of docs, in the form of compiledComponents.
func usedComponents(t *testing.T) map[string]map[string]bool {
	t.Helper()
	used := map[string]map[string]bool{"providers": {}, "receivers": {}, "processors": {}, "exporters": {}, "extensions": {}, "connectors": {}}
	count := func(text string) {
		for _, match := range providerReference.FindAllStringSubmatch(text, -1) {
			used["providers"][match[1]] = true
		}
		var sections map[string]yaml.Node
		if yaml.Unmarshal([]byte(text), &sections) != nil {
			return // several documents, a list, or text with gaps
		}
		for section, components := range used {
			var ids map[string]yaml.Node
			node := sections[section]
			if node.Decode(&ids) != nil {
				continue // a section of the same name, not a collector's
			}
			for id := range ids {
				name, _, _ := strings.Cut(id, "/")
				components[name] = true
			}
		}
	}
	// test/delivery/sampler_test.go compares durable_tail_sampling with it.
	used["processors"]["tail_sampling"] = true
	for _, folder := range []string{"config", "deploy/kubernetes", "docs", "SECURITY.md"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(harness.Root(t), folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			switch filepath.Ext(path) {
			case ".yaml":
				count(string(content))
			case ".md":
				for _, block := range yamlBlock.FindAllStringSubmatch(string(content), -1) {
					count(block[1])
				}
				for _, match := range providerReference.FindAllStringSubmatch(string(content), -1) {
					used["providers"][match[1]] = true
				}
				for _, match := range schemeArgument.FindAllStringSubmatch(string(content), -1) {
					used["providers"][match[1]] = true
				}
			}
			return err
		}))
	}
	return used
}
