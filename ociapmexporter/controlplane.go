// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/oracle/oci-go-sdk/v65/apmcontrolplane"
	"github.com/oracle/oci-go-sdk/v65/common"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
)

// controlPlane asks OCI about one APM domain.
type controlPlane struct {
	domainID string
	region   common.Region // of the domain, which need not be the machine's
	keyType  apmcontrolplane.ListDataKeysDataKeyTypeEnum
	identity identity

	client *apmcontrolplane.ApmDomainClient // nil is not made yet
}

var _ asker = (*controlPlane)(nil)

// identity is as whom OCI is asked.
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

func newControlPlane(cfg *Config, userAgent string) (*controlPlane, error) {
	region, err := ociauth.RegionOf(cfg.APMDomainID, domainKind)
	if err != nil {
		return nil, fmt.Errorf("apm_domain_id: %w", err)
	}
	keyType := apmcontrolplane.ListDataKeysDataKeyTypePrivate
	if cfg.DataKeyType == DataKeyTypePublic {
		keyType = apmcontrolplane.ListDataKeysDataKeyTypePublic
	}
	return &controlPlane{
		domainID: cfg.APMDomainID, region: region, keyType: keyType,
		identity: ociauth.New(cfg.Auth, userAgent),
	}, nil
}

// facts are what OCI says of a domain.
type facts struct {
	name     string
	endpoint string
	keys     []string // in OCI's order, at least one
}

// Format keeps the keys out of what fmt writes, for every verb.
func (facts) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte("[redacted]")) }

// askError is why OCI gave no answer to use. It says what to do.
type askError struct {
	kind       string // a word for telemetry
	err        error
	retryAfter time.Duration // 0 where OCI names none
}

// Error implements error.
func (e *askError) Error() string { return e.err.Error() }

// Unwrap implements errors.Unwrap.
func (e *askError) Unwrap() error { return e.err }

func (c *controlPlane) credentials() string { return string(c.identity.Type()) }
func (c *controlPlane) close()              { c.identity.Close() }

// ask gets the facts. Credentials that OCI refuses are replaced once.
func (c *controlPlane) ask(ctx context.Context) (facts, error) {
	got, err := c.askOnce(ctx)
	var refused *ociauth.Error
	if errors.As(err, &refused) && refused.Status == http.StatusUnauthorized && refused.Kind != ociauth.KindClockSkew {
		c.identity.Forget()
		return c.askOnce(ctx)
	}
	return got, err
}

func (c *controlPlane) askOnce(ctx context.Context) (facts, error) {
	if err := c.prepare(ctx); err != nil {
		return facts{}, c.explain(ociauth.Call{}, err, nil)
	}

	get := ociauth.Call{Operation: "GetApmDomain", Resource: c.domainID, Noun: "APM domain", Region: c.region, Permission: "read apm-domains"}
	domain, err := c.client.GetApmDomain(ctx, apmcontrolplane.GetApmDomainRequest{ApmDomainId: &c.domainID})
	if err != nil {
		return facts{}, c.explain(get, err, domain.RawResponse)
	}
	err = checkState(domain.ApmDomain)
	if err != nil {
		return facts{}, err
	}

	list := ociauth.Call{Operation: "ListDataKeys", Resource: c.domainID, Noun: "APM domain", Region: c.region, Permission: "use apm-domains", Exists: true}
	keys, err := c.client.ListDataKeys(ctx, apmcontrolplane.ListDataKeysRequest{ApmDomainId: &c.domainID, DataKeyType: c.keyType})
	if err != nil {
		return facts{}, c.explain(list, err, keys.RawResponse)
	}
	got := facts{name: deref(domain.DisplayName), endpoint: deref(domain.DataUploadEndpoint)}
	for _, item := range keys.Items {
		// A value that is no key is as good as none: the next may be one.
		if key, err := endpoint.CleanDataKey(deref(item.Value)); err == nil {
			got.keys = append(got.keys, key)
		}
	}
	if len(got.keys) == 0 {
		return facts{}, &askError{kind: "no_data_key", err: fmt.Errorf(
			"the APM domain %s has no data key of type %s: make one (OCI Console > APM > Administration > your domain > Data Keys)", got.name, c.keyType)}
	}
	return got, nil
}

// prepare gets credentials, and makes the client with the first ones.
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
	explained := &askError{kind: "unreachable", err: c.identity.Explain(call, err)}
	var known *ociauth.Error
	if errors.As(explained.err, &known) {
		explained.kind = string(known.Kind)
	}
	if resp != nil {
		explained.retryAfter = parseRetryAfter(resp.Header.Get("Retry-After"), time.Now())
	}
	return explained
}

// checkState says what keeps a domain from taking uploads.
func checkState(domain apmcontrolplane.ApmDomain) error {
	name := deref(domain.DisplayName)
	var text string
	switch domain.LifecycleState {
	case apmcontrolplane.LifecycleStatesDeleted, apmcontrolplane.LifecycleStatesDeleting:
		text = fmt.Sprintf("the APM domain %s is %s: write the OCID of another into apm_domain_id", name, domain.LifecycleState)
	case apmcontrolplane.LifecycleStatesFailed:
		text = fmt.Sprintf("the APM domain %s is FAILED: delete it and create another (OCI Console > APM > Administration)", name)
	case apmcontrolplane.LifecycleStatesCreating:
		text = fmt.Sprintf("the APM domain %s is still CREATING: it is asked for again until it is ACTIVE", name)
	default:
		if deref(domain.DataUploadEndpoint) != "" {
			return nil
		}
		text = fmt.Sprintf("the APM domain %s has no data upload endpoint yet (%s): it is asked for again", name, domain.LifecycleState)
	}
	return &askError{kind: "domain_state", err: errors.New(text)}
}

func deref(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
