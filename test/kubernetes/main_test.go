// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	// nodeAddress is the node's address, which node.sh sets.
	nodeAddress = "10.250.0.1"
	// commandTimeout bounds every command that a test runs.
	commandTimeout = 3 * time.Minute
	pollInterval   = 250 * time.Millisecond

	image        = "otelcol-ociapm:dev"
	agents       = "otelcol-ociapm"         // namespace of the agents
	gateways     = "otelcol-ociapm-gateway" // namespace of the gateways
	appNamespace = "my-app"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// command runs a command and returns its standard output.
func command(t testing.TB, input, name string, args ...string) string {
	t.Helper()
	output, err := tryCommand(t, input, name, args...)
	require.NoError(t, err)
	return output
}

func tryCommand(t testing.TB, input, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), commandTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	cmd.Dir = harness.Root(t)
	return output(cmd)
}

// output runs a command and returns its standard output. The error contains the standard
// error.
func output(cmd *exec.Cmd) (string, error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return string(out), nil
}

func kubectl(t testing.TB, args ...string) string {
	t.Helper()
	return command(t, "", "kubectl", args...)
}

// kubectlJSON returns the output of kubectl get for an object or a list.
func kubectlJSON[T any](t testing.TB, args ...string) T {
	t.Helper()
	var result T
	require.NoError(t, json.Unmarshal([]byte(kubectl(t, append([]string{"get", "-o", "json"}, args...)...)), &result))
	return result
}

// apply applies manifests.
func apply(t testing.TB, manifests string) {
	t.Helper()
	command(t, manifests, "kubectl", "apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-")
}

// namespace creates a namespace that enforces a level of pod security, waits until the
// node has added the default objects, and deletes the namespace when the test ends.
func namespace(t testing.TB, name, level string) {
	t.Helper()
	apply(t, fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {pod-security.kubernetes.io/enforce: %s}}}", name, level))
	require.Eventually(t, func() bool {
		_, err := tryCommand(t, "", "kubectl", "get", "-n", name, "serviceaccount/default", "configmap/kube-root-ca.crt")
		return err == nil
	}, commandTimeout, pollInterval, "the namespace does not get what every namespace has")
	t.Cleanup(func() { kubectl(t, "delete", "namespace", name, "--ignore-not-found", "--wait") })
}

// installCRDs installs custom resource definitions from files in a folder, until the
// test ends.
func installCRDs(t testing.TB, folder string, files ...string) {
	t.Helper()
	for _, file := range files {
		path := filepath.Join(folder, file)
		kubectl(t, "apply", "--server-side", "-f", path)
		t.Cleanup(func() { kubectl(t, "delete", "-f", path) })
		require.Eventually(t, func() bool {
			// It is an error as long as the object has no condition.
			_, err := tryCommand(t, "", "kubectl", "wait", "--for=condition=Established", "--timeout=10s", "-f", path)
			return err == nil
		}, commandTimeout, pollInterval)
	}
}

var imagesImported bool

// importImages imports the images into the node's container runtime, once. Before that
// no pod can start: the image that holds a pod's namespaces is one of them.
func importImages(t testing.TB) {
	t.Helper()
	if imagesImported {
		return
	}
	dir := t.TempDir()
	testapp := filepath.Join(dir, "testapp")
	command(t, "", "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-o", testapp, "./test/kubernetes/testapp")
	archive := filepath.Join(dir, "testapp.tar")
	command(t, "", "mkimage", archive, "testapp:dev", "65532", "/testapp,pause", "/testapp="+testapp)
	archives := []string{archive, collectorImage(t, dir)}
	socket := filepath.Join(os.Getenv("NODE_RUN"), "containerd.sock")
	for _, archive := range archives {
		command(t, "", "ctr", "--address", socket, "--namespace", "k8s.io", "images", "import", archive)
	}
	imagesImported = true
}

// collectorImage returns the archive of the collector's image: OTELCOL_IMAGE, or an
// image built from the output of make build.
func collectorImage(t testing.TB, dir string) string {
	t.Helper()
	if archive := os.Getenv("OTELCOL_IMAGE"); archive != "" {
		return archive
	}
	archive := filepath.Join(dir, "collector.tar")
	queuedir := filepath.Join(dir, "queuedir")
	command(t, "", "env", "CGO_ENABLED=0", "go", "build", "-C", filepath.Join(harness.Root(t), "packaging"), "-trimpath", "-o", queuedir, "./image/queuedir")
	command(t, "", "mkimage", archive, image, "10001", "/otelcol-ociapm", "/otelcol-ociapm="+harness.Binary(t, "otelcol-ociapm"), "/queuedir="+queuedir)
	return archive
}
