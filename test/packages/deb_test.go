// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build packages

package packages

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	pid     = "systemctl show --property=MainPID --value otelcol-ociapm"
	journal = "journalctl --no-pager --output=cat --unit=otelcol-ociapm"
	sandbox = "http://127.0.0.1:4320"
	// memoryLimit prints the limit that the collector logs, in MiB.
	memoryLimit = `journalctl --no-pager --output=cat _PID=$(` + pid + `) | sed -nE 's/.*Memory limiter configured.*"limit_mib": ([0-9]+).*/\1/p'`
	// maxExposure is the highest acceptable score of `systemd-analyze security`, from 0
	// (best) to 10: the unit's current score, so that it gets no worse.
	maxExposure = 1.5
)

// The steps of an administrator, from the installation to the purge.
func TestDebianPackage(t *testing.T) {
	packages := t.TempDir()
	deb := harness.Released(t, "*_amd64.deb")
	command(t, "cp", deb, packages)
	nextVersion(t, deb, filepath.Join(packages, "next.deb"))
	m := boot(t, debian(t), packages+":/packages", harness.Binary(t, "apmsandbox")+":/usr/bin/apmsandbox")
	m.run(t, "systemd-run --quiet --unit=sandbox --setenv=APMSANDBOX_PRIVATE_KEY="+harness.PrivateKey+" /usr/bin/apmsandbox")
	sent, doctors := 0, 0
	send := func() {
		sent++
		m.run(t, fmt.Sprintf(`curl -sSf --retry 30 --retry-delay 1 --retry-all-errors localhost:4318/v1/traces -H 'Content-Type: application/json' -d '%s'`, span(sent)))
		m.await(t, fmt.Sprintf(`curl -sSf %s/api/v1/counts | tr -d ' \n' | grep -qE '"stored":%d\b'`, sandbox, sent+doctors))
	}

	m.run(t, "cd /packages; "+documented(t, "on Debian and Ubuntu; on Oracle Linux: dnf install ./otelcol-ociapm-*.x86_64.rpm"))
	assert.Equal(t, "755 root:root /etc/otelcol-ociapm\n644 root:root /etc/otelcol-ociapm/config.yaml\n644 root:root /etc/otelcol-ociapm/data-key.yaml\n644 root:root /etc/otelcol-ociapm/oci-agent.yaml\n644 root:root /etc/otelcol-ociapm/oci-resource.yaml\n600 root:root /etc/otelcol-ociapm/otelcol-ociapm.env",
		m.run(t, "stat --format='%a %U:%G %n' /etc/otelcol-ociapm /etc/otelcol-ociapm/*"))
	assert.Regexp(t, `^otelcol-ociapm:x:\d{3}:\d{3}:.*:/usr/sbin/nologin$`, m.run(t, "getent passwd otelcol-ociapm"))
	assert.Equal(t, "disabled", m.run(t, "systemctl is-enabled otelcol-ociapm || true"))
	assert.Equal(t, "inactive", m.run(t, "systemctl is-active otelcol-ociapm || true"), "nothing starts without an endpoint and a key")
	assert.Regexp(t, `^otelcol-ociapm version \d+\.\d+\.\d+\+[0-9a-f]{12}$`, m.run(t, "otelcol-ociapm --version"))
	assert.Regexp(t, `^apmctl version \d+\.\d+\.\d+\+[0-9a-f]{12}$`, m.run(t, "apmctl --version"))
	m.run(t, "systemd-analyze verify otelcol-ociapm.service")

	// An unfilled environment file is rejected with an error that names the field and
	// what to write.
	_, _, code := m.try(t, "systemctl start otelcol-ociapm")
	assert.NotZero(t, code)
	m.await(t, journal+" | grep -q 'endpoint: it is empty'")
	m.run(t, "systemctl stop otelcol-ociapm")

	m.run(t, fmt.Sprintf(`sed -i 's|^APM_ENDPOINT=.*|APM_ENDPOINT=%s|; s|^APM_DATA_KEY=.*|APM_DATA_KEY=%s|' /etc/otelcol-ociapm/otelcol-ociapm.env`, sandbox, harness.PrivateKey))
	m.run(t, documented(t, "now and at each boot"))
	ready := "curl -sSf localhost:13133"
	m.await(t, ready)
	send()
	assert.Equal(t, "otelcol-ociapm", m.run(t, `stat --format=%U /proc/$(`+pid+`)`))
	assert.Equal(t, "750 otelcol-ociapm:otelcol-ociapm", m.run(t, "stat --format='%a %U:%G' /var/lib/otelcol-ociapm"))
	status := m.run(t, `cat /proc/$(`+pid+`)/status`)
	assert.Regexp(t, `(?m)^CapBnd:\s+0+$`, status)
	assert.Regexp(t, `(?m)^NoNewPrivs:\s+1$`, status)
	assert.Regexp(t, `(?m)^Seccomp:\s+2$`, status)
	assert.NotContains(t, m.run(t, journal), harness.PrivateKey)

	t.Run("doctor", func(t *testing.T) {
		found, _, status := m.try(t, "apmctl doctor")
		assert.Zero(t, status, found)
		assert.Contains(t, found, "/etc/otelcol-ociapm/config.yaml")
		assert.NotContains(t, found, "✗")
		assert.NotContains(t, found, harness.PrivateKey)
		doctors = 2 // the spans of its test trace
	})

	t.Run("memory", func(t *testing.T) {
		ownLimit := func() int {
			m.await(t, memoryLimit+" | grep .") // the journal is written asynchronously
			own, err := strconv.Atoi(m.run(t, memoryLimit))
			require.NoError(t, err)
			return own
		}
		limits := func() (unit, own int) {
			bytes, err := strconv.Atoi(m.run(t, "systemctl show --property=MemoryMax --value otelcol-ociapm"))
			require.NoError(t, err)
			return bytes >> 20, ownLimit()
		}
		unit, own := limits()
		assert.Equal(t, 1024, unit)
		assert.Equal(t, unit*70/100, own)

		m.run(t, `mkdir -p /etc/systemd/system/otelcol-ociapm.service.d
cat > /etc/systemd/system/otelcol-ociapm.service.d/override.conf <<'EOF'
`+documented(t, "memory.conf")+`EOF
systemctl daemon-reload
systemctl restart otelcol-ociapm`)
		m.await(t, ready)
		unit, own = limits()
		assert.Equal(t, 2048, unit)
		assert.Equal(t, unit*70/100, own)

		// The administrator's own limit has precedence.
		m.run(t, "echo OTELCOL_MEMORY_LIMIT_MIB=300 >> /etc/otelcol-ociapm/otelcol-ociapm.env; systemctl restart otelcol-ociapm")
		m.await(t, ready)
		_, own = limits()
		assert.Equal(t, 300, own)
		m.run(t, "sed -i /OTELCOL_MEMORY_LIMIT_MIB/d /etc/otelcol-ociapm/otelcol-ociapm.env")

		// Without a limit of the unit, the limit is a percentage of the machine's memory.
		m.run(t, "printf '[Service]\nMemoryMax=infinity\n' > /etc/systemd/system/otelcol-ociapm.service.d/override.conf; systemctl daemon-reload; systemctl restart otelcol-ociapm")
		m.await(t, ready)
		assert.Greater(t, ownLimit(), 2048*70/100, "more than with the unit's limit above")

		m.run(t, "rm /etc/systemd/system/otelcol-ociapm.service.d/override.conf; systemctl daemon-reload; systemctl restart otelcol-ociapm")
		m.await(t, ready)
	})

	t.Run("reload", func(t *testing.T) {
		before := m.run(t, pid)
		m.run(t, "systemctl reload otelcol-ociapm")
		m.await(t, ready)
		assert.Equal(t, before, m.run(t, pid))
		send()

		m.run(t, "cp -p /etc/otelcol-ociapm/config.yaml /tmp/good.yaml; echo 'nonsense: {}' >> /etc/otelcol-ociapm/config.yaml")
		_, _, code := m.try(t, "systemctl reload otelcol-ociapm")
		assert.NotZero(t, code)
		send()
		assert.Equal(t, before, m.run(t, pid), "it continues with its current configuration")
		m.run(t, "cp -p /tmp/good.yaml /etc/otelcol-ociapm/config.yaml")
	})

	t.Run("crash", func(t *testing.T) {
		before := m.run(t, pid)
		m.run(t, "kill -KILL "+before)
		m.await(t, "test $("+pid+") != "+before+" && "+ready)
		send()
	})

	t.Run("credential", func(t *testing.T) { testCredential(t, m, ready, send) })
	t.Run("gateway", func(t *testing.T) { testGateway(t, m, ready, send) })

	// The machine is not on OCI: the service starts, and accepts data from apps.
	t.Run("OCI", func(t *testing.T) {
		m.run(t, `cp -p /etc/otelcol-ociapm/otelcol-ociapm.env /tmp/good.env
sed -i 's|^APM_ENDPOINT=.*|APM_ENDPOINT=|; s|^#APM_DOMAIN_ID=|APM_DOMAIN_ID=ocid1.apmdomain.oc1.eu-frankfurt-1.aaaabbbb|; s|^#\(OTELCOL_OPTIONS=.*oci-agent.yaml.*\)|\1|' /etc/otelcol-ociapm/otelcol-ociapm.env
systemctl daemon-reload
systemctl restart otelcol-ociapm`)
		m.await(t, ready)
		assert.Equal(t, "/usr/bin/otelcol-ociapm --config /etc/otelcol-ociapm/config.yaml --config /etc/otelcol-ociapm/oci-agent.yaml --config /etc/otelcol-ociapm/oci-resource.yaml",
			m.run(t, `tr '\0' ' ' </proc/$(`+pid+`)/cmdline`))
		m.await(t, journal+" | grep -q 'The APM domain cannot be discovered: uploads are queued and retried'")
		m.run(t, fmt.Sprintf(`curl -sSf --retry 30 --retry-delay 1 --retry-all-errors localhost:4318/v1/traces -H 'Content-Type: application/json' -d '%s'`, span(1000)))
		m.run(t, `cp -p /tmp/good.env /etc/otelcol-ociapm/otelcol-ociapm.env
sed -i 's|^APM_DATA_KEY=.*|APM_DATA_KEY=`+harness.PrivateKey+`|' /etc/otelcol-ociapm/otelcol-ociapm.env
systemctl restart otelcol-ociapm`)
		m.await(t, ready)
		sent++ // the one in its queue
		send()
	})

	t.Run("upgrade", func(t *testing.T) {
		before := m.run(t, pid)
		m.run(t, "sed -i 's/hostname_sources: .os./hostname_sources: [os] # edited/' /etc/otelcol-ociapm/config.yaml")
		m.run(t, "dpkg --install --force-confold /packages/next.deb")
		m.await(t, ready)
		assert.NotEqual(t, before, m.run(t, pid), "the new version runs")
		assert.Equal(t, "1", m.run(t, "grep -c '# edited' /etc/otelcol-ociapm/config.yaml"))
		assert.Equal(t, "1", m.run(t, "grep -c '# of the next version' /etc/otelcol-ociapm/config.yaml.dpkg-dist"))
		assert.Equal(t, "enabled", m.run(t, "systemctl is-enabled otelcol-ociapm"))
		send()
	})

	t.Run("exposure", func(t *testing.T) {
		output := m.run(t, "systemd-analyze security --no-pager otelcol-ociapm.service")
		score := regexp.MustCompile(`Overall exposure level for otelcol-ociapm\.service: ([0-9.]+)`).FindStringSubmatch(output)
		require.NotNil(t, score, output)
		exposure, err := strconv.ParseFloat(score[1], 64)
		require.NoError(t, err)
		t.Log(score[0])
		assert.LessOrEqual(t, exposure, maxExposure, output)
	})

	t.Run("remove", func(t *testing.T) {
		m.run(t, "dpkg --remove otelcol-ociapm")
		_, _, code := m.try(t, "pgrep --exact otelcol-ociapm")
		assert.Equal(t, 1, code, "nothing runs")
		m.run(t, "test ! -e /usr/bin/otelcol-ociapm; test ! -e /usr/bin/apmctl; test ! -e /usr/lib/systemd/system/otelcol-ociapm.service; test -d /var/lib/otelcol-ociapm")
		assert.Equal(t, "1", m.run(t, "grep -c '# edited' /etc/otelcol-ociapm/config.yaml"))
		assert.Empty(t, m.run(t, "find /etc/systemd -name otelcol-ociapm.service"))
		assert.Equal(t, "600 root:root", m.run(t, "stat --format='%a %U:%G' /etc/otelcol-ociapm/otelcol-ociapm.env"), "the key stays")
		m.run(t, "test -e /etc/otelcol-ociapm/oci-agent.yaml") // not modified
	})

	t.Run("purge", func(t *testing.T) {
		m.run(t, "dpkg --purge otelcol-ociapm")
		assert.Empty(t, m.run(t, "find /etc /usr /var -name '*otelcol-ociapm*' -not -path '/var/log/*'"))
		assert.Empty(t, m.run(t, "systemctl list-units --all --no-legend 'otelcol-ociapm*'"))
	})
}

