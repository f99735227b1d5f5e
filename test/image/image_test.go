// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build image

package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

var arch = flag.String("arch", runtime.GOARCH, "architecture of the image; where it is not this machine's, qemu runs the program")

const (
	user      = 10001
	awaitTime = 30 * time.Second
	requests  = 50
	// memoryLimit is the container's memory limit, in bytes.
	memoryLimit = 300 << 20
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// imageConfig is the part of an image's configuration that the test runs.
type imageConfig struct {
	Architecture string `json:"architecture"`
	Config       struct {
		User       string
		Entrypoint []string
		Cmd        []string
		Labels     map[string]string
	} `json:"config"`
}

// unpack writes the image's files into a folder and returns its configuration
// and the names of its files.
func unpack(t *testing.T, path, root string) (config imageConfig, names []string) {
	t.Helper()
	archive := readTar(t, path)
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	require.NoError(t, json.Unmarshal(archive["manifest.json"], &manifest))
	require.Len(t, manifest, 1)
	assert.Equal(t, []string{"otelcol-ociapm:dev"}, manifest[0].RepoTags)
	require.NoError(t, json.Unmarshal(archive[manifest[0].Config], &config))
	for _, layer := range manifest[0].Layers {
		unzipped, err := gzip.NewReader(bytes.NewReader(archive[layer]))
		require.NoError(t, err)
		for r := tar.NewReader(unzipped); ; {
			header, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			names = append(names, header.Name)
			target := filepath.Join(root, header.Name)
			if header.Typeflag == tar.TypeDir {
				require.NoError(t, os.Mkdir(target, 0o755))
			} else {
				content, err := io.ReadAll(r)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(target, content, 0o600))
			}
			require.NoError(t, os.Chown(target, header.Uid, header.Gid))
			require.NoError(t, os.Chmod(target, header.FileInfo().Mode().Perm()))
		}
	}
	return config, names
}

func readTar(t *testing.T, path string) map[string][]byte {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err, "run `make image` first")
	defer file.Close()
	files := map[string][]byte{}
	for r := tar.NewReader(file); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		files[header.Name], err = io.ReadAll(r)
		require.NoError(t, err)
	}
}

// runContainer starts the image with a read-only root, as its own user, without
// capabilities, in the host's network, where the sandbox listens.
func runContainer(t *testing.T, bundle string, env, args []string, mounts ...map[string]any) *harness.Process {
	t.Helper()
	name := "otelcol-ociapm-test-" + strconv.Itoa(os.Getpid())
	if *arch != runtime.GOARCH {
		require.Equal(t, "arm64", *arch)
		qemu, err := exec.LookPath("qemu-aarch64-static")
		require.NoError(t, err)
		args = append([]string{"/qemu"}, args...)
		mounts = append(mounts, map[string]any{"destination": "/qemu", "type": "bind", "source": qemu, "options": []string{"bind", "ro"}})
	}
	mounts = append([]map[string]any{
		{"destination": "/proc", "type": "proc", "source": "proc"},
		{"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": []string{"nosuid", "noexec", "nodev", "ro"}},
		{"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
	}, mounts...)
	spec := map[string]any{
		"ociVersion": "1.0.2",
		"root":       map[string]any{"path": "rootfs", "readonly": true},
		"process": map[string]any{
			"user":            map[string]any{"uid": user, "gid": user},
			"args":            args,
			"env":             env,
			"cwd":             "/",
			"noNewPrivileges": true,
			"capabilities":    map[string]any{},
		},
		"mounts": mounts,
		"linux": map[string]any{
			"cgroupsPath": "/" + name,
			"resources":   map[string]any{"memory": map[string]any{"limit": memoryLimit}},
			"namespaces":  []map[string]any{{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}},
		},
	}
	content, err := json.Marshal(spec)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(bundle, "config.json"), content, 0o600))
	state := t.TempDir()
	t.Cleanup(func() { // left behind by a failed test
		output, err := exec.CommandContext(context.Background(), "runc", "--root", state, "delete", "--force", name).CombinedOutput()
		assert.NoError(t, err, "%s", output)
	})
	cmd := exec.CommandContext(t.Context(), "runc", "--root", state, "run", "--bundle", bundle, name)
	cmd.Cancel = func() error { return nil } // the cleanup of Start stops it
	return harness.Start(t, cmd)
}

