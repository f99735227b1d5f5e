// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// maxReadme is the maximum size of the README in bytes: a few minutes to read.
const maxReadme = 10_000

var (
	// notPages are folders of build output and installed packages.
	notPages  = []string{".git", ".cache", ".run", ".venv", "bin", "dist", "node_modules"}
	fenced    = regexp.MustCompile("(?ms)^ *```.*?\n *```$")
	pageLink  = regexp.MustCompile(`\]\(([^)\s]+)\)|(?m)^\[[^\]]+\]: (\S+)$`)
	heading   = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	mdLink    = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	notInSlug = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
	// placed is a path in the table "Where do I put X".
	placed = regexp.MustCompile("`([^` ]+)`")
)

func TestReadmeSize(t *testing.T) {
	assert.LessOrEqual(t, len(readPage(t, filepath.Join(harness.Root(t), "README.md"))), maxReadme)
}

// Every relative link leads to an existing file and, if it has an anchor, to an existing
// heading.
func TestLinks(t *testing.T) {
	links := 0
	for _, page := range pages(t) {
		text := fenced.ReplaceAllString(readPage(t, page), "")
		for _, match := range pageLink.FindAllStringSubmatch(text, -1) {
			link := match[1] + match[2]
			if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
				continue
			}
			links++
			name, anchor, _ := strings.Cut(link, "#")
			target := page
			if name != "" {
				target = filepath.Join(filepath.Dir(page), name)
			}
			_, err := os.Stat(target)
			if assert.NoError(t, err, "the link %s of %s", link, page) && anchor != "" {
				assert.Contains(t, anchors(readPage(t, target)), anchor, "the link %s of %s", link, page)
			}
		}
	}
	require.Greater(t, links, 200)
}

// The paths in the table of places exist, so that a newcomer finds where a change
// belongs.
func TestPlaces(t *testing.T) {
	root := harness.Root(t)
	_, table, found := strings.Cut(readPage(t, filepath.Join(root, "docs", "architecture.md")), "\n## Where do I put X\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n## ")
	rows, names := 0, 0
	for row := range strings.Lines(table) {
		if !strings.HasPrefix(row, "| ") || strings.HasPrefix(row, "| Change") {
			continue
		}
		rows++
		paths := placed.FindAllStringSubmatch(row, -1)
		assert.NotEmpty(t, paths, row)
		for _, match := range paths {
			names++
			matches, err := filepath.Glob(filepath.Join(root, match[1]))
			require.NoError(t, err)
			assert.NotEmpty(t, matches, "%s is not in the repository", match[1])
		}
	}
	assert.GreaterOrEqual(t, rows, 10)
	assert.GreaterOrEqual(t, names, 20)
}

func TestAnchors(t *testing.T) {
	assert.Equal(t, []string{"with-the-domains-ocid", "apm_domain_id-and-key", "all-shapes", "all-shapes-1"},
		anchors("# With the domain's OCID\n## `apm_domain_id` and [key](x.md)\n```\n# no heading\n```\n# All shapes\n# All shapes\n"))
}

// pages returns the Markdown files of the repository.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(harness.Root(t), func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains(notPages, entry.Name()):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".md"):
			found = append(found, path)
		}
		return nil
	}))
	return found
}

// anchors returns the anchors of a page's headings, as GitHub generates them.
func anchors(page string) []string {
	var found []string
	seen := map[string]int{}
	for _, match := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		text := notInSlug.ReplaceAllString(strings.ToLower(mdLink.ReplaceAllString(match[1], "$1")), "")
		anchor := strings.ReplaceAll(strings.TrimSpace(text), " ", "-")
		if n := seen[anchor]; n > 0 {
			found = append(found, anchor+"-"+strconv.Itoa(n))
		} else {
			found = append(found, anchor)
		}
		seen[anchor]++
	}
	return found
}

func readPage(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}
