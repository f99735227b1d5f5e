// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package discovery // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"
	"github.com/oracle/oci-go-sdk/v65/common"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
	"github.com/ociapm/otelcol-ociapm/internal/retryafter"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
)

// DomainKind is the resource type in the OCID of an APM domain.
const DomainKind = "apmdomain"

// controlPlaneClient asks OCI about one APM domain.
type controlPlaneClient interface {
	get(ctx context.Context) (domainInfo, error)
	// credentialType names the type of the credentials that it uses.
	credentialType() string
	close()
}

// controlPlane asks OCI about one APM domain through the OCI SDK.
type controlPlane struct {
	domainID string
	region   common.Region // of the domain, which need not be the machine's
	keyType  apmcontrolplane.ListDataKeysDataKeyTypeEnum
	identity identity

	client *apmcontrolplane.ApmDomainClient // nil until it is created
}

var _ controlPlaneClient = (*controlPlane)(nil)

// identity provides the credentials for OCI.
type identity interface {
	common.ConfigurationProvider
	Prepare(ctx context.Context) error
	Forget()
	Configure(client *common.BaseClient)
	Explain(call ociauth.Call, err error) error
	Type() ociauth.Type
	Close()
}

var _ identity = (*ociauth.Identity)(nil)

func newControlPlane(set Settings) (*controlPlane, error) {
	region, err := ociauth.RegionOf(set.DomainID, DomainKind)
	if err != nil {
		return nil, fmt.Errorf("apm_domain_id: %w", err)
	}
	keyType := apmcontrolplane.ListDataKeysDataKeyTypePrivate
	if set.DataKeyType == endpoint.DataKeyTypePublic {
		keyType = apmcontrolplane.ListDataKeysDataKeyTypePublic
	}
	return &controlPlane{
		domainID: set.DomainID, region: region, keyType: keyType,
		identity: ociauth.New(set.Auth, set.UserAgent),
	}, nil
}

// domainInfo is what OCI returns about a domain.
type domainInfo struct {
	name     string
	endpoint string
	keys     []string // in OCI's order, at least one
}

// Format keeps fmt from writing the keys, for every verb.
func (domainInfo) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte("[redacted]")) }

// queryError says why OCI gave no usable answer, and what to do.
type queryError struct {
	kind       string // error.type in the telemetry
	err        error
	retryAfter time.Duration // 0 if OCI asks for no pause
}

// Error implements error.
func (e *queryError) Error() string { return e.err.Error() }

// Unwrap implements errors.Unwrap.
func (e *queryError) Unwrap() error { return e.err }

func (c *controlPlane) credentialType() string { return string(c.identity.Type()) }
func (c *controlPlane) close()                 { c.identity.Close() }

// get asks OCI. If OCI rejects the credentials, it retries once with new ones.
func (c *controlPlane) get(ctx context.Context) (domainInfo, error) {
	got, err := c.getOnce(ctx)
	var refused *ociauth.Error
	if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized && refused.Kind != ociauth.KindClockSkew {
		c.identity.Forget()
		return c.getOnce(ctx)
	}
	return got, err
}

func (c *controlPlane) getOnce(ctx context.Context) (domainInfo, error) {
	if err := c.prepare(ctx); err != nil {
		return domainInfo{}, c.explain(ociauth.Call{}, err, nil)
	}

	get := ociauth.Call{Operation: "GetApmDomain", Resource: c.domainID, Noun: "APM domain", Region: c.region, Permission: "read apm-domains"}
	domain, err := c.client.GetApmDomain(ctx, apmcontrolplane.GetApmDomainRequest{ApmDomainId: &c.domainID})
	if err != nil {
		return domainInfo{}, c.explain(get, err, domain.RawResponse)
	}
	err = checkState(domain.ApmDomain)
	if err != nil {
		return domainInfo{}, err
	}

	list := ociauth.Call{Operation: "ListDataKeys", Resource: c.domainID, Noun: "APM domain", Region: c.region, Permission: "use apm-domains", Exists: true}
	keys, err := c.client.ListDataKeys(ctx, apmcontrolplane.ListDataKeysRequest{ApmDomainId: &c.domainID, DataKeyType: c.keyType})
	if err != nil {
		return domainInfo{}, c.explain(list, err, keys.RawResponse)
	}
	got := domainInfo{name: deref(domain.DisplayName), endpoint: deref(domain.DataUploadEndpoint)}
	for _, item := range keys.Items {
		// A value that cannot be a key is skipped. Another one may be valid.
		if key, err := endpoint.CleanDataKey(deref(item.Value)); err == nil {
			got.keys = append(got.keys, key)
		}
	}
	if len(got.keys) == 0 {
		return domainInfo{}, &queryError{kind: "no_data_key", err: fmt.Errorf(
			"the APM domain %s has no data key of type %s: create one (OCI Console > APM > Administration > your domain > Data Keys)", got.name, c.keyType)}
	}
	return got, nil
}

// prepare gets credentials, and creates the client the first time.
func (c *controlPlane) prepare(ctx context.Context) error {
	if err := c.identity.Prepare(ctx); err != nil {
		return err
	}
	if c.client != nil {
		return nil
	}
	client, err := apmcontrolplane.NewApmDomainClientWithConfigurationProvider(c.identity)
	if err != nil {
		return err
	}
	c.identity.Configure(&client.BaseClient)
	client.SetRegion(string(c.region))
	c.client = &client
	return nil
}

func (c *controlPlane) explain(call ociauth.Call, err error, resp *http.Response) error {
	explained := &queryError{kind: "unreachable", err: c.identity.Explain(call, err)}
	var known *ociauth.Error
	if errors.As(explained.err, &known) {
		explained.kind = string(known.Kind)
	}
	if resp != nil {
		explained.retryAfter = retryafter.Parse(resp.Header.Get("Retry-After"), time.Now())
	}
	return explained
}

// checkState returns why a domain accepts no uploads, or nil.
func checkState(domain apmcontrolplane.ApmDomain) error {
	name := deref(domain.DisplayName)
	var text string
	switch domain.LifecycleState {
	case apmcontrolplane.LifecycleStatesDeleted, apmcontrolplane.LifecycleStatesDeleting:
		text = fmt.Sprintf("the APM domain %s is %s: set apm_domain_id to the OCID of another domain", name, domain.LifecycleState)
	case apmcontrolplane.LifecycleStatesFailed:
		text = fmt.Sprintf("the APM domain %s is FAILED: delete it and create another one (OCI Console > APM > Administration)", name)
	case apmcontrolplane.LifecycleStatesCreating:
		text = fmt.Sprintf("the APM domain %s is still CREATING: the exporter retries until it is ACTIVE", name)
	default:
		if deref(domain.DataUploadEndpoint) != "" {
			return nil
		}
		text = fmt.Sprintf("the APM domain %s has no data upload endpoint yet (%s): the exporter retries", name, domain.LifecycleState)
	}
	return &queryError{kind: "domain_state", err: errors.New(text)}
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
