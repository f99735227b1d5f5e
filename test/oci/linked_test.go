// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const sdk = "github.com/oracle/oci-go-sdk/v65/"

// The OCI SDK has a package for each of about a hundred services. The collector links
// only those that it calls, and their shared packages.
func TestOnlyNeededServicesAreLinked(t *testing.T) {
	assert.ElementsMatch(t, []string{"common", "common/auth", "common/utils", "apmcontrolplane", "secrets"},
		linked(t, filepath.Join("cmd", "otelcol-ociapm"), "-tags="+harness.BuildTags(t)))
}

// The services that set up a domain are linked into apmctl, and nowhere else. The doctor
// reads secrets where the configuration names them, as the collector does.
func TestServicesOfAPMCtl(t *testing.T) {
	assert.ElementsMatch(t, []string{"common", "common/auth", "common/utils", "apmconfig", "apmcontrolplane", "apmtraces", "logging", "monitoring", "secrets"},
		linked(t, filepath.Join("cmd", "apmctl")))
	assert.Empty(t, linked(t, filepath.Join("cmd", "apmsandbox")))
}

// linked returns the packages of the SDK that a program links.
func linked(t *testing.T, program string, flags ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append(append([]string{"list", "-deps"}, flags...), ".")...)
	cmd.Dir = filepath.Join(harness.Root(t), program)
	output, err := cmd.Output()
	require.NoError(t, err)
	var parts []string
	for line := range strings.Lines(string(output)) {
		if part, ok := strings.CutPrefix(strings.TrimSpace(line), sdk); ok {
			parts = append(parts, part)
		}
	}
	return parts
}
