// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oracle/oci-go-sdk/v65/apmconfig"
	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"
	"github.com/oracle/oci-go-sdk/v65/apmtraces"
	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// prepare makes a client of the SDK use the emulated OCI, without retries.
func (s *sandbox) prepare(client *common.BaseClient) {
	client.HTTPClient = s.client
	client.SetCustomClientConfiguration(common.CustomClientConfiguration{RetryPolicy: new(common.NoRetryPolicy())})
}

func (s *sandbox) config(provider common.ConfigurationProvider) apmconfig.ConfigClient {
	s.t.Helper()
	client, err := apmconfig.NewConfigClientWithConfigurationProvider(provider)
	require.NoError(s.t, err)
	s.prepare(&client.BaseClient)
	return client
}

func (s *sandbox) attributes(provider common.ConfigurationProvider) apmtraces.AttributesClient {
	s.t.Helper()
	client, err := apmtraces.NewAttributesClientWithConfigurationProvider(provider)
	require.NoError(s.t, err)
	s.prepare(&client.BaseClient)
	return client
}

// uploadCall sends a span of a database call to the domain.
func (s *sandbox) uploadCall(id byte) {
	s.t.Helper()
	traces := ptrace.NewTraces()
	spans := traces.ResourceSpans().AppendEmpty()
	spans.Resource().Attributes().PutStr("service.name", "shop")
	spans.Resource().Attributes().PutStr("k8s.deployment.name", "shop-v1")
	span := spans.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{15: id})
	span.SetSpanID(pcommon.SpanID{id})
	span.SetKind(ptrace.SpanKindClient)
	span.SetName("SELECT orders")
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(-time.Second)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	span.Attributes().PutStr("db.system", "oracle")
	span.Attributes().PutStr("DbStatement", "SELECT 1 FROM orders")
	span.Attributes().PutStr("db.statement", "raw")
	span.Attributes().PutStr("peer.service", "orders-db")
	span.Attributes().PutInt("rows", 3)
	body, err := new(ptrace.ProtoMarshaler).MarshalTraces(traces)
	require.NoError(s.t, err)
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.server.UploadEndpoint()+apm.TracesPath, bytes.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Authorization", "dataKey "+apm.DefaultPrivateKey)
	request.Header.Set("Content-Type", "application/x-protobuf")
	response, err := s.client.Do(request)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	require.Equal(s.t, http.StatusOK, response.StatusCode)
}

// Configuration items with the SDK: their life, etags, dry runs, pages and filters.
func TestConfigs(t *testing.T) {
	s := start(t, func(c *Config) { c.EmptyDomain = true })
	client := s.config(s.profile(ProfileDefault))
	domain := new(s.server.DomainID())
	var options any = map[string]any{"enabled": true}
	create := func(name string, more func(*apmconfig.CreateConfigRequest)) (apmconfig.CreateConfigResponse, error) {
		request := apmconfig.CreateConfigRequest{ApmDomainId: domain, CreateConfigDetails: apmconfig.CreateOptionsDetails{
			DisplayName: &name, Group: new("APM_DRILLDOWN"), Options: &options,
		}}
		if more != nil {
			more(&request)
		}
		return client.CreateConfig(t.Context(), request)
	}
	list := func(page *string) apmconfig.ListConfigsResponse {
		response, err := client.ListConfigs(t.Context(), apmconfig.ListConfigsRequest{ApmDomainId: domain, OptionsGroup: new("APM_DRILLDOWN"), Page: page})
		require.NoError(t, err)
		return response
	}

	_, err := create("dry", func(r *apmconfig.CreateConfigRequest) { r.OpcDryRun = new("true") })
	require.NoError(t, err)
	assert.Empty(t, list(nil).Items)

	for range 2 {
		_, err = create("once", func(r *apmconfig.CreateConfigRequest) { r.OpcRetryToken = new("token") })
		require.NoError(t, err)
	}
	assert.Len(t, list(nil).Items, 1, "the second request has the token of the first")
	for range 11 {
		_, err = create("more", nil)
		require.NoError(t, err)
	}
	first := list(nil)
	assert.Len(t, first.Items, 10)
	require.NotNil(t, first.OpcNextPage)
	assert.Len(t, list(first.OpcNextPage).Items, 2)

	item := first.Items[0]
	read, err := client.GetConfig(t.Context(), apmconfig.GetConfigRequest{ApmDomainId: domain, ConfigId: item.GetId()})
	require.NoError(t, err)
	change := func(etag *string, dry *string) error {
		_, updateErr := client.UpdateConfig(t.Context(), apmconfig.UpdateConfigRequest{
			ApmDomainId: domain, ConfigId: item.GetId(), IfMatch: etag, OpcDryRun: dry,
			UpdateConfigDetails: apmconfig.UpdateOptionsDetails{DisplayName: new("changed")},
		})
		return updateErr
	}
	require.NoError(t, change(read.Etag, new("true")))
	require.NoError(t, change(read.Etag, nil), "a dry run changes no etag")
	requireFailure(t, change(read.Etag, nil), 412, CodeNoEtagMatch, "ETag")
	changed, err := client.GetConfig(t.Context(), apmconfig.GetConfigRequest{ApmDomainId: domain, ConfigId: item.GetId()})
	require.NoError(t, err)
	assert.Equal(t, "changed", *changed.Config.(apmconfig.Options).DisplayName)
	assert.Equal(t, &options, changed.Config.(apmconfig.Options).Options, "what an update does not name stays")
	_, err = client.UpdateConfig(t.Context(), apmconfig.UpdateConfigRequest{
		ApmDomainId: domain, ConfigId: item.GetId(), UpdateConfigDetails: apmconfig.UpdateSpanFilterDetails{DisplayName: new("x")},
	})
	requireFailure(t, err, 400, CodeInvalidParameter, "configType cannot change")
	_, err = client.DeleteConfig(t.Context(), apmconfig.DeleteConfigRequest{ApmDomainId: domain, ConfigId: item.GetId(), IfMatch: read.Etag})
	requireFailure(t, err, 412, CodeNoEtagMatch, "ETag")
	_, err = client.DeleteConfig(t.Context(), apmconfig.DeleteConfigRequest{ApmDomainId: domain, ConfigId: item.GetId()})
	require.NoError(t, err)
	requireFailure(t, change(nil, nil), 404, CodeNotAuthorizedOrNotFound, textNotFound)

	for _, tc := range []struct {
		name    string
		details apmconfig.CreateConfigDetails
		want    string
	}{
		{"filter", apmconfig.CreateSpanFilterDetails{DisplayName: new("x"), FilterText: new("kind =")}, "filterText: "},
		{"rule", apmconfig.CreateOptionsDetails{DisplayName: new("x"), Group: new(ruleGroup), Options: &options}, "options: filterText: the filter is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err = client.CreateConfig(t.Context(), apmconfig.CreateConfigRequest{ApmDomainId: domain, CreateConfigDetails: tc.details})
			requireFailure(t, err, 400, CodeInvalidParameter, tc.want)
		})
	}
	_, err = client.ValidateSpanFilterPattern(t.Context(), apmconfig.ValidateSpanFilterPatternRequest{
		ApmDomainId: domain, ValidateSpanFilterPatternDetails: apmconfig.ValidateSpanFilterPatternDetails{FilterText: new("kind = 'SERVER'")},
	})
	require.NoError(t, err)
	_, err = client.ValidateSpanFilterPattern(t.Context(), apmconfig.ValidateSpanFilterPatternRequest{
		ApmDomainId: domain, ValidateSpanFilterPatternDetails: apmconfig.ValidateSpanFilterPatternDetails{FilterText: new("kind")},
	})
	requireFailure(t, err, 422, "UnprocessableEntity", "number or text")
}

