// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
	"github.com/ociapm/otelcol-ociapm/internal/testutil/goldentest"
	"github.com/ociapm/otelcol-ociapm/internal/testutil/secrettest"
)

// No attribute that the processor adds may have a password that the application sent. If
// all statements are sanitized, no part of the span may have it.
func TestNoSecretIsAdded(t *testing.T) {
	for _, mode := range []Sanitize{SanitizeNever, SanitizeAuto, SanitizeAlways} {
		t.Run(string(mode), func(t *testing.T) {
			cfg := createDefaultConfig().(*Config)
			cfg.Conventions, cfg.QueryText.Sanitize = ConventionsBoth, mode
			e := newTestEnricher(t, cfg)
			for _, text := range secrettest.Texts() {
				for _, system := range secrettest.Systems {
					for _, attribute := range append(secrettest.Attributes, "span name", "event", "status") {
						if secrettest.Ambiguous(system, attribute, text) || system == "" && attribute == "url.full" {
							continue
						}
						td := secrettest.Span(system, attribute, text)
						before := goldentest.Clone(td)
						td, err := e.processTraces(t.Context(), td)
						require.NoError(t, err)
						sent, got := spansOf(before).At(0).Attributes(), spansOf(td).At(0).Attributes()
						for name, value := range got.All() {
							if old, ok := sent.Get(name); !ok || old.AsString() != value.AsString() {
								assert.NotContains(t, value.AsString(), secrettest.Secret, "%s, added to a span of %q with %s: %s", name, system, attribute, text)
							}
						}
						if mode == SanitizeAlways && strings.Contains(marshal(t, td), secrettest.Secret) {
							assert.Fail(t, "the secret is left", "in a span of %q with %s: %s\n%s", system, attribute, text, marshal(t, td))
						}
					}
				}
			}
		})
	}
}

// Both processors must read a span in the same way, before and after it was enriched.
func TestEnrichingChangesNoAnswer(t *testing.T) {
	cfg := createDefaultConfig().(*Config)
	cfg.Conventions = ConventionsBoth
	e := newTestEnricher(t, cfg)
	check := func(t *testing.T, system, attribute, text string) {
		t.Helper()
		td := secrettest.Span(system, attribute, text)
		attrs := spansOf(td).At(0).Attributes()
		attrs.PutInt("network.peer.port", 1521)
		var before, after dbspan.Span
		before.Read(attrs, dbspan.Scope{})
		_, err := e.processTraces(t.Context(), td)
		require.NoError(t, err)
		after.Read(attrs, dbspan.Scope{})
		before.Sent, after.Sent = dbspan.Sent{}, dbspan.Sent{}
		before.Statement, before.Operation, before.Collection, before.OracleSQLID = after.Statement, after.Operation, after.Collection, after.OracleSQLID
		assert.Equal(t, before, after, "%q with %s: %s", system, attribute, text)
	}
	names := []string{
		"spa", "SPA", "db1.example.com", "db1:1521", "pg1:5432,pg2:5433", "tcp:sql1,1433", `sql1\inst`, "m1:27017[-4]", "tcps", "[2001", "::1", "/run/pg.sock",
		"1522/spa", ":5]:1521/spa", "636/spa,cn=oraclecontext,dc=x", "A1|PDB|svc", "||svc", "spa?tns_admin=", "HikariPool-1", "h/~/spa", "3",
	}
	for _, system := range secrettest.Systems {
		for _, attribute := range secrettest.Attributes {
			for _, text := range append(secrettest.Texts(), names...) {
				check(t, system, attribute, text)
			}
		}
	}
}
