// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package domain

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/apmconfig"
	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"
	"github.com/oracle/oci-go-sdk/v65/apmtraces"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/monitoring"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
)

// mapping is how the sandbox reads the rule "OpenTelemetry to APM naming conversion": the
// names of a span's attributes and what becomes of them. Oracle does not publish it.
const mapping = "db.system DbSystem, db.statement DbStatement, db.operation DbOperation, db.query.text DbQueryText, peer.service PeerService, " +
	"oracle.db.query.sql.id OracleDbQuerySqlId, k8s.deployment.name K8sDeploymentName"

// services call OCI about one APM domain.
type services struct {
	domain       string
	identity     *ociauth.Identity
	controlPlane apmcontrolplane.ApmDomainClient
	config       apmconfig.ConfigClient
	traces       apmtraces.TraceClient
	monitoring   monitoring.MonitoringClient
}

// newServices returns clients for a domain. The HTTP client may be nil.
func newServices(t *testing.T, domain, file, profile string, client *http.Client) *services {
	t.Helper()
	region, err := ociauth.RegionOf(domain, "apmdomain")
	require.NoError(t, err)
	s := &services{domain: domain, identity: ociauth.New(ociauth.Config{Type: ociauth.TypeConfigFile, ConfigFile: file, Profile: profile}, "test-domain")}
	t.Cleanup(s.identity.Close)
	require.NoError(t, s.identity.Prepare(t.Context()))
	s.controlPlane, err = apmcontrolplane.NewApmDomainClientWithConfigurationProvider(s.identity)
	require.NoError(t, err)
	s.config, err = apmconfig.NewConfigClientWithConfigurationProvider(s.identity)
	require.NoError(t, err)
	s.traces, err = apmtraces.NewTraceClientWithConfigurationProvider(s.identity)
	require.NoError(t, err)
	s.monitoring, err = monitoring.NewMonitoringClientWithConfigurationProvider(s.identity)
	require.NoError(t, err)
	s.controlPlane.SetRegion(string(region))
	s.config.SetRegion(string(region))
	s.traces.SetRegion(string(region))
	s.monitoring.SetRegion(string(region))
	for _, base := range []*common.BaseClient{&s.controlPlane.BaseClient, &s.config.BaseClient, &s.traces.BaseClient, &s.monitoring.BaseClient} {
		s.identity.Configure(base)
		if client != nil {
			base.HTTPClient = client
		}
	}
	return s
}

// discover fills in the endpoint and the keys of a domain that is given by its OCID.
func (s *subject) discover(t *testing.T) {
	t.Helper()
	if s.services == nil {
		require.NotEmpty(t, s.key, "%s is not set", keyVariable)
		return
	}
	id := s.services.domain
	domain, err := s.services.controlPlane.GetApmDomain(t.Context(), apmcontrolplane.GetApmDomainRequest{ApmDomainId: &id})
	require.NoError(t, err)
	if s.endpoint == "" {
		s.endpoint = strings.TrimSuffix(*domain.DataUploadEndpoint, "/")
	}
	keys, err := s.services.controlPlane.ListDataKeys(t.Context(), apmcontrolplane.ListDataKeysRequest{ApmDomainId: &id})
	require.NoError(t, err)
	for _, key := range keys.Items {
		switch {
		case key.Type == apmcontrolplane.DataKeyTypesPrivate && s.key == "":
			s.key = *key.Value
		case key.Type == apmcontrolplane.DataKeyTypesPublic && s.publicKey == "":
			s.publicKey = *key.Value
		}
	}
	require.NotEmpty(t, s.key, "the domain has no private data key")
}

// awaitTrace waits until GetTrace returns a trace. It reports whether it did.
func (s *services) awaitTrace(t *testing.T, id string, wait time.Duration) bool {
	t.Helper()
	for deadline := time.Now().Add(wait); ; time.Sleep(min(wait/50, 5*time.Second)) {
		_, err := s.traces.GetTrace(t.Context(), apmtraces.GetTraceRequest{ApmDomainId: &s.domain, TraceKey: &id})
		if err == nil {
			return true
		}
		if failure, ok := common.IsServiceError(err); !ok || failure.GetHTTPStatusCode() != http.StatusNotFound {
			require.NoError(t, err)
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}

// testRule applies the rule to a span with apm-config's Test, which changes nothing.
func testRule(t *testing.T, s *subject) string {
	t.Helper()
	if s.services == nil {
		return notAsked
	}
	var attributes []map[string]any
	for pair := range strings.SplitSeq(mapping, ", ") {
		name, _, _ := strings.Cut(pair, " ")
		attributes = append(attributes, map[string]any{"key": name, "value": map[string]any{"stringValue": name}})
	}
	var options, span any = map[string]any{
		"type": "data-manipulation.group", "disabled": false, "filterText": "traceId is not omitted",
		"rules": []any{map[string]any{"displayName": "naming", "disabled": false, "systemRuleId": 500}},
	}, map[string]any{
		"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "SELECT", "kind": 3,
		"startTimeUnixNano": "1785578400000000000", "endTimeUnixNano": "1785578400030000000", "attributes": attributes,
	}
	answer, err := s.services.config.Test(t.Context(), apmconfig.TestRequest{
		ApmDomainId: &s.services.domain, TestDetails: apmconfig.TestSpanEnrichmentDetails{Options: &options, Span: &span},
	})
	var failure common.ServiceError
	if errors.As(err, &failure) {
		return failure.GetCode() + ": " + failure.GetMessage()
	}
	require.NoError(t, err)
	return namesIn(t, answer.TestOutput)
}

// namesIn returns the names that the attributes of a span got. Their values are the
// names from before.
func namesIn(t *testing.T, output any) string {
	t.Helper()
	content, err := json.Marshal(output)
	require.NoError(t, err)
	var answer struct {
		Span struct {
			Attributes []struct {
				Key   string
				Value struct{ StringValue string }
			}
		}
	}
	require.NoError(t, json.Unmarshal(content, &answer))
	var names []string
	for _, attribute := range answer.Span.Attributes {
		names = append(names, attribute.Value.StringValue+" "+attribute.Key)
	}
	return strings.Join(names, ", ")
}

// dimensions returns the dimensions of the metric SpanIngestions.
func dimensions(t *testing.T, s *subject) string {
	t.Helper()
	if s.services == nil {
		return notAsked
	}
	domain, err := s.services.controlPlane.GetApmDomain(t.Context(), apmcontrolplane.GetApmDomainRequest{ApmDomainId: &s.services.domain})
	require.NoError(t, err)
	metrics, err := s.services.monitoring.ListMetrics(t.Context(), monitoring.ListMetricsRequest{
		CompartmentId: domain.CompartmentId, ListMetricsDetails: monitoring.ListMetricsDetails{
			Namespace: common.String("oci_apm"), Name: common.String("SpanIngestions"),
		},
	})
	require.NoError(t, err)
	var names []string
	for _, metric := range metrics.Items {
		for name := range metric.Dimensions {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
