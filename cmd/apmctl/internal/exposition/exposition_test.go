// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package exposition

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

const scraped = `# HELP otelcol_exporter_sent_spans x
otelcol_exporter_sent_spans_total{exporter="oci_apm"} 41
otelcol_exporter_sent_spans_total{exporter="oci_apm/second"} 2
otelcol_exporter_sent_spans_total{exporter="debug"} 1e+02
up 1
not a sample
`

func TestParse(t *testing.T) {
	m := Parse(scraped)
	assert.Len(t, m, 2)
	assert.True(t, m.Has("up"))
	assert.False(t, m.Has("down"))
	assert.Equal(t, int64(143), m.Sum("otelcol_exporter_sent_spans"), "without the suffix _total")
	assert.Equal(t, int64(41), m.Sum("otelcol_exporter_sent_spans", `exporter="oci_apm"`))
	assert.Equal(t, int64(43), m.Sum("otelcol_exporter_sent_spans", `exporter="oci_apm`), "a prefix of the value")
	assert.Zero(t, m.Sum("down"))
}

func FuzzParse(f *testing.F) {
	f.Add(scraped)
	f.Fuzz(func(t *testing.T, text string) {
		m := Parse(text)
		for name := range m {
			assert.True(t, m.Has(name), name)
			m.Sum(name, `a="`)
		}
	})
}
