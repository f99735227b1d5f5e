// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/apmconfig"
	"github.com/oracle/oci-go-sdk/v65/apmtraces"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/logging"
	"github.com/oracle/oci-go-sdk/v65/monitoring"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// The names of a span's tags, and the callee in the topology, depend on the rule.
func TestRuleMatters(t *testing.T) {
	for _, empty := range []bool{false, true} {
		t.Run(fmt.Sprintf("empty %v", empty), func(t *testing.T) {
			s := start(t, func(c *Config) { c.EmptyDomain = empty })
			s.uploadCall(1)
			client, err := apmtraces.NewTraceClientWithConfigurationProvider(s.profile(ProfileDefault))
			require.NoError(t, err)
			s.prepare(&client.BaseClient)
			trace, err := client.GetTrace(t.Context(), apmtraces.GetTraceRequest{ApmDomainId: new(s.server.DomainID()), TraceKey: new("1")})
			require.NoError(t, err)
			require.Len(t, trace.Spans, 1)
			assert.Equal(t, "shop", *trace.RootSpanServiceName)
			assert.Equal(t, "CLIENT", *trace.Spans[0].Kind)
			assert.Equal(t, apmtraces.TagMetadataTagTypeNumeric, trace.Spans[0].TagsMetadata[map[bool]string{false: "Rows", true: "rows"}[empty]].TagType)
			tags := map[string]string{}
			for _, tag := range trace.Spans[0].Tags {
				tags[*tag.TagName] = *tag.TagValue
			}
			assert.Equal(t, "SELECT 1 FROM orders", tags["DbStatement"])
			node := apm.Node{ID: "database:orders-db", Name: "orders-db", Kind: apm.NodeDatabase}
			topology := s.uploads.Topology()
			if empty {
				assert.Equal(t, "shop-v1", tags["k8s.deployment.name"])
				assert.NotContains(t, tags, "K8sDeploymentName")
				assert.NotContains(t, topology.Nodes, node)
				require.Len(t, topology.Unknown, 1)
				assert.Contains(t, topology.Unknown[0].Reason, "apmctl setup")
				assert.Empty(t, topology.UnknownConfig)
			} else {
				assert.Equal(t, "shop-v1", tags["K8sDeploymentName"])
				assert.NotContains(t, tags, "k8s.deployment.name")
				assert.Contains(t, topology.Nodes, node)
			}

			_, err = client.GetTrace(t.Context(), apmtraces.GetTraceRequest{ApmDomainId: new(s.server.DomainID()), TraceKey: new("2")})
			requireFailure(t, err, 404, CodeNotAuthorizedOrNotFound, textNotFound)
			_, err = client.GetTrace(t.Context(), apmtraces.GetTraceRequest{ApmDomainId: new(s.server.DomainID()), TraceKey: new("x")})
			requireFailure(t, err, 400, CodeInvalidParameter, "traceKey")
		})
	}
}

