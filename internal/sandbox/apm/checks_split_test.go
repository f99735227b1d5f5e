// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

func withHeader(name, value string) map[string]any {
	attributes := map[string]any{"http.request.header." + name: []any{value}}
	maps.Copy(attributes, goodHTTP)
	return attributes
}

func TestJoinLines(t *testing.T) {
	for language, want := range map[string]string{
		"python": "pip install opentelemetry-propagator-b3\nexport OTEL_PROPAGATORS=b3multi,tracecontext,baggage\nexport OTEL_TRACES_SAMPLER=always_on\n",
		"java":   "export OTEL_PROPAGATORS=b3multi,tracecontext,baggage\nexport OTEL_TRACES_SAMPLER=always_on\n",
		"go":     "go get go.opentelemetry.io/contrib/propagators/autoprop\n",
		"cpp":    "OpenTelemetryPropagators    b3-multiheader\nOpenTelemetryIgnoreInbound  off\n",
	} {
		s := newStore(100, DefaultMaxBytes)
		td := tracesOf(t, spanSpec{trace: 1, id: 1, service: "app", kind: server, attributes: withHeader("x-b3-traceid", "00000000000000a1")})
		td.ResourceSpans().At(0).Resource().Attributes().PutStr("telemetry.sdk.language", language)
		s.put(batch{signal: SignalTraces, items: td.SpanCount(), traces: td}, false, 0)
		checks := checksOf(s.snapshot(), timeRange{}, time.Now())[0].Checks
		assert.True(t, strings.HasPrefix(checks[len(checks)-1].Config, want), "%s: %s", language, checks[len(checks)-1].Config)
	}
}

// The lines are those of the pages for apps, which test/apps runs.
func TestJoinLinesAreThePages(t *testing.T) {
	for language, name := range map[string]string{"python": "python", "nodejs": "nodejs", "java": "java", "go": "go", "cpp": "httpd"} {
		page, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "apps", name+".md")) //nolint:gosec // a page of this repository
		require.NoError(t, err)
		resource := pcommon.NewResource()
		resource.Attributes().PutStr("telemetry.sdk.language", language)
		for line := range strings.Lines(joinLines(resource)) {
			line = strings.TrimSpace(strings.TrimPrefix(line, "# "))
			assert.Contains(t, string(page), strings.TrimPrefix(line, "go get "), "%s: %s", name, line)
		}
	}
}

// A server's span may still be on its way to the trace of a page.
func TestChecksWaitForServers(t *testing.T) {
	s := newStore(100, DefaultMaxBytes)
	s.putSpans(t, spanSpec{trace: 1, id: 1, service: "page", kind: client, attributes: map[string]any{"component": "BROWSER"}})
	arrived := s.snapshot()[0].arrived
	state := func(after time.Duration) Check {
		checks := checksOf(s.snapshot(), timeRange{}, arrived.Add(after))[0].Checks
		return checks[len(checks)-1]
	}
	assert.Equal(t, CheckNone, state(parentGrace).State)
	assert.Equal(t, CheckFailed, state(parentGrace+1).State)
	assert.Contains(t, state(parentGrace+1).Fix, "traceSupportingEndpoints")
	assert.Equal(t, b3Lines, state(parentGrace+1).Config)
}
