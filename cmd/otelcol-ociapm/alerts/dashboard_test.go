// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const dashboardFile = "../../../deploy/grafana/otelcol-ociapm.json"

// dashboard is the part of a Grafana dashboard that names metrics.
type dashboard struct {
	Panels []struct {
		Title   string `json:"title"`
		Targets []struct {
			Expr         string `json:"expr"`
			LegendFormat string `json:"legendFormat"`
		} `json:"targets"`
	} `json:"panels"`
	Templating struct {
		List []struct {
			Name  string          `json:"name"`
			Query json.RawMessage `json:"query"`
		} `json:"list"`
	} `json:"templating"`
}

// Metrics about the signals differ in their last word only. The recordings have spans.
var otherSignals = strings.NewReplacer("_metric_points", "_spans", "_log_records", "_spans")

// elsewhere are metrics that no recording has, with the test that provokes them.
var elsewhere = map[string]string{
	"otelcol_exporter_oci_apm_unreadable_items": "TestNewerStoredForm in test/delivery",
}

var (
	legendLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)
	labelValues = regexp.MustCompile(`label_values\((.*), (\w+)\)`)
)

// The recordings have every metric that the dashboard and the alerts name, with every
// label.
func TestMetricsAndLabelsAreRecorded(t *testing.T) {
	known := recordedLabels(t)
	content, err := os.ReadFile(dashboardFile)
	require.NoError(t, err)
	var d dashboard
	require.NoError(t, json.Unmarshal(content, &d))
	require.Greater(t, len(d.Panels), 10)
	for _, panel := range d.Panels {
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			t.Run("dashboard, "+panel.Title, func(t *testing.T) {
				var inLegend []string
				for _, match := range legendLabel.FindAllStringSubmatch(target.LegendFormat, -1) {
					inLegend = append(inLegend, match[1])
				}
				checkExpression(t, known, target.Expr, inLegend...)
			})
		}
	}
	for _, variable := range d.Templating.List {
		if match := labelValues.FindStringSubmatch(string(variable.Query)); match != nil {
			expression := strings.ReplaceAll(match[1], `\"`, `"`)
			t.Run("variable "+variable.Name, func(t *testing.T) { checkExpression(t, known, expression, match[2]) })
		}
	}

	content, err = os.ReadFile(alertsFile)
	require.NoError(t, err)
	var groups rulefmt.RuleGroups
	require.NoError(t, yaml.Unmarshal(content, &groups))
	for _, rule := range groups.Groups[0].Rules {
		t.Run(rule.Alert, func(t *testing.T) { checkExpression(t, known, rule.Expr) })
	}
}

// checkExpression requires that an expression names only recorded metrics, and that each
// has the labels that it is selected and grouped by.
func checkExpression(t *testing.T, known map[string]map[string]bool, expression string, more ...string) {
	t.Helper()
	// Grafana replaces its variables.
	expression = regexp.MustCompile(`\$__(rate_interval|range)`).ReplaceAllString(expression, "5m")
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expression)
	require.NoError(t, err, expression)
	wanted := more
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		if aggregate, ok := node.(*parser.AggregateExpr); ok {
			wanted = append(wanted, aggregate.Grouping...)
		}
		return nil
	})
	selectors := 0
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		selectors++
		found := known[otherSignals.Replace(selector.Name)]
		if elsewhere[selector.Name] != "" {
			assert.Nil(t, found, "%s is recorded: remove it from elsewhere", selector.Name)
			return nil
		}
		if found == nil {
			t.Errorf("no recording has %s", selector.Name)
			return nil
		}
		for _, matcher := range selector.LabelMatchers {
			assert.True(t, matcher.Name == model.MetricNameLabel || found[matcher.Name], "%s has no label %s", selector.Name, matcher.Name)
		}
		for _, name := range wanted {
			assert.True(t, found[name], "%s has no label %s", selector.Name, name)
		}
		return nil
	})
	assert.Positive(t, selectors, expression)
}

// recordedLabels returns the labels of each recorded metric.
func recordedLabels(t *testing.T) map[string]map[string]bool {
	t.Helper()
	known := map[string]map[string]bool{}
	for _, r := range readRecordings(t) {
		for _, series := range r.Tests[0].InputSeries {
			metric, err := parser.NewParser(parser.Options{}).ParseMetric(series.Series)
			require.NoError(t, err)
			name := metric.Get(model.MetricNameLabel)
			if known[name] == nil {
				known[name] = map[string]bool{}
			}
			metric.Range(func(label labels.Label) { known[name][label.Name] = true })
		}
	}
	return known
}