func TestContainer(t *testing.T) {
	bundle := t.TempDir()
	root := filepath.Join(bundle, "rootfs")
	require.NoError(t, os.Mkdir(root, 0o755))
	for _, dir := range []string{"proc", "sys"} {
		require.NoError(t, os.Mkdir(filepath.Join(root, dir), 0o755)) // as a container runtime does
	}
	config, names := unpack(t, filepath.Join(harness.Root(t), "dist", "otelcol-ociapm-image-"+*arch+".tar"), root)

	assert.Equal(t, *arch, config.Architecture)
	assert.Equal(t, "10001:10001", config.Config.User)
	assert.Equal(t, []string{"/otelcol-ociapm"}, config.Config.Entrypoint)
	assert.Equal(t, []string{"--config", "/etc/otelcol-ociapm/config.yaml"}, config.Config.Cmd)
	assert.NotEmpty(t, config.Config.Labels["org.opencontainers.image.version"])
	assert.NotEmpty(t, config.Config.Labels["org.opencontainers.image.revision"])
	// The image has the collector and the program that prepares an agent's queue in
	// Kubernetes, and no shell.
	for _, name := range names {
		info, err := os.Stat(filepath.Join(root, name))
		require.NoError(t, err)
		if !info.IsDir() && info.Mode()&0o111 != 0 {
			assert.Contains(t, []string{"apmctl", "otelcol-ociapm", "queuedir"}, name)
		}
	}
	assert.FileExists(t, filepath.Join(root, "licenses/LICENSE"))
	notices, err := os.ReadFile(filepath.Join(root, "licenses/THIRD-PARTY-NOTICES"))
	require.NoError(t, err)
	assert.Contains(t, string(notices), "\ngo.opentelemetry.io/collector/otelcol v")
	pem, err := os.ReadFile(filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"))
	require.NoError(t, err)
	assert.Greater(t, strings.Count(string(pem), "BEGIN CERTIFICATE"), 100)

	// Configuration and key are mounted as files.
	sandbox := harness.StartSandbox(t)
	grpc, http, health, metrics := harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t), harness.FreeAddress(t)
	mounted := t.TempDir()
	require.NoError(t, os.Chmod(mounted, 0o755))
	copyFile := func(from, to string) {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(mounted, to), content, 0o600))
		require.NoError(t, os.Chown(filepath.Join(mounted, to), user, user))
	}
	copyFile(harness.AddressesFile(t, grpc, http, health, metrics), "addresses.yaml")
	require.NoError(t, os.WriteFile(filepath.Join(mounted, "data_key"), []byte(harness.PrivateKey+"\n"), 0o600))
	require.NoError(t, os.Chown(filepath.Join(mounted, "data_key"), user, user))
	queue := t.TempDir()
	require.NoError(t, os.Chown(queue, user, user))

	args := append([]string{}, config.Config.Entrypoint...)
	args = append(args, config.Config.Cmd...)
	args = append(args, "--config", "/run/mounted/addresses.yaml",
		"--config", `yaml:{exporters: {oci_apm: {data_key: "", data_key_file: /run/mounted/data_key}}, service: {telemetry: {logs: {level: debug}}}}`)
	container := runContainer(t, bundle, []string{"APM_ENDPOINT=" + sandbox.URL}, args,
		map[string]any{"destination": "/run/mounted", "type": "bind", "source": mounted, "options": []string{"bind", "ro"}},
		map[string]any{"destination": "/var/lib/otelcol-ociapm", "type": "bind", "source": queue, "options": []string{"bind", "rw"}})
	container.AwaitOutput(t, "Everything is ready")
	assert.NotContains(t, container.Output(), harness.PrivateKey)
	// The collector's own limit is a percentage of the container's.
	assert.Contains(t, container.Output(), fmt.Sprintf(`"total_memory_mib": %d,`, memoryLimit>>20))
	assert.Contains(t, container.Output(), fmt.Sprintf(`"often_from_mib": %d}`, memoryLimit/100*80/100*65>>20))
	assert.NotContains(t, container.Output(), "more than the container or unit may use")

	// While APM answers 503, the spans stay in the queue, so that SIGTERM finds them
	// there.
	sandbox.AddFault(t, apm.Fault{Status: 503})
	send := func(n int) {
		post(t, "http://"+http+"/v1/traces", fmt.Sprintf(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%032x","spanId":"%016x","name":"a","kind":3,`+
			`"startTimeUnixNano":"1795384800000000000","endTimeUnixNano":"1795384800012000000"}]}]}]}`, n+1, n+1))
	}
	for n := range requests {
		send(n)
	}
	get(t, "http://"+health)
	assert.Zero(t, sandbox.Counts(t).Spans.Stored)
	sandbox.ClearFaults(t)
	container.Signal(t, syscall.SIGTERM)
	assert.Zero(t, container.Wait(t, awaitTime))

	// Spans that could not be sent in time are still on disk: the next start sends them.
	// A limit for which the container has too little memory causes a warning.
	args = append(args, "--config", "yaml:{extensions: {gc_tuner: {limit_mib: 512}}}")
	container = runContainer(t, bundle, []string{"APM_ENDPOINT=" + sandbox.URL}, args,
		map[string]any{"destination": "/run/mounted", "type": "bind", "source": mounted, "options": []string{"bind", "ro"}},
		map[string]any{"destination": "/var/lib/otelcol-ociapm", "type": "bind", "source": queue, "options": []string{"bind", "rw"}})
	container.AwaitOutput(t, "Everything is ready")
	assert.Contains(t, container.Output(), fmt.Sprintf(`"limit_mib": 512, "allowed_mib": %d}`, memoryLimit>>20))
	// The collector handles signals slightly after it reports that it is ready, which
	// takes long under qemu.
	send(requests)
	sandbox.AwaitSpans(t, requests+1)
	assert.Equal(t, requests+1, sandbox.Counts(t).Spans.Stored)
	container.Signal(t, syscall.SIGTERM)
	assert.Zero(t, container.Wait(t, awaitTime))
}

func post(t *testing.T, url, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), awaitTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	answer(t, req)
}

func get(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), awaitTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	answer(t, req)
}

func answer(t *testing.T, req *http.Request) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s", content)
}
