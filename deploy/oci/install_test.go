// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const environmentFile = "/etc/otelcol-ociapm/otelcol-ociapm.env"

// signer is a throw-away key that signs as packaging/sign does.
type signer struct {
	key    *ecdsa.PrivateKey
	public string // in PEM
}

func newSigner(t *testing.T) signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	return signer{key, strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))}
}

func (s signer) bundle(t *testing.T, digest [sha256.Size]byte) string {
	t.Helper()
	signature, err := ecdsa.SignASN1(rand.Reader, s.key, digest[:])
	require.NoError(t, err)
	return `{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","messageSignature":{"messageDigest":{"digest":"` +
		base64.StdEncoding.EncodeToString(digest[:]) + `"},"signature":"` + base64.StdEncoding.EncodeToString(signature) + `"}}` + "\n"
}

// The script that cloud-init runs installs a package whose checksum and signature are
// right, and writes an environment file that makes the packaged service use the domain's
// OCID. It installs no other package.
func TestInstallScript(t *testing.T) {
	key, other := newSigner(t), newSigner(t)
	const rpm, deb, content = "otelcol-ociapm-0.1.0-1.aarch64.rpm", "otelcol-ociapm_0.1.0-1_arm64.deb", "the package"
	sum, sumOfOther := sha256.Sum256([]byte(content)), sha256.Sum256([]byte("another package"))
	for _, tt := range []struct {
		name, file, content string
		checksum            string // of the content if empty
		bundle              string
		wantInstall         string // "" if it must not be installed
	}{
		{name: "rpm", file: rpm, content: content, bundle: key.bundle(t, sum), wantInstall: "dnf install --assumeyes ./otelcol-ociapm.rpm\n"},
		{name: "deb", file: deb, content: content, bundle: key.bundle(t, sum), wantInstall: "apt-get install --yes ./otelcol-ociapm.deb\n"},
		{name: "a changed byte", file: rpm, content: "The package", bundle: key.bundle(t, sum), checksum: hex.EncodeToString(sum[:])},
		{name: "a changed byte, with its checksum", file: rpm, content: "The package", bundle: key.bundle(t, sum)},
		{name: "another package", file: deb, content: content, bundle: key.bundle(t, sum), checksum: strings.Repeat("0", 64)},
		{name: "the signature of another package", file: deb, content: content, bundle: key.bundle(t, sumOfOther)},
		{name: "another key", file: deb, content: content, bundle: other.bundle(t, sum)},
		{name: "no signature", file: deb, content: content, bundle: "<html>not found</html>\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, content string, mode os.FileMode) string {
				file := filepath.Join(dir, name)
				require.NoError(t, os.WriteFile(file, []byte(content), mode))
				return file
			}
			write(tt.file, tt.content, 0o600)
			write(tt.file+".sigstore.json", tt.bundle, 0o600)
			// The replaced commands log their arguments; curl takes its files from here.
			for _, name := range []string{"dnf", "apt-get", "systemctl"} {
				write(name, "#!/bin/sh\necho "+name+` "$@" >>"$LOG"`+"\n", 0o700)
			}
			write("curl", `#!/bin/sh
while [ "$1" != --output ]; do shift; done
exec cp "`+dir+`/$(basename "$3")" "$2"
`, 0o700)
			packaged, err := os.ReadFile(filepath.Join(harness.Root(t), "packaging", "linux", "otelcol-ociapm.env"))
			require.NoError(t, err)
			environment := write("otelcol-ociapm.env", string(packaged), 0o600)
			log := write("log", "", 0o600)

			actual := sha256.Sum256([]byte(tt.content))
			checksum := hex.EncodeToString(actual[:])
			if tt.checksum != "" {
				checksum = tt.checksum
			}
			script := installScript(t, "https://packages.test/"+tt.file, checksum, key.public)
			cmd := exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(script, environmentFile, environment))
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "LOG="+log)
			output, err := cmd.CombinedOutput()
			logged, readErr := os.ReadFile(log)
			require.NoError(t, readErr)
			written, readErr := os.ReadFile(environment)
			require.NoError(t, readErr)
			if tt.wantInstall == "" {
				require.Error(t, err, string(output))
				assert.Empty(t, string(logged))
				assert.Equal(t, string(packaged), string(written))
				return
			}
			require.NoError(t, err, string(output))
			assert.Equal(t, tt.wantInstall+"systemctl enable --now otelcol-ociapm\n", string(logged))
			_, options, _ := strings.Cut(script, "OTELCOL_OPTIONS=")
			options, _, _ = strings.Cut(options, "\n")
			assert.Contains(t, string(packaged), "#OTELCOL_OPTIONS="+options+"\n")
			assert.Equal(t, string(packaged)+"APM_DOMAIN_ID=ocid1.apmdomain.oc1.fra.aaaa\nOTELCOL_OPTIONS="+options+"\n", string(written))
		})
	}
}

// The instance of the example does not answer requests to version 1 of the metadata
// service.
func TestInstanceMetadata(t *testing.T) {
	found := 0
	for _, block := range parseModule(t, "terraform/examples/compute").blocks {
		if block.Type != "resource" || block.Labels[0] != "oci_core_instance" {
			continue
		}
		for _, inner := range block.Body.Blocks {
			if inner.Type == "instance_options" {
				value, diagnostics := inner.Body.Attributes["are_legacy_imds_endpoints_disabled"].Expr.Value(nil)
				require.False(t, diagnostics.HasErrors(), diagnostics.Error())
				assert.True(t, value.True())
				found++
			}
		}
	}
	assert.Equal(t, 1, found)
}

// installScript evaluates the template with what main.tf passes.
func installScript(t *testing.T, url, checksum, key string) string {
	t.Helper()
	const name = "terraform/examples/compute/install.sh.tftpl"
	template, err := os.ReadFile(name)
	require.NoError(t, err)
	expression, diagnostics := hclsyntax.ParseTemplate(template, path.Base(name), hcl.InitialPos)
	require.False(t, diagnostics.HasErrors(), diagnostics.Error())
	value, diagnostics := expression.Value(&hcl.EvalContext{Variables: map[string]cty.Value{
		"apm_domain_id": cty.StringVal("ocid1.apmdomain.oc1.fra.aaaa"), "package_url": cty.StringVal(url), "package_sha256": cty.StringVal(checksum),
		"package_bundle_url": cty.StringVal(url + ".sigstore.json"), "signing_key": cty.StringVal(key),
	}})
	require.False(t, diagnostics.HasErrors(), diagnostics.Error())
	return value.AsString()
}
