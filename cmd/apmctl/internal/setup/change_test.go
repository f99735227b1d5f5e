// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/apmtraces"
	"github.com/oracle/oci-go-sdk/v65/logging"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	ocisandbox "github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
)

// differ sets the domain up, and then changes everything that a step can find.
func (d *domain) differ() {
	d.t.Helper()
	d.apply()
	ctx := d.t.Context()
	s := d.setup()
	_, toggleErr := s.clients.attributes.PutToggleAutoActivate(ctx, apmtraces.PutToggleAutoActivateRequest{
		ApmDomainId: &d.options.DomainID, IsAutoActivateOn: new(false), DataKeyType: apmtraces.PutToggleAutoActivateDataKeyTypePrivateDataKey,
	})
	require.NoError(d.t, toggleErr)
	for _, group := range []string{ruleGroup, drilldownGroup} {
		items, err := s.listOptions(ctx, group)
		require.NoError(d.t, err)
		for _, item := range items {
			changed := maps.Clone(item.options)
			changed["disabled"], changed["filterText"], changed["drilldownCondition"] = true, "kind = 'CLIENT'", "kind = 'CLIENT'"
			require.NoError(d.t, s.updateOptions(ctx, group, item, changed, false))
		}
	}
	groups, err := s.listLogGroups(ctx)
	require.NoError(d.t, err)
	log, err := s.findLog(ctx, *groups[0].Id)
	require.NoError(d.t, err)
	_, err = s.clients.logging.UpdateLog(ctx, logging.UpdateLogRequest{
		LogGroupId: log.LogGroupId, LogId: log.Id, UpdateLogDetails: logging.UpdateLogDetails{IsEnabled: new(false)},
	})
	require.NoError(d.t, err)
	d.options.AlarmQuery = "SpanIngestions[1h].sum() > 100000"
	d.options.AlarmTopics = append(d.options.AlarmTopics, "ocid1.onstopic.oc1.phx.aaaaaaaaanother")
}

// What exists and differs is shown and left alone, unless it is named.
func TestDifferences(t *testing.T) {
	shared := newDomain(t)
	shared.differ()
	differing := []string{StepAutoActivate, StepRule, StepPerformanceHub, StepOperationsInsights, StepDroppedData, StepAlarm}
	writes := shared.writes()
	summary, out := shared.apply()
	golden(t, "differs", out)
	assert.Equal(t, len(differing), summary.Differing)
	assert.Equal(t, writes, shared.writes())

	for _, step := range differing {
		t.Run(step, func(t *testing.T) {
			d := shared.in(t)
			named := func(o *Options) { o.Replace = []string{step} }
			planned := d.options
			named(&planned)
			summary, out := d.run(planned)
			assert.Equal(t, StatusReplace, statuses(summary)[step], out)
			summary, out = d.apply(named)
			assert.Equal(t, StatusDone, statuses(summary)[step], out)
			assert.Equal(t, 1, summary.Changes)
			summary, _ = d.run(d.options)
			assert.Equal(t, StatusPresent, statuses(summary)[step])
		})
	}
	shared.requireComplete()
}

// A rule that somebody else has made for a part of the spans keeps its other rules.
func TestForeignRule(t *testing.T) {
	d := newDomain(t)
	s := d.setup()
	foreign := map[string]any{
		"type": ruleGroupType, "disabled": false, "filterText": "\"k8s.namespace.name\" = 'demo'",
		"rules": []any{
			map[string]any{"displayName": "theirs", "disabled": false, "actions": []any{map[string]any{"name": "basic.Set"}}},
			map[string]any{"displayName": "Oracle's", "disabled": true, "systemRuleId": 500, "filterText": "kind = 'SERVER'"},
		},
	}
	require.NoError(t, s.createOptions(t.Context(), ruleGroup, "demo", "", foreign, false))
	summary, out := d.run(d.options)
	rule := d.result(summary, StepRule)
	assert.Equal(t, StatusDiffers, rule.Status, out)
	assert.Len(t, rule.Differences, 3)
	summary, _ = d.apply(func(o *Options) { o.Replace = []string{StepRule} })
	assert.Equal(t, StatusDone, statuses(summary)[StepRule])
	items, err := s.listOptions(t.Context(), ruleGroup)
	require.NoError(t, err)
	require.Len(t, items, 1)
	rules := items[0].options["rules"].([]any)
	assert.Len(t, rules, 2)
	assert.Equal(t, "theirs", rules[0].(map[string]any)["displayName"])
	d.requireComplete()
}

