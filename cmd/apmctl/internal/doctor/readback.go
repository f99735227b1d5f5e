// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/oracle/oci-go-sdk/v65/apmtraces"
	"github.com/oracle/oci-go-sdk/v65/common"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
)

// traceReader reads a trace from where the collector uploads to.
type traceReader interface {
	fmt.Stringer
	// read returns the database call of the trace, or nil if it has not arrived.
	read(ctx context.Context, id pcommon.TraceID) (*readSpan, error)
	close()
}

// traceReader returns how to read a trace back, or why that is not possible.
func (p *patient) traceReader(ctx context.Context) (reader traceReader, reason string) {
	domain := orElse(p.options.DomainID, p.settings.exporter.APMDomainID)
	if domain == "" {
		if base := p.sandboxURL(ctx); base != "" {
			return sandboxReader{base: base}, ""
		}
		return nil, "reading it back needs the OCID of the domain and an OCI identity: --apm-domain-id and --profile"
	}
	region, err := ociauth.RegionOf(domain, "apmdomain")
	if err != nil {
		return nil, "the OCID of the APM domain: " + err.Error()
	}
	auth := p.options.Auth
	if auth == (ociauth.Config{}) {
		auth = p.settings.exporter.Auth
	}
	client, err := newDomainReader(ctx, domain, region, auth, p.options.UserAgent)
	if err != nil {
		return nil, "no OCI identity to read it back with: " + err.Error()
	}
	return client, ""
}

// sandboxURL returns the base of the sandbox's API if the endpoint is a sandbox on this
// machine, or "".
func (p *patient) sandboxURL(ctx context.Context) string {
	parsed, err := url.Parse(strings.TrimSpace(p.settings.exporter.ClientConfig.Endpoint))
	if err != nil || parsed.Scheme != "http" {
		return ""
	}
	base := "http://" + parsed.Host
	var index struct {
		Name string `json:"name"`
	}
	status, body, err := getLocal(ctx, base+"/api/v1")
	if err != nil || status != http.StatusOK || json.Unmarshal([]byte(body), &index) != nil || index.Name != "apmsandbox" {
		return ""
	}
	return base
}

// sandboxReader reads traces from the sandbox.
type sandboxReader struct{ base string }

func (sandboxReader) String() string { return "the sandbox" }
func (sandboxReader) close()         {}

func (r sandboxReader) read(ctx context.Context, id pcommon.TraceID) (*readSpan, error) {
	status, body, err := getLocal(ctx, r.base+"/api/v1/traces/"+id.String())
	if err != nil || status != http.StatusOK {
		return nil, err
	}
	var trace struct {
		Spans []struct {
			Name       string         `json:"name"`
			Kind       string         `json:"kind"`
			Attributes map[string]any `json:"attributes"`
		} `json:"spans"`
	}
	if err := json.Unmarshal([]byte(body), &trace); err != nil {
		return nil, err
	}
	for _, span := range trace.Spans {
		if !strings.EqualFold(span.Kind, "client") {
			continue
		}
		found := &readSpan{tags: map[string]string{}}
		for name, value := range span.Attributes {
			found.tags[name] = fmt.Sprint(value)
		}
		found.converted = r.converted(ctx, found.tags["peer.service"])
		return found, nil
	}
	return nil, nil
}

// converted reports whether the sandbox's topology shows the database under its name,
// which it does if the naming rule is on. It is nil if the database has no name.
func (r sandboxReader) converted(ctx context.Context, database string) *bool {
	if database == "" {
		return nil
	}
	_, body, err := getLocal(ctx, r.base+"/api/v1/topology")
	var topology struct {
		Nodes []struct {
			Name string `json:"name"`
			Kind string `json:"kind"`
		} `json:"nodes"`
	}
	if err != nil || json.Unmarshal([]byte(body), &topology) != nil {
		return nil
	}
	found := false
	for _, node := range topology.Nodes {
		found = found || node.Name == database && node.Kind == "database"
	}
	return &found
}

// domainReader reads traces from an APM domain with GetTrace.
type domainReader struct {
	identity *ociauth.Identity
	domain   string
	call     ociauth.Call
	client   apmtraces.TraceClient
}

func newDomainReader(ctx context.Context, domain string, region common.Region, auth ociauth.Config, userAgent string) (*domainReader, error) {
	r := &domainReader{identity: ociauth.New(auth, userAgent), domain: domain, call: ociauth.Call{
		Operation: "GetTrace", Resource: domain, Noun: "APM domain", Region: region, Permission: "read apm-domains",
	}}
	err := r.identity.Prepare(ctx)
	if err != nil {
		return nil, err
	}
	if r.client, err = apmtraces.NewTraceClientWithConfigurationProvider(r.identity); err != nil {
		return nil, err
	}
	r.identity.Configure(&r.client.BaseClient)
	r.client.SetRegion(string(region))
	return r, nil
}

func (*domainReader) String() string { return "the APM domain" }
func (r *domainReader) close()       { r.identity.Close() }

func (r *domainReader) read(ctx context.Context, id pcommon.TraceID) (*readSpan, error) {
	key := id.String()
	answer, err := r.client.GetTrace(ctx, apmtraces.GetTraceRequest{ApmDomainId: &r.domain, TraceKey: &key})
	if err != nil {
		return nil, r.identity.Explain(r.call, err)
	}
	for _, span := range answer.Spans {
		if span.Kind == nil || !strings.EqualFold(*span.Kind, "client") {
			continue
		}
		found := &readSpan{tags: map[string]string{}}
		for _, tag := range span.Tags {
			if tag.TagName != nil && tag.TagValue != nil {
				found.tags[*tag.TagName] = *tag.TagValue
			}
		}
		converted := false
		for _, name := range convertedNames {
			converted = converted || found.tags[name] != ""
		}
		found.converted = &converted
		return found, nil
	}
	return nil, nil
}

// isFinal reports whether an error of reading stays the same. OCI answers 404 both for a
// trace that has not arrived yet and for a missing permission.
func isFinal(err error) bool {
	var known *ociauth.Error
	if !errors.As(err, &known) {
		return false
	}
	switch known.Kind {
	case ociauth.KindNotAllowed, ociauth.KindThrottled, ociauth.KindUnreachable:
		return false
	default:
		return true
	}
}
