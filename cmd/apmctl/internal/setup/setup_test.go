// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/cmd/apmctl/internal/report"
	ocisandbox "github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
)

var update = flag.Bool("update", false, "write the output into the golden files")

// requestIDs matches what differs between two runs.
var requestIDs = regexp.MustCompile(`\(opc-request-id\s+[^)]*\)`)

// golden compares output with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	for line := range strings.Lines(got) {
		assert.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), report.Width, line)
	}
	got = requestIDs.ReplaceAllString(got, "(opc-request-id …)")
	file := filepath.Join("testdata", name+".txt")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o600))
	}
	want, err := os.ReadFile(file) //nolint:gosec // a file of this folder
	require.NoError(t, err)
	assert.Equal(t, string(want), got)
}

// An empty domain ends complete, and a second run changes nothing.
func TestEmptyDomain(t *testing.T) {
	d := newDomain(t)
	summary, out := d.run(d.options)
	golden(t, "plan", out)
	assert.Equal(t, 6, summary.ToDo)
	assert.Equal(t, 1, summary.Uncertain)
	assert.Zero(t, summary.Changes+summary.Failed+summary.LeftOut)
	assert.Equal(t, 0, d.stored(), "a plan changes nothing")
	assert.Equal(t, 3, d.server.Count("CreateConfig", 200), "OCI has validated the items in dry runs")

	summary, out = d.apply()
	golden(t, "applied", out)
	assert.Equal(t, 7, summary.Changes)
	assert.Zero(t, summary.ToDo+summary.Failed+summary.LeftOut+summary.Differing)

	_, out = d.run(d.options)
	golden(t, "complete", out)
	d.requireComplete()

	d.options.Databases, d.options.AlarmTopics = nil, nil
	summary, out = d.run(d.options)
	golden(t, "left-out", out)
	assert.Equal(t, 2, summary.LeftOut)
}

// stored counts the configuration items of the domain.
func (d *domain) stored() int {
	d.t.Helper()
	s := d.setup()
	n := 0
	for _, group := range []string{ruleGroup, drilldownGroup} {
		items, err := s.listOptions(d.t.Context(), group)
		require.NoError(d.t, err)
		n += len(items)
	}
	return n
}

// Each step can be left out. The plan then names it, and nothing else.
func TestOmissions(t *testing.T) {
	shared := newDomain(t)
	for _, step := range Steps() {
		t.Run(step, func(t *testing.T) {
			d := shared.empty(t)
			summary, _ := d.apply(func(o *Options) { o.Skip = []string{step} })
			assert.Zero(t, summary.Failed)
			assert.Equal(t, 1, summary.LeftOut)
			assert.Equal(t, StatusLeftOut, statuses(summary)[step])

			summary, out := d.run(d.options)
			for name, status := range statuses(summary) {
				switch {
				case name == StepAttributes:
					assert.Equal(t, StatusUncertain, status)
				case name == step && step != StepAutoActivate:
					assert.Equal(t, StatusMissing, status, out)
				default:
					assert.Equal(t, StatusPresent, status, name)
				}
			}
			summary, _ = d.apply()
			if step == StepAutoActivate {
				assert.Zero(t, summary.Changes, "it is on in a new domain")
			} else {
				assert.Equal(t, 1, summary.Changes)
			}
			d.requireComplete()
		})
	}
}

// A missing permission is named with its policy statement, the other steps go on, and
// the next run completes what is left.
func TestPermissions(t *testing.T) {
	shared := newDomain(t)
	const domains, logs, alarms = "use apm-domains", "manage logging-family", "manage alarms"
	for _, tc := range []struct {
		permission ocisandbox.Permission
		failed     []string // the steps that fail
		statement  string
	}{
		{ocisandbox.PermissionDomainRead, []string{StepAutoActivate, StepRule, StepPerformanceHub, StepOperationsInsights, StepDroppedData, StepAlarm}, "read apm-domains"},
		{ocisandbox.PermissionDomainUpdate, []string{StepDataKey, StepAttributes, StepRule, StepPerformanceHub, StepOperationsInsights}, domains},
		{ocisandbox.PermissionLogGroupInspect, []string{StepDroppedData}, logs},
		{ocisandbox.PermissionLogGroupCreate, []string{StepDroppedData}, logs},
		{ocisandbox.PermissionLogObjectCreate, []string{StepDroppedData}, logs},
		{ocisandbox.PermissionAlarmInspect, []string{StepAlarm}, alarms},
		{ocisandbox.PermissionAlarmCreate, []string{StepAlarm}, alarms},
		{ocisandbox.PermissionMetricRead, []string{StepAlarm}, alarms},
	} {
		t.Run(string(tc.permission), func(t *testing.T) {
			d := shared.empty(t)
			require.NoError(t, d.server.DenyPermissions(tc.permission))
			summary, out := d.apply()
			for name, status := range statuses(summary) {
				if slices.Contains(tc.failed, name) {
					assert.Equal(t, StatusFailed, status, name)
				} else {
					assert.Contains(t, []Status{StatusDone, StatusPresent}, status, name)
				}
			}
			assert.Contains(t, strings.Join(strings.Fields(out), " "), "Allow group <group of the user> to "+tc.statement+" in compartment <compartment of the APM domain>")
			if tc.permission == ocisandbox.PermissionMetricRead {
				assert.Contains(t, d.result(summary, StepAlarm).Text, `CreateAlarm also requires the same statement with "read metrics"`)
			}
			assert.Contains(t, out, "it continues where it stopped")

			require.NoError(t, d.server.DenyPermissions())
			summary, out = d.apply()
			assert.Zero(t, summary.Failed, out)
			d.requireComplete()
		})
	}
}

// The permissions of what only an existing item needs.
func TestPermissionsToChange(t *testing.T) {
	shared := newDomain(t)
	shared.differ()
	all := func(o *Options) { o.Replace = Steps() }
	for _, tc := range []struct {
		permission ocisandbox.Permission
		failed     string
	}{
		{ocisandbox.PermissionLogObjectInspect, StepDroppedData},
		{ocisandbox.PermissionLogObjectRead, StepDroppedData},
		{ocisandbox.PermissionLogObjectUpdate, StepDroppedData},
		{ocisandbox.PermissionAlarmRead, StepAlarm},
		{ocisandbox.PermissionAlarmUpdate, StepAlarm},
	} {
		t.Run(string(tc.permission), func(t *testing.T) {
			d := shared.in(t)
			require.NoError(t, d.server.DenyPermissions(tc.permission))
			summary, out := d.apply(func(o *Options) { o.Replace = []string{tc.failed} })
			assert.Equal(t, StatusFailed, statuses(summary)[tc.failed], out)
			assert.Contains(t, d.result(summary, tc.failed).Text, "write the policy statement")
			assert.Equal(t, 1, summary.Failed)
		})
	}
	require.NoError(t, shared.server.DenyPermissions())
	shared.apply(all)
	shared.requireComplete()
}

// Without GetApmDomain the compartment can be named.
func TestCompartmentID(t *testing.T) {
	d := newDomain(t)
	d.apply()
	_, err := d.server.AddFault(ocisandbox.Fault{Operation: ocisandbox.OperationGetAPMDomain, Status: 404})
	require.NoError(t, err)
	summary, out := d.run(d.options)
	assert.Equal(t, 3, summary.Failed, out)
	assert.Contains(t, d.result(summary, StepAlarm).Text, "--compartment-id")
	d.options.CompartmentID = d.server.CompartmentID()
	summary, out = d.run(d.options)
	assert.Zero(t, summary.Failed, out)
	assert.Contains(t, out, "OCI refuses GetApmDomain")
}