// A request for another domain or region, or without a permission.
func TestDomainRefusals(t *testing.T) {
	s := start(t)
	provider := s.profile(ProfileDefault)
	client := s.config(provider)
	get := func(domain string) error {
		_, err := client.ListConfigs(t.Context(), apmconfig.ListConfigsRequest{ApmDomainId: &domain})
		return err
	}
	require.NoError(t, get(s.server.DomainID()))
	requireFailure(t, get(s.server.UnknownDomainID()), 404, CodeNotAuthorizedOrNotFound, textNotFound)
	requireFailure(t, get(""), 400, CodeInvalidParameter, "apmDomainId is mandatory")
	require.NoError(t, s.server.DenyPermissions(PermissionDomainRead))
	requireFailure(t, get(s.server.DomainID()), 404, CodeNotAuthorizedOrNotFound, textNotFound)
	assert.Equal(t, ReasonPermission, s.lastReason())
	require.NoError(t, s.server.DenyPermissions())
	client.SetRegion(s.server.OtherRegion())
	requireFailure(t, get(s.server.DomainID()), 404, CodeNotAuthorizedOrNotFound, textNotFound)
	assert.Equal(t, ReasonWrongRegion, s.lastReason())
}

// Every operation that sets up a domain requires a signature and its permissions.
func TestEveryOperationIsProtected(t *testing.T) {
	s := start(t)
	hosts := map[Service]string{
		ServiceAPM: "apm-cp.us-phoenix-1.oci.oraclecloud.com", ServiceAPMConfig: "apm-config.us-phoenix-1.oci.oraclecloud.com",
		ServiceAPMTraces: "apm-trace.us-phoenix-1.oci.oraclecloud.com", ServiceLogging: "logging.us-phoenix-1.oci.oraclecloud.com",
		ServiceMonitoring: "telemetry.us-phoenix-1.oraclecloud.com",
	}
	checked := 0
	for service, routes := range s.server.routes() {
		host, ok := hosts[service]
		if !ok {
			continue
		}
		for _, route := range routes {
			method, path, _ := strings.Cut(route.pattern, " ")
			path = strings.NewReplacer("{id}", "x", "{key}", "1", "{log}", "y").Replace(path)
			request, err := http.NewRequestWithContext(t.Context(), method, "https://"+host+path, http.NoBody)
			require.NoError(t, err)
			response, err := s.client.Do(request)
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.Equal(t, 401, response.StatusCode, string(route.operation))
			assert.NotEmpty(t, route.requires, string(route.operation))
			for _, permission := range route.requires {
				assert.Contains(t, Permissions(), permission)
			}
			checked++
		}
	}
	assert.GreaterOrEqual(t, checked, 25)
}

func TestGenerateDataKeys(t *testing.T) {
	s := start(t, func(c *Config) { c.EmptyDomain = true })
	provider := s.profile(ProfileDefault)
	keys, err := s.listKeys(provider, apmcontrolplane.ListDataKeysDataKeyTypePrivate)
	require.NoError(t, err)
	assert.Empty(t, keys)
	_, err = s.apm(provider).GenerateDataKeys(t.Context(), apmcontrolplane.GenerateDataKeysRequest{
		ApmDomainId: new(s.server.DomainID()), GenerateDataKeysListDetails: []apmcontrolplane.GenerateDataKeyDetails{
			{Name: new("mine"), Type: apmcontrolplane.DataKeyTypesPrivate},
		},
	})
	require.NoError(t, err)
	keys, err = s.listKeys(provider, "")
	require.NoError(t, err)
	require.Len(t, keys, 1)
	assert.Equal(t, "mine", *keys[0].Name)
	assert.Equal(t, *keys[0].Value, s.uploads.Keys()[1].Value, "the uploads accept it")
}