// A rule for the spans of a filter is extended to all spans.
func TestFilterID(t *testing.T) {
	d := newDomain(t)
	s := d.setup()
	rule := wantedRule()
	delete(rule, "filterText")
	rule["filterId"] = "ocid1.apmconfig.oc1.phx.aaaa"
	require.NoError(t, s.createOptions(t.Context(), ruleGroup, "theirs", "", rule, false))
	summary, _ := d.run(d.options)
	assert.Equal(t, []string{"the group applies to the spans of the filter ocid1.apmconfig.oc1.phx.aaaa"}, d.result(summary, StepRule).Differences)
	d.apply(func(o *Options) { o.Replace = []string{StepRule} })
	items, err := s.listOptions(t.Context(), ruleGroup)
	require.NoError(t, err)
	require.Len(t, items, 1)
	assert.NotContains(t, items[0].options, "filterId")
	d.requireComplete()
}

// An item that changed since it was read is not overwritten.
func TestETag(t *testing.T) {
	d := newDomain(t)
	d.differ()
	s := d.setup()
	items, err := s.listOptions(t.Context(), ruleGroup)
	require.NoError(t, err)
	require.NoError(t, s.updateOptions(t.Context(), ruleGroup, items[0], wantedRule(), false))
	err = s.updateOptions(t.Context(), ruleGroup, items[0], wantedRule(), false)
	require.ErrorContains(t, err, "412 NoEtagMatch")
	require.ErrorContains(t, err, "somebody changed it meanwhile")
}

// A crash before any of the requests that change something is healed by the next run.
func TestCrash(t *testing.T) {
	d := newDomain(t)
	crashes := 0
	for ; crashes < 50; crashes++ {
		ctx, before := crashing(t.Context())
		d.onWrite.Store(&before)
		options := d.options
		options.Apply = true
		_, err := Run(ctx, options, &strings.Builder{})
		d.onWrite.Store(nil)
		if err == nil && ctx.Err() == nil {
			break
		}
	}
	assert.GreaterOrEqual(t, crashes, 5)
	d.requireComplete()
	assert.Equal(t, 3, d.stored())
	assert.Equal(t, 7, d.writes(), "nothing was created twice")
}

// A request is repeated when OCI throttles it or is unavailable, after the pause that
// OCI asks for.
func TestRateLimits(t *testing.T) {
	d := newDomain(t)
	fault := func(fault ocisandbox.Fault) {
		_, err := d.server.AddFault(fault)
		require.NoError(t, err)
	}
	fault(ocisandbox.Fault{Operation: "CreateConfig", Status: 429, RetryAfter: "2", Times: 1})
	fault(ocisandbox.Fault{Operation: "ListLogGroups", Status: 503, Times: 1})
	fault(ocisandbox.Fault{Operation: "CreateAlarm", Reset: true, Times: 1})
	summary, out := d.apply()
	assert.Zero(t, summary.Failed, out)
	var creations []ocisandbox.Request
	for _, request := range d.server.Requests() {
		if request.Operation == "CreateConfig" {
			creations = append(creations, request)
		}
	}
	assert.Equal(t, 429, creations[0].Status)
	assert.GreaterOrEqual(t, creations[1].Time.Sub(creations[0].Time), 1900*time.Millisecond, "the pause that OCI asks for")
	assert.Equal(t, 1, d.server.Count("CreateConfig", 429))
	d.requireComplete()

	fault(ocisandbox.Fault{Operation: "ListAlarms", Status: 429, RetryAfter: "120"})
	summary, _ = d.run(d.options)
	assert.Equal(t, 1, summary.Failed)
	assert.Contains(t, d.result(summary, StepAlarm).Text, "run apmctl setup again later")
	assert.Equal(t, 1, d.server.Count("ListAlarms", 429), "nobody waits two minutes at a terminal")
}

