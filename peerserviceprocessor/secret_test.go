// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package peerserviceprocessor

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/testutil/secrettest"
)

// No name may have a password that the application sent, whatever the template.
func TestNoSecretInAName(t *testing.T) {
	defaults := createDefaultConfig().(*Config).Default
	for _, attribute := range secrettest.Attributes {
		t.Run(attribute, func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			cfg.Default = append([]string{"{" + attribute + "}"}, defaults...)
			cfg.Kinds = []Kind{KindDB, KindHTTP}
			plain, own := newTestNamer(t, createDefaultConfig().(*Config)), newTestNamer(t, cfg)
			for _, text := range secrettest.Texts() {
				for _, system := range secrettest.Systems {
					if secrettest.Ambiguous(system, attribute, text) || system == "" && attribute == "url.full" {
						continue
					}
					for _, n := range []*namer{plain, own} {
						td, err := n.processTraces(t.Context(), secrettest.Span(system, attribute, text))
						require.NoError(t, err)
						name, _ := attributesOf(td).Get(attrPeerService)
						assert.NotContains(t, name.AsString(), secrettest.Secret, "of a span of %q with %s", system, text)
						if system != "" {
							assert.NotEmpty(t, name.AsString(), "of a span of %q with %s", system, text)
						}
					}
				}
			}
		})
	}
}