// nextVersion repacks the package as version 9.0.0 with another configuration.
func nextVersion(t *testing.T, deb, to string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "next")
	command(t, "dpkg-deb", "--raw-extract", deb, dir)
	edit := func(path string, change func(string) string) {
		path = filepath.Join(dir, path)
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		changed := change(string(content))
		require.NotEqual(t, string(content), changed)
		require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
		require.NoError(t, os.Chmod(path, 0o644))
	}
	edit("DEBIAN/control", func(s string) string {
		return regexp.MustCompile(`(?m)^Version: .*$`).ReplaceAllString(s, "Version: 9.0.0")
	})
	edit("etc/otelcol-ociapm/config.yaml", func(s string) string { return s + "# of the next version\n" })
	// The group may have another number there, or not exist.
	edit("DEBIAN/md5sums", func(string) string { return "\n" })
	command(t, "dpkg-deb", "--build", "-Znone", dir, to)
}

// span is an OTLP request with one span whose ids contain the number.
func span(n int) string {
	return fmt.Sprintf(`{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},`+
		`"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"SELECT orders","kind":3,`+
		`"startTimeUnixNano":"1795384800000000000","endTimeUnixNano":"1795384800012000000"}]}]}]}`, n, n)
}

// documented returns the code in docs/deploy.md that starts with a comment.
func documented(t *testing.T, comment string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "deploy.md"))
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(content), "\n# "+comment+"\n")
	require.True(t, found, comment)
	block, _, found := strings.Cut(rest, "```")
	require.True(t, found)
	return block
}