// The rule makes the topology name a database, for new spans.
func TestRuleNamesDatabases(t *testing.T) {
	d := newDomain(t)
	send := func(id byte) []apm.Node {
		d.uploads.Reset()
		d.upload(id)
		return d.uploads.Topology().Nodes
	}
	assert.Contains(t, send(1), apm.Node{ID: "external_unknown", Name: "External Unknown", Kind: apm.NodeExternalUnknown})
	d.apply(func(o *Options) { o.Skip = []string{StepDataKey} })
	assert.Contains(t, send(2), apm.Node{ID: "database:orders-db", Name: "orders-db", Kind: apm.NodeDatabase})
}

func TestUnknownDomain(t *testing.T) {
	d := newDomain(t)
	d.server.SetDomainState(ocisandbox.DomainDeleting)
	_, err := Run(t.Context(), d.options, &strings.Builder{})
	require.ErrorContains(t, err, "is DELETING")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Run(ctx, d.options, &strings.Builder{})
	require.Error(t, err)
}

// A server that does not answer in time costs two attempts.
func TestSlowServer(t *testing.T) {
	d := newDomain(t)
	_, err := d.server.AddFault(ocisandbox.Fault{Operation: "ListConfigs", Status: 503})
	require.NoError(t, err)
	s := d.setup()
	s.clients.slowAttempt = 0
	_, err = s.listOptions(t.Context(), ruleGroup)
	require.ErrorContains(t, err, "run apmctl setup again later")
	assert.Equal(t, 2, d.server.Count("ListConfigs", 503))
}

// Credentials that OCI no longer accepts are renewed once.
func TestRenewedCredentials(t *testing.T) {
	d := newDomain(t)
	for _, times := range []int{1, 2} {
		_, err := d.server.AddFault(ocisandbox.Fault{Operation: "ListConfigs", Status: 401, Times: times})
		require.NoError(t, err)
		_, err = d.setup().listOptions(t.Context(), ruleGroup)
		if times == 1 {
			require.NoError(t, err)
		} else {
			require.Error(t, err)
		}
	}
	assert.Equal(t, 3, d.server.Count("ListConfigs", 401))
}

// Another run at the same time, or a person, may have been faster.
func TestConflict(t *testing.T) {
	d := newDomain(t)
	_, err := d.server.AddFault(ocisandbox.Fault{Operation: "CreateLog", Status: 409, Code: "Conflict", Message: "A log exists.", Times: 1})
	require.NoError(t, err)
	summary, out := d.apply()
	assert.Equal(t, 1, summary.Failed, out)
	assert.Contains(t, d.result(summary, StepDroppedData).Text,
		"with 409 Conflict: A log exists; somebody else may be changing it: run apmctl setup again, and look at the plan (opc-request-id ")
	assert.Equal(t, 1, d.server.Count("CreateLog", 409), "it is not repeated")
	summary, out = d.apply()
	assert.Zero(t, summary.Failed, out)
	d.requireComplete()
}

// Of several items with the same name, one that is as wanted is enough.
func TestTwins(t *testing.T) {
	d := newDomain(t)
	s := d.setup()
	wanted := performanceHub(d.options.Databases[0])
	other := maps.Clone(wanted.options())
	other["drilldownCondition"] = "kind = 'CLIENT'"
	for _, options := range []map[string]any{other, wanted.options(), other} {
		require.NoError(t, s.createOptions(t.Context(), drilldownGroup, wanted.name, "", options, false))
	}
	right := d.options.AlarmQuery
	for _, query := range []string{"SpanIngestions[1h].sum() > 5", right, "SpanIngestions[1h].sum() > 5"} {
		s.options.AlarmQuery = query
		_, _, err := s.createAlarm(t.Context())
		require.NoError(t, err)
	}
	summary, out := d.run(d.options)
	assert.Equal(t, StatusPresent, statuses(summary)[StepPerformanceHub], out)
	assert.Equal(t, StatusPresent, statuses(summary)[StepAlarm], out)

	d.options.AlarmQuery = "SpanIngestions[1h].sum() > 6"
	summary, out = d.run(d.options)
	assert.Equal(t, StatusDiffers, statuses(summary)[StepAlarm], out)
}

