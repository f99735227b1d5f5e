// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package alerts

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// recording is a file for `promtool test rules`, with the metrics of a real collector.
// TestAlerts in test/delivery writes them.
type recording struct {
	RuleFiles          []string       `yaml:"rule_files"`
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	Tests              []struct {
		Interval    model.Duration `yaml:"interval"`
		InputSeries []struct {
			Series string `yaml:"series"`
			Values string `yaml:"values"`
		} `yaml:"input_series"`
		AlertRuleTest []alertTest `yaml:"alert_rule_test"`
	} `yaml:"tests"`
}

// alertTest lists the alerts of a rule that fire at a time.
type alertTest struct {
	EvalTime  model.Duration `yaml:"eval_time"`
	AlertName string         `yaml:"alertname"`
	ExpAlerts []struct {
		Labels      map[string]string `yaml:"exp_labels"`
		Annotations map[string]string `yaml:"exp_annotations"`
	} `yaml:"exp_alerts"`
}

func readRecordings(t *testing.T) map[string]recording {
	t.Helper()
	files, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string]recording{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		var r recording
		require.NoError(t, yaml.Unmarshal(content, &r), file)
		require.Len(t, r.Tests, 1, file)
		all[filepath.Base(file)] = r
	}
	return all
}

// Each alert fires in a recorded problem, none fires before it, and all of them are
// resolved after it. This is what `promtool test rules testdata/*.yaml` does.
func TestAlertsOnRecordings(t *testing.T) {
	fired := map[string]bool{}
	var names []string
	for file, r := range readRecordings(t) {
		t.Run(file, func(t *testing.T) {
			groups, advance := load(t, &r)
			at := time.Duration(0)
			for _, want := range r.Tests[0].AlertRuleTest {
				for ; at <= time.Duration(want.EvalTime); at += time.Duration(r.EvaluationInterval) {
					advance(at)
				}
				expected := []string{}
				for _, alert := range want.ExpAlerts {
					fired[want.AlertName] = true
					alert.Labels[labels.AlertName] = want.AlertName
					expected = append(expected, fmt.Sprint(labels.FromMap(alert.Labels), labels.FromMap(alert.Annotations)))
				}
				assert.ElementsMatch(t, expected, firing(groups, want.AlertName), "%s after %s", want.AlertName, want.EvalTime)
			}
			names = names[:0]
			for _, rule := range groups[0].Rules() {
				names = append(names, rule.Name())
			}
		})
	}
	for _, name := range names {
		assert.True(t, fired[name], "%s fires in no recording", name)
	}
}

// load returns the rules of a recording, and a function that evaluates them at a time
// after its start.
func load(t *testing.T, r *recording) (groups []*rules.Group, advance func(time.Duration)) {
	t.Helper()
	test := r.Tests[0]
	var input strings.Builder
	fmt.Fprintf(&input, "load %s\n", test.Interval)
	for _, series := range test.InputSeries {
		fmt.Fprintf(&input, "  %s %s\n", series.Series, series.Values)
	}
	loader, err := promqltest.NewLazyLoader(input.String(), promqltest.LazyLoaderOpts{})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, loader.Close()) })
	manager := rules.NewManager(&rules.ManagerOptions{
		QueryFunc:  rules.EngineQueryFunc(loader.QueryEngine(), loader.Storage()),
		Appendable: loader.Storage(),
		Context:    t.Context(),
		NotifyFunc: func(context.Context, string, ...*rules.Alert) {},
		Logger:     promslog.NewNopLogger(),
		Parser:     parser.NewParser(parser.Options{}),
	})
	var files []string
	for _, file := range r.RuleFiles {
		files = append(files, filepath.Join("testdata", file))
	}
	loaded, errs := manager.LoadGroups(time.Duration(test.Interval), labels.EmptyLabels(), "", nil, false, files...)
	require.Empty(t, errs)
	for _, group := range loaded {
		groups = append(groups, group)
	}
	require.Len(t, groups, 1)
	return groups, func(at time.Duration) {
		now := time.Unix(0, 0).Add(at)
		loader.WithSamplesTill(now, func(err error) {
			require.NoError(t, err)
			groups[0].Eval(loader.Context(), now)
		})
		for _, rule := range groups[0].Rules() {
			require.NoError(t, rule.LastError(), rule.Name())
		}
	}
}

// firing returns the labels and annotations of the alerts of a rule that fire.
func firing(groups []*rules.Group, name string) []string {
	all := []string{}
	for _, rule := range groups[0].Rules() {
		alerting, ok := rule.(*rules.AlertingRule)
		if !ok || rule.Name() != name {
			continue
		}
		for _, alert := range alerting.ActiveAlerts() {
			if alert.State == rules.StateFiring {
				all = append(all, fmt.Sprint(alert.Labels, alert.Annotations))
			}
		}
	}
	return all
}
