// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build packages

package packages

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// throwAwayKey returns a key of `make signed-release`, and skips the test if the release
// was built without.
func throwAwayKey(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(harness.Root(t), ".cache", "throwaway-keys", name)
	if _, err := os.Stat(path); err != nil {
		t.Skip("run `make signed-release` first")
	}
	return path
}

// accepts reports whether a shell script succeeds.
func accepts(t *testing.T, script string, variables ...string) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
	cmd.Env = append(os.Environ(), variables...)
	output, err := cmd.CombinedOutput()
	t.Logf("%s\n%s", script, output)
	return err == nil
}

// changed returns a copy of a file with one byte in its middle changed.
func changed(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	content[len(content)/2] ^= 1
	to := filepath.Join(t.TempDir(), filepath.Base(file))
	require.NoError(t, os.WriteFile(to, content, 0o600))
	return to
}

// The lines of docs/verify.md accept what the release has signed, and nothing else.
func TestSignatures(t *testing.T) {
	key, public := throwAwayKey(t, "gpg.pub"), throwAwayKey(t, "sign.pub")
	verifyPage := func(t *testing.T, section string) string {
		blocks := harness.PageBlocks(t, "docs/verify.md", section, "bash")
		require.Len(t, blocks, 1)
		return blocks[0]
	}
	for _, tt := range []struct{ section, file string }{
		{"rpm", harness.Released(t, "*.x86_64.rpm")},
		{"deb", harness.Released(t, "*_amd64.deb")},
	} {
		t.Run(tt.section, func(t *testing.T) {
			check := func(file string) bool {
				return accepts(t, "cd $(mktemp -d); cp "+key+" otelcol-ociapm.gpg; cp "+file+" .; rpm() { command rpm --dbpath=$PWD/db \"$@\"; }\n"+verifyPage(t, tt.section))
			}
			assert.True(t, check(tt.file))
			assert.False(t, check(changed(t, tt.file)))
		})
	}

	dist := filepath.Join(harness.Root(t), "dist")
	for _, pattern := range []string{
		"release/checksums.txt", "release/*.deb", "release/*.rpm", "release/*.tar.gz", "release/otelcol-ociapm_*.sbom.json", "otelcol-ociapm-image-amd64.tar", "otelcol-ociapm-image-amd64.sbom.json",
	} {
		t.Run(pattern, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(dist, pattern))
			require.NoError(t, err)
			require.NotEmpty(t, files)
			for _, file := range files {
				check := func(file, bundle string) bool {
					return accepts(t, "cd $(mktemp -d); cp "+public+" cosign.pub; cp "+bundle+" bundle; FILE="+file+"; cp bundle $FILE.sigstore.json 2>/dev/null || true\n"+verifyPage(t, "openssl"))
				}
				assert.True(t, check(file, file+".sigstore.json"))
				assert.False(t, check(changed(t, file), file+".sigstore.json"))
			}
		})
	}
}

// The packages and the archive have the licenses of all modules in the program.
func TestNotices(t *testing.T) {
	dir := t.TempDir()
	command(t, "tar", "-C", dir, "-xzf", harness.Released(t, "*_linux_amd64.tar.gz"))
	notices, err := os.ReadFile(filepath.Join(dir, "THIRD-PARTY-NOTICES"))
	require.NoError(t, err)
	found := 0
	for _, program := range []string{"otelcol-ociapm", "apmctl"} {
		info, readErr := buildinfo.ReadFile(filepath.Join(dir, program))
		require.NoError(t, readErr)
		for _, module := range info.Deps {
			if module.Replace == nil { // the replacements are folders of the project
				assert.Contains(t, string(notices), "\n"+module.Path+" "+module.Version, program)
				found++
			}
		}
	}
	assert.Greater(t, found, 300)

	command(t, "dpkg-deb", "--extract", harness.Released(t, "*_amd64.deb"), dir)
	packaged, err := os.ReadFile(filepath.Join(dir, "usr/share/doc/otelcol-ociapm/THIRD-PARTY-NOTICES"))
	require.NoError(t, err)
	assert.Equal(t, string(notices), string(packaged))
}

// The SBOM of the image has its programs, and the modules of the collector's own SBOM.
func TestImageSBOM(t *testing.T) {
	type document struct {
		Metadata   struct{ Component struct{ Purl string } }
		Components []struct{ Name, Purl string }
	}
	read := func(path string) (d document, names map[string]bool) {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(content, &d))
		names = map[string]bool{}
		for _, c := range d.Components {
			purl, _, _ := strings.Cut(c.Purl, "?") // cyclonedx-gomod adds the system
			names[c.Name] = true
			names[purl] = true
		}
		return d, names
	}
	image, inImage := read(filepath.Join(harness.Root(t), "dist", "otelcol-ociapm-image-amd64.sbom.json"))
	assert.Regexp(t, `^pkg:oci/otelcol-ociapm@sha256%3A[0-9a-f]{64}$`, image.Metadata.Component.Purl)
	for _, name := range []string{"otelcol-ociapm", "apmctl", "queuedir", "golang.org/x/crypto/x509roots/fallback"} {
		assert.True(t, inImage[name], name)
	}
	program, _ := read(harness.Released(t, "otelcol-ociapm_*_linux_amd64.sbom.json"))
	assert.Greater(t, len(program.Components), 300)
	for _, c := range program.Components {
		purl, _, _ := strings.Cut(c.Purl, "?")
		if !strings.Contains(purl, "/third_party/") { // folders of the project
			assert.True(t, inImage[purl], purl)
		}
	}
}