// The rule applies to the spans that its filters match.
func TestRuleFilters(t *testing.T) {
	s := start(t)
	client := s.config(s.profile(ProfileDefault))
	for _, tc := range []struct {
		name    string
		options string
		want    bool
	}{
		{"all spans", `{"filterText":"traceId is not omitted","rules":[{"systemRuleId":500}]}`, true},
		{"these spans", `{"filterText":"\"k8s.deployment.name\" = 'shop-v1'","rules":[{"systemRuleId":500}]}`, true},
		{"other spans", `{"filterText":"ServiceName = 'other'","rules":[{"systemRuleId":500}]}`, false},
		{"other spans of the rule", `{"filterText":"traceId is not omitted","rules":[{"systemRuleId":500,"filterText":"kind = 'SERVER'"}]}`, false},
		{"disabled", `{"filterText":"traceId is not omitted","disabled":true,"rules":[{"systemRuleId":500}]}`, false},
		{"rule disabled", `{"filterText":"traceId is not omitted","rules":[{"systemRuleId":500,"disabled":true}]}`, false},
		{"another rule", `{"filterText":"traceId is not omitted","rules":[{"systemRuleId":200}]}`, false},
		{"no such filter", `{"filterId":"ocid1.apmconfig.oc1..x","rules":[{"systemRuleId":500}]}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s.server.EmptyDomain()
			s.uploads.Reset()
			var options any
			require.NoError(t, json.Unmarshal([]byte(tc.options), &options))
			_, err := client.CreateConfig(t.Context(), apmconfig.CreateConfigRequest{
				ApmDomainId: new(s.server.DomainID()), CreateConfigDetails: apmconfig.CreateOptionsDetails{Group: new(ruleGroup), Options: &options},
			})
			require.NoError(t, err)
			s.in(t).uploadCall(1)
			assert.Equal(t, tc.want, s.uploads.AllSpans()[0][0].Converted)
		})
	}
}

func TestTestAction(t *testing.T) {
	s := start(t)
	client := s.config(s.profile(ProfileDefault))
	test := func(options, span string) (apmconfig.TestSpanEnrichmentOutput, error) {
		var parsedOptions, parsedSpan any
		require.NoError(t, json.Unmarshal([]byte(options), &parsedOptions))
		require.NoError(t, json.Unmarshal([]byte(span), &parsedSpan))
		response, err := client.Test(t.Context(), apmconfig.TestRequest{ApmDomainId: new(s.server.DomainID()), TestDetails: apmconfig.TestSpanEnrichmentDetails{
			Options: &parsedOptions, Span: &parsedSpan, Filters: []apmconfig.FilterTextOrId{{FilterText: new("\"db.system\" = 'oracle'")}, {FilterText: new("x is not omitted")}},
		}})
		output, _ := response.TestOutput.(apmconfig.TestSpanEnrichmentOutput)
		return output, err
	}
	const span = `{"traceId":"01","attributes":[{"key":"db.system","value":{"stringValue":"oracle"}}]}`
	output, err := test(`{"filterText":"traceId is not omitted","rules":[{"systemRuleId":500}]}`, span)
	require.NoError(t, err)
	assert.Equal(t, []bool{true, false}, output.Filters)
	attribute := (*output.Span).(map[string]any)["attributes"].([]any)[0].(map[string]any)
	assert.Equal(t, "DbSystem", attribute["key"])
	_, err = test(`{"filterText":"kind"}`, span)
	requireFailure(t, err, 422, "UnprocessableEntity", "options")
	_, err = test(`{"filterText":"traceId is not omitted"}`, `{}`)
	requireFailure(t, err, 422, "UnprocessableEntity", "no attributes")
}

func TestQuery(t *testing.T) {
	s := start(t)
	s.uploadCall(1)
	s.uploadCall(2)
	client, err := apmtraces.NewQueryClientWithConfigurationProvider(s.profile(ProfileDefault))
	require.NoError(t, err)
	s.prepare(&client.BaseClient)
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	run := func(text string) (apmtraces.QueryResponse, error) {
		return client.Query(t.Context(), apmtraces.QueryRequest{
			ApmDomainId: new(s.server.DomainID()), QueryDetails: apmtraces.QueryDetails{QueryText: &text},
			TimeSpanStartedGreaterThanOrEqualTo: &common.SDKTime{Time: from},
			TimeSpanStartedLessThan:             &common.SDKTime{Time: to},
		})
	}
	for _, tc := range []struct {
		query string
		rows  int
		first map[string]any
	}{
		{"show (spans) ServiceName, K8sDeploymentName, nothing where DbStatement is not omitted", 2, map[string]any{"ServiceName": "shop", "K8sDeploymentName": "shop-v1", "nothing": nil}},
		{"show spans SpanId where traceId = '00000000000000000000000000000002'", 1, map[string]any{"SpanId": "0200000000000000"}},
		{"show (traces) TraceStatus, SpanCount first 1 rows", 1, map[string]any{"TraceStatus": "success", "SpanCount": float64(1)}},
		{"show spans count(*)", 1, map[string]any{"count": float64(2)}},
		{"show spans * where kind = 'SERVER'", 0, nil},
	} {
		t.Run(tc.query, func(t *testing.T) {
			response, queryErr := run(tc.query)
			require.NoError(t, queryErr)
			require.Len(t, response.QueryResultRows, tc.rows)
			if tc.first != nil {
				assert.Equal(t, tc.first, response.QueryResultRows[0].QueryResultRowData)
			}
		})
	}
	_, err = run("show spans * group by x")
	requireFailure(t, err, 400, CodeInvalidParameter, `column "* group by x"`)
	_, err = run("select 1")
	requireFailure(t, err, 400, CodeInvalidParameter, "The sandbox runs only")

	for _, times := range [][2]time.Duration{{30 * time.Minute, time.Hour}, {-time.Hour, -30 * time.Minute}} {
		from, to = time.Now().Add(times[0]), time.Now().Add(times[1])
		response, err := run("show spans *")
		require.NoError(t, err)
		assert.Empty(t, response.QueryResultRows, "%v", times)
	}
}

func TestAttributes(t *testing.T) {
	s := start(t)
	client := s.attributes(s.profile(ProfileDefault))
	activate := func(details ...apmtraces.BulkActivateAttributeDetail) (string, []string, int) {
		response, err := client.BulkActivateAttribute(t.Context(), apmtraces.BulkActivateAttributeRequest{
			ApmDomainId: new(s.server.DomainID()), BulkActivateAttributeDetails: apmtraces.BulkActivateAttributeDetails{AttributeDetails: details},
		})
		require.NoError(t, err)
		var statuses []string
		for _, status := range response.AttributeStatuses {
			statuses = append(statuses, string(status.AttributeStatus))
		}
		return string(response.BulkActivationMetadata.OperationStatus), statuses, *response.BulkActivationMetadata.AvailableStringAttributes
	}
	detail := func(name string, kind apmtraces.BulkActivateAttributeDetailAttributeTypeEnum) apmtraces.BulkActivateAttributeDetail {
		return apmtraces.BulkActivateAttributeDetail{AttributeName: &name, AttributeType: kind}
	}
	const text, number = apmtraces.BulkActivateAttributeDetailAttributeTypeString, apmtraces.BulkActivateAttributeDetailAttributeTypeNumeric
	outcome, statuses, free := activate(detail("A", text), detail("a", text), detail("n", number))
	assert.Equal(t, "SUCCESS", outcome)
	assert.Equal(t, []string{"ATTRIBUTE_ACTIVATED", "DUPLICATE_ATTRIBUTE", "ATTRIBUTE_ACTIVATED"}, statuses)
	assert.Equal(t, 699, free)
	outcome, statuses, _ = activate(detail("a", number), detail("b", text))
	assert.Equal(t, "INVALID_BULK_REQUEST", outcome)
	assert.Equal(t, []string{"INVALID_ATTRIBUTE_TYPE_CONFLICT", "ATTRIBUTE_NOT_PROCESSED"}, statuses)
	outcome, _, _ = activate()
	assert.Equal(t, "EMPTY_ATTRIBUTE_LIST", outcome)
	var many []apmtraces.BulkActivateAttributeDetail
	for i := range 700 {
		many = append(many, detail(fmt.Sprintf("x%d", i), text))
	}
	outcome, _, free = activate(many...)
	assert.Equal(t, "INSUFFICIENT_STRING_SPACE", outcome)
	assert.Equal(t, 699, free)
	outcome, _, free = activate(many[:699]...)
	assert.Equal(t, "SUCCESS", outcome)
	assert.Zero(t, free)
}

func TestLogsAndAlarms(t *testing.T) {
	s := start(t)
	provider := s.profile(ProfileDefault)
	logs, err := logging.NewLoggingManagementClientWithConfigurationProvider(provider)
	require.NoError(t, err)
	s.prepare(&logs.BaseClient)
	compartment := s.server.CompartmentID()
	group := func(compartment string) error {
		_, groupErr := logs.CreateLogGroup(t.Context(), logging.CreateLogGroupRequest{
			CreateLogGroupDetails: logging.CreateLogGroupDetails{CompartmentId: &compartment, DisplayName: new("group")},
		})
		return groupErr
	}
	require.NoError(t, group(compartment))
	requireFailure(t, group(compartment), 409, CodeConflict, "with this name exists")
	requireFailure(t, group("ocid1.compartment.oc1..x"), 404, CodeNotAuthorizedOrNotFound, textNotFound)
	groups, err := logs.ListLogGroups(t.Context(), logging.ListLogGroupsRequest{CompartmentId: &compartment})
	require.NoError(t, err)
	require.Len(t, groups.Items, 1)
	log := func(domain, category string, days int) error {
		_, logErr := logs.CreateLog(t.Context(), logging.CreateLogRequest{LogGroupId: groups.Items[0].Id, CreateLogDetails: logging.CreateLogDetails{
			DisplayName: new("log"), LogType: logging.CreateLogDetailsLogTypeService, RetentionDuration: &days,
			Configuration: &logging.Configuration{Source: logging.OciService{Service: new("apm"), Resource: &domain, Category: &category}},
		}})
		return logErr
	}
	requireFailure(t, log(s.server.DomainID(), "all", 30), 400, CodeInvalidParameter, "dropped-data")
	requireFailure(t, log(s.server.DomainID(), "dropped-data", 31), 400, CodeInvalidParameter, "retentionDuration")
	requireFailure(t, log(s.server.UnknownDomainID(), "dropped-data", 30), 404, CodeNotAuthorizedOrNotFound, textNotFound)
	require.NoError(t, log(s.server.DomainID(), "dropped-data", 30))
	requireFailure(t, log(s.server.DomainID(), "dropped-data", 60), 409, CodeConflict, "service, resource and category")

	metrics, err := monitoring.NewMonitoringClientWithConfigurationProvider(provider)
	require.NoError(t, err)
	s.prepare(&metrics.BaseClient)
	alarm := func(query string, topics ...string) error {
		_, alarmErr := metrics.CreateAlarm(t.Context(), monitoring.CreateAlarmRequest{CreateAlarmDetails: monitoring.CreateAlarmDetails{
			DisplayName: new("alarm"), CompartmentId: &compartment, MetricCompartmentId: &compartment, Namespace: new(metricNamespace),
			Query: &query, Severity: monitoring.AlarmSeverityInfo, Destinations: topics, IsEnabled: new(true),
		}})
		return alarmErr
	}
	require.NoError(t, alarm("SpanIngestions[1h].absent(20h)", "ocid1.onstopic.oc1.phx.x"))
	require.NoError(t, alarm("SpanIngestions[1h]{a = \"b\"}.sum() > 5", "ocid1.onstopic.oc1.phx.x"))
	requireFailure(t, alarm("SpanIngestions", "ocid1.onstopic.oc1.phx.x"), 400, CodeInvalidParameter, "query")
	requireFailure(t, alarm("SpanIngestions[1h].absent()", "me"), 400, CodeInvalidParameter, "OCIDs of topics or streams")
	requireFailure(t, alarm("SpanIngestions[1h].absent()", []string{}...), 400, CodeInvalidParameter, "at least one topic")

	summarize := func() []monitoring.MetricData {
		response, summarizeErr := metrics.SummarizeMetricsData(t.Context(), monitoring.SummarizeMetricsDataRequest{CompartmentId: &compartment, SummarizeMetricsDataDetails: monitoring.SummarizeMetricsDataDetails{
			Namespace: new(metricNamespace), Query: new("SpanIngestions[1h].sum()"),
		}})
		require.NoError(t, summarizeErr)
		return response.Items
	}
	assert.Empty(t, summarize())
	s.uploadCall(1)
	require.Len(t, summarize(), 1)
	assert.InDelta(t, 1, *summarize()[0].AggregatedDatapoints[0].Value, 0)
	listed, err := metrics.ListMetrics(t.Context(), monitoring.ListMetricsRequest{CompartmentId: &compartment})
	require.NoError(t, err)
	assert.Len(t, listed.Items, 1)
}
