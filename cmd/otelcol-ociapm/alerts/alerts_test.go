// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package alerts checks the alert rules in docs and the dashboard in deploy/grafana. It is here because this module has
// Prometheus, for its receiver.
package alerts

import (
	"log/slog"
	"os"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const alertsFile = "../../../docs/alerts.yaml"

// The check is that of `promtool check rules`.
func TestRules(t *testing.T) {
	content, err := os.ReadFile(alertsFile)
	require.NoError(t, err)
	groups, errs := rulefmt.Parse(content, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	require.Empty(t, errs)
	require.Len(t, groups.Groups, 1)
	for _, rule := range groups.Groups[0].Rules {
		assert.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		assert.NotEmpty(t, rule.Labels["severity"], rule.Alert)
	}
}
