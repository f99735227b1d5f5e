// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package harness // import "github.com/ociapm/otelcol-ociapm/test/harness"

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// PageSection returns the part of a page, a path from the root of the repository,
// between the comments <!-- test: name --> and <!-- test end -->.
func PageSection(t testing.TB, page, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(Root(t), page))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(content), "<!-- test: "+name+" -->\n")
	require.True(t, found, "%s has no part that is marked as test: %s", page, name)
	section, _, found = strings.Cut(section, "<!-- test end -->")
	require.True(t, found)
	return section
}

// PageBlocks returns the code blocks in a language inside such a part.
func PageBlocks(t testing.TB, page, name, language string) []string {
	t.Helper()
	section := PageSection(t, page, name)
	var blocks []string
	for {
		_, rest, found := strings.Cut(section, "```"+language+"\n")
		if !found {
			return blocks
		}
		block, after, found := strings.Cut(rest, "```\n")
		require.True(t, found)
		blocks = append(blocks, block)
		section = after
	}
}
