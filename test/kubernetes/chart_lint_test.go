// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"encoding/json"
	"maps"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// finding is what a linter of manifests reports, with the file in ci/ whose rendering it
// is about, the object, and the container if the linter names it.
type finding struct{ check, where string }

// acceptedFindings are the findings that stay, and why. The pattern is for "file object
// container".
var acceptedFindings = []struct{ check, where, reason string }{
	{"container-image-pull-policy", ``, "a tag is a version and never moves; Always would make a restart depend on the registry"},
	{"CKV_K8S_15", ``, "the same"},
	{"CKV_K8S_43", ``, "the digest is that of the user's registry: image.digest"},
	{"pod-probes-identical", ``, "the collector has one health endpoint; only the thresholds differ, so that it leaves its Service long before it is restarted"},
	{"container-resources", ``, "no CPU limit: it would throttle uploads while a queue is full; resources.limits.cpu sets one. queue-directory exits at once"},
	{"CKV_K8S_11", ``, "the same"},
	{"container-ephemeral-storage-request-and-limit", ``, "only a queue takes such space, and its volume has a size limit; resources sets both"},
	{"container-security-context-user-group-id", ` queue-directory$`, "gives the folder, which the kubelet creates with owner root, to the collector's user: root with only the capability CHOWN"},
	{"CKV_K8S_25", ` DaemonSet`, "the same container"},
	{"container-security-context-user-group-id", `^sampling `, "the platform assigns users and groups"},
	{"CKV_K8S_40", `^sampling `, "the same"},
	{"deployment-has-host-podantiaffinity", ``, "topologySpreadConstraints spread the pods"},
	{"statefulset-has-host-podantiaffinity", ``, "the same"},
	{"CKV_K8S_19", `^agent-hostnetwork `, "the example is about the network of the node"},
	{"CKV_K8S_26", `^agent`, "apps send to their node; ports.otlp.hostPort=0 switches it off"},
	{"CKV_K8S_35", ``, "the endpoint and the brokers are not secret, though they are in the Secret; the data key is a file"},
	{"CKV_K8S_38", ` (DaemonSet|Deployment)/otelcol-ociapm-(agent|gateway)$`, "agents look up the pods that send, balancers the samplers"},
}

// The linters of manifests find nothing without a reason, and each reason is still needed.
// make lint-chart installs them.
func TestChartLinters(t *testing.T) {
	linters := map[string]func(t *testing.T, dir string) []finding{"kube-score": kubeScore, "checkov": checkov}
	dir := t.TempDir()
	for _, file := range ciValues(t) {
		name := strings.TrimSuffix(filepath.Base(file), "-values.yaml")
		if name == "agent-containers" {
			continue // containers that are not the chart's
		}
		command(t, "", "helm", "template", "otelcol-ociapm", chart, "--namespace", agents, "--skip-tests", "--values", file, "--output-dir", filepath.Join(dir, name))
	}
	used := map[int]bool{}
	for _, linter := range slices.Sorted(maps.Keys(linters)) {
		t.Run(linter, func(t *testing.T) {
			if _, err := exec.LookPath(linter); err != nil {
				t.Skip(err)
			}
			findings := linters[linter](t, dir)
			require.NotEmpty(t, findings, "it has looked at nothing")
			for _, f := range findings {
				i := slices.IndexFunc(acceptedFindings, func(a struct{ check, where, reason string }) bool {
					return a.check == f.check && regexp.MustCompile(a.where).MatchString(f.where)
				})
				assert.NotEqual(t, -1, i, "%s: %s", f.check, f.where)
				used[i] = true
			}
			for i, a := range acceptedFindings {
				if strings.HasPrefix(a.check, "CKV_") == (linter == "checkov") {
					assert.True(t, used[i], "%s (%s) is not found any more", a.check, a.where)
				}
			}
		})
	}
}

func kubeScore(t *testing.T, dir string) []finding {
	t.Helper()
	var all []finding
	folders, err := filepath.Glob(filepath.Join(dir, "*"))
	require.NoError(t, err)
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*", "templates", "*.yaml"))
		require.NoError(t, err)
		// It exits with 1 if there are findings.
		output, _ := tryCommand(t, "", "kube-score", append([]string{"score", "--kubernetes-version=v1.30", "--output-format=json"}, files...)...)
		var objects []struct {
			TypeMeta   struct{ Kind string } `json:"type_meta"`
			ObjectMeta struct{ Name string } `json:"object_meta"`
			Checks     []struct {
				Check    struct{ ID string }
				Grade    int
				Skipped  bool
				Comments []struct{ Path string }
			}
		}
		require.NoError(t, json.Unmarshal([]byte(output), &objects))
		for _, o := range objects {
			for _, check := range o.Checks {
				if check.Grade >= 10 || check.Skipped {
					continue
				}
				for _, comment := range check.Comments {
					all = append(all, finding{check.Check.ID, strings.TrimSpace(filepath.Base(folder) + " " + o.TypeMeta.Kind + "/" + o.ObjectMeta.Name + " " + comment.Path)})
				}
			}
		}
	}
	return all
}

func checkov(t *testing.T, dir string) []finding {
	t.Helper()
	output := command(t, "", "checkov", "--directory", dir, "--framework", "kubernetes", "--output", "json", "--quiet", "--compact", "--skip-download", "--soft-fail")
	var report struct {
		Results struct {
			Failed []struct {
				Check    string `json:"check_id"`
				File     string `json:"file_path"`
				Resource string
			} `json:"failed_checks"`
		}
	}
	require.NoError(t, json.Unmarshal([]byte(output), &report))
	var all []finding
	for _, f := range report.Results.Failed {
		parts := strings.Split(f.Resource, ".") // kind, namespace, name
		all = append(all, finding{f.Check, strings.Split(f.File, "/")[1] + " " + parts[0] + "/" + parts[len(parts)-1]})
	}
	return all
}
