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

// The packages follow the distributions' policies, except where packaging/linux gives a
// reason: lintian-overrides and rpmlint.toml.
func TestPolicies(t *testing.T) {
	t.Run("deb", func(t *testing.T) {
		t.Parallel()
		// Two checks search the whole programs for words, and find nothing but misspelled
		// messages of modules.
		assert.NotRegexp(t, `(?m)^[EW]: `, command(t, "lintian", "--allow-root", "--fail-on=error,warning",
			"--dont-check-part=binaries/spelling,files/contents", harness.Released(t, "*_amd64.deb")))
	})
	t.Run("rpm", func(t *testing.T) {
		t.Parallel()
		config := filepath.Join(harness.Root(t), "packaging", "linux", "rpmlint.toml")
		assert.Contains(t, command(t, "rpmlint", "--strict", "--config="+config, harness.Released(t, "*.x86_64.rpm")), "; 0 errors, 0 warnings")
	})
}
