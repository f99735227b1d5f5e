// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build packages

package packages

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// rpm itself installs the .rpm into a root folder that has the commands that its scripts
// call, and removes it again. No systemd runs there.
func TestRPMPackage(t *testing.T) {
	rpm := harness.Released(t, "*.x86_64.rpm")
	assert.Equal(t, `/etc/otelcol-ociapm
/etc/otelcol-ociapm/config.yaml
/etc/otelcol-ociapm/data-key.yaml
/etc/otelcol-ociapm/oci-agent.yaml
/etc/otelcol-ociapm/oci-resource.yaml
/etc/otelcol-ociapm/otelcol-ociapm.env
/usr/bin/apmctl
/usr/bin/otelcol-ociapm
/usr/lib/systemd/system/otelcol-ociapm.service
/usr/libexec/otelcol-ociapm
/usr/libexec/otelcol-ociapm/data-key
/usr/libexec/otelcol-ociapm/memory-limit
/usr/share/doc/otelcol-ociapm/README.md
/usr/share/licenses/otelcol-ociapm/LICENSE
/usr/share/licenses/otelcol-ociapm/THIRD-PARTY-NOTICES
/usr/share/man/man1/apmctl.1.gz
/usr/share/man/man1/otelcol-ociapm.1.gz
/usr/share/otelcol-ociapm
/usr/share/otelcol-ociapm/agent.yaml
/usr/share/otelcol-ociapm/budget.yaml
/usr/share/otelcol-ociapm/gateway.yaml
/usr/share/otelcol-ociapm/red-metrics.yaml
/usr/share/otelcol-ociapm/sidecar.yaml
`, command(t, "rpm", "-qp", "--nosignature", "--list", rpm))
	assert.Equal(t, "/etc/otelcol-ociapm/config.yaml\n/etc/otelcol-ociapm/data-key.yaml\n/etc/otelcol-ociapm/oci-agent.yaml\n/etc/otelcol-ociapm/oci-resource.yaml\n/etc/otelcol-ociapm/otelcol-ociapm.env\n", command(t, "rpm", "-qp", "--nosignature", "--configfiles", rpm))

	assert.Equal(t, "shadow-utils\ncoreutils\nutil-linux\n", command(t, "rpm", "-qp", "--nosignature", "--requires", rpm))

	root := debian(t)
	inRoot := func(script string) string { return command(t, "chroot", root, "/bin/bash", "-euc", script) }
	// Debian's rpm does not know the packages that dpkg installed.
	manage := func(args ...string) {
		command(t, "rpm", append([]string{"--root", root, "--nodeps", "--nosignature"}, args...)...)
	}
	manage("--install", rpm)
	assert.Equal(t, "600 root:root\n", inRoot("stat --format='%a %U:%G' /etc/otelcol-ociapm/otelcol-ociapm.env"))
	assert.Regexp(t, `^otelcol-ociapm version \d+\.\d+\.\d+\+[0-9a-f]{12}\n$`, inRoot("/usr/bin/otelcol-ociapm --version"))
	assert.Regexp(t, `^apmctl version \d+\.\d+\.\d+\+[0-9a-f]{12}\n$`, inRoot("/usr/bin/apmctl --version"))
	assert.Contains(t, inRoot("APM_ENDPOINT=http://127.0.0.1:1 APM_DATA_KEY=x otelcol-ociapm validate --config /etc/otelcol-ociapm/config.yaml && echo valid"), "valid")
	inRoot("echo '# edited' >> /etc/otelcol-ociapm/config.yaml; echo APM_DATA_KEY=secret >> /etc/otelcol-ociapm/otelcol-ociapm.env; touch /etc/otelcol-ociapm/data_key")

	manage("--upgrade", "--force", rpm)
	assert.Equal(t, "1\n", inRoot("grep -c '# edited' /etc/otelcol-ociapm/config.yaml"))

	manage("--erase", "otelcol-ociapm")
	assert.NoFileExists(t, filepath.Join(root, "usr/bin/otelcol-ociapm"))
	assert.NoFileExists(t, filepath.Join(root, "usr/bin/apmctl"))
	assert.NoFileExists(t, filepath.Join(root, "usr/lib/systemd/system/otelcol-ociapm.service"))
	// As docs/deploy.md says: rpm keeps what was edited under another name, and removes the
	// rest. Its last line removes what is left.
	assert.Equal(t, "config.yaml.rpmsave\ndata_key\notelcol-ociapm.env.rpmsave\n", inRoot("ls /etc/otelcol-ociapm"))
	assert.Equal(t, "600 root:root\n", inRoot("stat --format='%a %U:%G' /etc/otelcol-ociapm/otelcol-ociapm.env.rpmsave"))
	inRoot("mkdir /var/lib/otelcol-ociapm\n" + documented(t, "on Oracle Linux, after the removal"))
	assert.NoDirExists(t, filepath.Join(root, "etc/otelcol-ociapm"))
	assert.NoDirExists(t, filepath.Join(root, "var/lib/otelcol-ociapm"))
}