// A missing drill-down is created. One that differs is left alone, unless it is named.
func TestMissingAndDiffering(t *testing.T) {
	d := newDomain(t)
	s := d.setup()
	d.options.Databases = append(d.options.Databases, Database{Name: "SALES", ID: "ocid1.database.oc1.phx.aaaaaaaasales"})
	link := performanceHub(d.options.Databases[0])
	options := link.options()
	options["drilldownCondition"] = "kind = 'CLIENT'"
	require.NoError(t, s.createOptions(t.Context(), drilldownGroup, link.name, "", options, false))
	only := func(o *Options) {
		o.Skip = []string{StepDataKey, StepAttributes, StepRule, StepOperationsInsights, StepDroppedData, StepAlarm}
	}
	summary, _ := d.apply(only)
	assert.Equal(t, StatusDone, statuses(summary)[StepPerformanceHub])
	assert.Equal(t, 2, d.writes(), "that of this test, and the missing one")
	summary, out := d.apply(only)
	assert.Equal(t, StatusDiffers, statuses(summary)[StepPerformanceHub], out)
	assert.Zero(t, d.server.Count("UpdateConfig", 200))
}

// Fields that this version does not know stay in a rule, and are no difference in a
// drill-down.
func TestUnknownFields(t *testing.T) {
	d := newDomain(t)
	s := d.setup()
	rule := wantedRule()
	rule["filterText"], rule["new"] = "kind = 'CLIENT'", map[string]any{"a": 1.0}
	require.NoError(t, s.createOptions(t.Context(), ruleGroup, "theirs", "", rule, false))
	link := performanceHub(d.options.Databases[0])
	options := link.options()
	options["new"] = true
	require.NoError(t, s.createOptions(t.Context(), drilldownGroup, link.name, "", options, false))
	summary, out := d.apply(func(o *Options) { o.Replace = []string{StepRule} })
	assert.Equal(t, StatusDone, statuses(summary)[StepRule], out)
	assert.Equal(t, StatusPresent, statuses(summary)[StepPerformanceHub], out)
	items, err := s.listOptions(t.Context(), ruleGroup)
	require.NoError(t, err)
	assert.Equal(t, map[string]any{"a": 1.0}, items[0].options["new"])
	d.requireComplete()
}

// OCI answers an activation that it refuses with 200. One attribute of another type keeps it
// from activating any.
func TestRefusedActivation(t *testing.T) {
	d := newDomain(t)
	s := d.setup()
	_, err := s.clients.attributes.BulkActivateAttribute(t.Context(), apmtraces.BulkActivateAttributeRequest{
		ApmDomainId: &d.options.DomainID,
		BulkActivateAttributeDetails: apmtraces.BulkActivateAttributeDetails{AttributeDetails: []apmtraces.BulkActivateAttributeDetail{
			{AttributeName: &Attributes[0], AttributeType: apmtraces.BulkActivateAttributeDetailAttributeTypeNumeric},
		}},
	})
	require.NoError(t, err)
	summary, out := d.apply()
	assert.Equal(t, StatusFailed, statuses(summary)[StepAttributes], out)
	assert.Contains(t, strings.Join(strings.Fields(out), " "),
		"OCI activated no attribute (INVALID_BULK_REQUEST): look at "+Attributes[0]+" (INVALID_ATTRIBUTE_TYPE_CONFLICT)")
}

// Lists come in pages, some of them without an item.
func TestPages(t *testing.T) {
	var asked []string
	require.NoError(t, pages(func(page *string) (*string, error) {
		asked = append(asked, text(page))
		return map[string]*string{"": new("1"), "1": new("2"), "2": new("")}[text(page)], nil
	}))
	assert.Equal(t, []string{"", "1", "2"}, asked)
	require.ErrorIs(t, pages(func(*string) (*string, error) { return new("1"), context.Canceled }), context.Canceled)

	// The naming rule is on the second page, after more groups than a page has.
	d := newDomain(t)
	s := d.setup()
	for range 11 {
		require.NoError(t, s.createOptions(t.Context(), ruleGroup, "theirs", "", map[string]any{"type": ruleGroupType, "filterText": allSpans, "rules": []any{}}, false))
	}
	d.apply()
	d.requireComplete()
}
