// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build packages

package packages

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// The data key in a file that only root can read: as on every systemd, and with
// LoadCredential, which Oracle Linux 8 does not have.
func testCredential(t *testing.T, m machine, ready string, send func()) {
	m.run(t, "cp -p /etc/otelcol-ociapm/otelcol-ociapm.env /tmp/before.env")
	m.run(t, "printf '%s\n' "+harness.PrivateKey+" | (\n"+documented(t, "the key comes from standard input")+")")
	m.run(t, "sed -i 's|^APM_DATA_KEY=.*|APM_DATA_KEY=|; s|^#\\(OTELCOL_OPTIONS=.*data-key.yaml\\)|\\1|' /etc/otelcol-ociapm/otelcol-ociapm.env; systemctl restart otelcol-ociapm")
	m.await(t, ready)
	send()
	assert.Equal(t, "600 root:root", m.run(t, "stat --format='%a %U:%G' /etc/otelcol-ociapm/data_key"))
	assert.Equal(t, "400 otelcol-ociapm:otelcol-ociapm", m.run(t, "stat --format='%a %U:%G' /run/otelcol-ociapm/data_key"))
	assert.NotContains(t, m.run(t, "tr '\\0' ' ' </proc/$("+pid+")/environ"), harness.PrivateKey)

	m.run(t, `mkdir -p /etc/systemd/system/otelcol-ociapm.service.d
cat > /etc/systemd/system/otelcol-ociapm.service.d/data-key.conf <<'EOF'
`+documented(t, "data-key.conf")+`EOF
systemctl daemon-reload
systemctl restart otelcol-ociapm`)
	m.await(t, ready)
	send()
	assert.Contains(t, m.run(t, "tr '\\0' '\\n' </proc/$("+pid+")/environ"), "CREDENTIALS_DIRECTORY=/run/credentials/otelcol-ociapm.service")

	m.run(t, `rm /etc/systemd/system/otelcol-ociapm.service.d/data-key.conf
cp -p /tmp/before.env /etc/otelcol-ociapm/otelcol-ociapm.env
systemctl daemon-reload
systemctl restart otelcol-ociapm`)
	m.await(t, ready)
}

// The configuration of a gateway, with the memory limit of the unit.
func testGateway(t *testing.T, m machine, ready string, send func()) {
	m.run(t, "cp -p /etc/otelcol-ociapm/otelcol-ociapm.env /tmp/before.env; sed -i 's|^#\\(OTELCOL_CONFIG=.*gateway.yaml\\)|\\1|' /etc/otelcol-ociapm/otelcol-ociapm.env; systemctl restart otelcol-ociapm")
	m.await(t, ready)
	send()
	assert.Contains(t, m.run(t, "tr '\\0' ' ' </proc/$("+pid+")/cmdline"), "--config /usr/share/otelcol-ociapm/gateway.yaml")
	m.await(t, memoryLimit+" | grep .")
	limit, err := strconv.Atoi(m.run(t, memoryLimit))
	require.NoError(t, err)
	assert.Equal(t, 1024*70/100, limit)
	m.run(t, "cp -p /tmp/before.env /etc/otelcol-ociapm/otelcol-ociapm.env; systemctl restart otelcol-ociapm")
	m.await(t, ready)
}
