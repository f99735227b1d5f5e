// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build archives

package archives

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// programs are the files that depend on the architecture.
var programs = []string{"usr/bin/apmctl", "usr/bin/otelcol-ociapm"}

// The packages for arm64 are those for amd64, which test/packages installs, with the
// programs of the archive, which TestLinuxARM64 starts.
func TestPackagesARM64(t *testing.T) {
	archive := t.TempDir()
	output(t, "tar", "-C", archive, "-xzf", harness.Released(t, "*_linux_arm64.tar.gz"))
	started := map[string]string{} // digest by program
	for _, program := range programs {
		content, err := os.ReadFile(filepath.Join(archive, filepath.Base(program)))
		require.NoError(t, err)
		sum := sha256.Sum256(content)
		started[program] = hex.EncodeToString(sum[:])
	}

	t.Run("deb", func(t *testing.T) {
		extract := func(pattern string) map[string]string {
			dir := filepath.Join(t.TempDir(), "deb")
			output(t, "dpkg-deb", "--raw-extract", harness.Released(t, pattern), dir)
			return contents(t, dir)
		}
		want, got := extract("*_amd64.deb"), extract("*_arm64.deb")
		// These depend on the programs and their architecture.
		for _, program := range programs {
			sum := sha256.Sum256([]byte(got[program]))
			assert.Equal(t, started[program], hex.EncodeToString(sum[:]), program)
			delete(want, program)
			delete(got, program)
		}
		const control, sums = "DEBIAN/control", "DEBIAN/md5sums"
		assert.Regexp(t, `(?m)^Architecture: arm64$`, got[control])
		of := regexp.MustCompile(`(?m)^(Architecture|Architecture-Variant|Installed-Size): .*\n`)
		for _, files := range []map[string]string{want, got} {
			files[control] = of.ReplaceAllString(files[control], "")
			files[sums] = regexp.MustCompile(`(?m)^[0-9a-f]{32}( {2}(?:`+strings.Join(programs, "|")+`))$`).ReplaceAllString(files[sums], "$1")
		}
		assert.Equal(t, names(want), names(got))
		for name := range want {
			assert.Equal(t, want[name], got[name], name)
		}
	})

	t.Run("rpm", func(t *testing.T) {
		// For each file: path, size, time, digest, mode, owner, group and flags.
		dump := func(pattern string) (lines []string, digests map[string]string) {
			digests = map[string]string{}
			for line := range strings.Lines(output(t, "rpm", "-qp", "--dump", harness.Released(t, pattern))) {
				fields := strings.Fields(line)
				if program := strings.TrimPrefix(fields[0], "/"); slices.Contains(programs, program) {
					digests[program] = fields[3]
					fields[1], fields[3] = "", ""
					line = strings.Join(fields, " ")
				}
				lines = append(lines, line)
			}
			return lines, digests
		}
		want, _ := dump("*.x86_64.rpm")
		got, digests := dump("*.aarch64.rpm")
		assert.Equal(t, want, got)
		assert.Equal(t, started, digests)
		scripts := func(pattern string) string {
			return output(t, "rpm", "-qp", "--scripts", "--requires", "--recommends", harness.Released(t, pattern))
		}
		assert.Equal(t, scripts("*.x86_64.rpm"), scripts("*.aarch64.rpm"))
		assert.Equal(t, "aarch64", output(t, "rpm", "-qp", "--queryformat=%{ARCH}", harness.Released(t, "*.aarch64.rpm")))
	})
}

func names(files map[string]string) []string { return slices.Sorted(maps.Keys(files)) }

func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// contents returns the files below a folder, with their modes and contents.
func contents(t *testing.T, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		files[name+" mode"] = info.Mode().String()
		if entry.Type().IsRegular() {
			content, err := os.ReadFile(path)
			files[name] = string(content)
			return err
		}
		return nil
	}))
	return files
}
