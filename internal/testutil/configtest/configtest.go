// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package configtest reads the configurations of a component in the same way as
// the collector.
package configtest // import "github.com/ociapm/otelcol-ociapm/internal/testutil/configtest"

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"
)

// Case is a configuration with its expected result or error.
type Case struct {
	Name   string // selects TYPE/NAME in testdata/config.yaml, or TYPE if it is empty
	Want   component.Config
	Errors []string // texts that the error must contain, if Want is nil
}

// Run reads and validates each case.
func Run(t *testing.T, factory component.Factory, cases []Case) {
	t.Helper()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			sub, err := conf.Sub(component.NewIDWithName(factory.Type(), c.Name).String())
			require.NoError(t, err)
			cfg := factory.CreateDefaultConfig()
			require.NoError(t, sub.Unmarshal(cfg))
			err = confmap.Validate(cfg)
			if c.Want != nil {
				require.NoError(t, err)
				assert.Equal(t, c.Want, cfg)
				return
			}
			require.NotEmpty(t, c.Errors)
			for _, want := range c.Errors {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}
