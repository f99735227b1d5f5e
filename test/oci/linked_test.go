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

// The OCI SDK has a package for each of about a hundred services. The collector links
// only those that it calls, and their shared packages.
func TestOnlyNeededServicesAreLinked(t *testing.T) {
	const sdk = "github.com/oracle/oci-go-sdk/v65/"
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-tags="+harness.BuildTags(t), ".")
	cmd.Dir = filepath.Join(harness.Root(t), "cmd", "otelcol-ociapm")
	output, err := cmd.Output()
	require.NoError(t, err)
	linked := 0
	for line := range strings.Lines(string(output)) {
		if part, ok := strings.CutPrefix(strings.TrimSpace(line), sdk); ok {
			assert.Contains(t, []string{"common", "common/auth", "common/utils", "apmcontrolplane", "secrets"}, part)
			linked++
		}
	}
	assert.GreaterOrEqual(t, linked, 4)
}
