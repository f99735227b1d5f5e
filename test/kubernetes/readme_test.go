// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// The commands of the page, unchanged: first with kustomize, then with Helm.
func TestReadme(t *testing.T) {
	importImages(t)
	serveNames(t)
	blocks := harness.PageBlocks(t, "deploy/kubernetes/README.md", "kubernetes", "bash")
	require.Len(t, blocks, 2)
	t.Cleanup(func() {
		kubectl(t, "delete", "--ignore-not-found", "-k", "deploy/kubernetes/overlays/agent")
	})

	t.Setenv("APM_ENDPOINT", "https://"+apmHost)
	t.Setenv("APM_DATA_KEY", harness.PrivateKey)
	command(t, blocks[0], "bash", "-euo", "pipefail")
	rolledOut(t, agents, "daemonset/otelcol-ociapm-agent")
	log := kubectl(t, "logs", "-n", agents, "daemonset/otelcol-ociapm-agent")
	assert.Contains(t, log, "Everything is ready")
	assert.NotContains(t, log, harness.PrivateKey)

	// Helm does not adopt objects that it has not created.
	for _, kind := range []string{"serviceaccount", "service", "daemonset", "networkpolicy"} {
		kubectl(t, "delete", kind, "-n", agents, "otelcol-ociapm-agent", "--wait")
	}
	for _, kind := range []string{"clusterrole", "clusterrolebinding"} {
		kubectl(t, "delete", kind, "otelcol-ociapm-agent")
	}
	command(t, blocks[1], "bash", "-euo", "pipefail")
	rolledOut(t, agents, "daemonset/otelcol-ociapm-agent")
	command(t, "", "helm", "uninstall", "otelcol-ociapm", "-n", agents, "--wait")
}
