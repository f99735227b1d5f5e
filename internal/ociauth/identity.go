// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oracle/oci-go-sdk/v65/common"
)

const (
	// callTimeout limits one request, and the SDK's calls without a context.
	callTimeout = 20 * time.Second
	redacted    = "[redacted]"
)

// silent replaces the SDK's log. At debug level the SDK logs data keys, private
// keys from the metadata service and security tokens, and it bypasses the
// collector's log.
type silent struct{}

// LogLevel returns the level at which nothing is logged.
func (silent) LogLevel() int { return 0 }

// Log discards the line.
func (silent) Log(int, string, ...any) error { return nil }

var silence = sync.OnceFunc(func() { common.SetSDKLogger(silent{}) })

// credentials hold everything that a signature needs.
type credentials struct {
	keyID string // contains the security token, if there is one
	key   *rsa.PrivateKey
}

// Format writes a placeholder, for every verb of fmt.
func (credentials) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(redacted)) }

// source returns credentials that are valid now. Its errors are of type *Error.
type source interface {
	credentials(ctx context.Context) (credentials, error)
	// forget discards cached credentials that OCI has rejected.
	forget()
}

// Identity signs requests to OCI. Prepare obtains the credentials; no other
// method uses the network for this. It is a ConfigurationProvider of the SDK.
type Identity struct {
	config    Config
	source    source
	client    *http.Client // sends requests to OCI, through the environment's proxy
	userAgent string

	preparing sync.Mutex
	current   atomic.Pointer[credentials]
}

var _ common.ConfigurationProvider = (*Identity)(nil)

// New returns the identity that the configuration selects. It uses neither the
// network nor the file system, except to find out which credentials this
// machine has if the configuration does not name a type. The user agent is the
// name and version of the program.
func New(cfg Config, userAgent string) *Identity {
	silence()
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns = 4
	id := &Identity{
		config:    cfg.resolved(),
		client:    &http.Client{Transport: transport, Timeout: callTimeout},
		userAgent: userAgent,
	}
	switch id.config.Type {
	case TypeConfigFile, TypeSessionToken:
		id.source = fileSource{config: id.config}
	case TypeResourcePrincipal:
		id.source = &resourcePrincipal{}
	case TypeWorkloadIdentity:
		id.source = &workloadIdentity{}
	default:
		id.source = newInstancePrincipal(id.client)
	}
	return id
}

// Type returns the type of the credentials.
func (id *Identity) Type() Type { return id.config.Type }

// Prepare obtains the credentials, or renews them if they are about to expire.
// It returns when ctx is done, even if the SDK does not. Its errors are of type
// *Error.
func (id *Identity) Prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	type outcome struct {
		credentials credentials
		err         error
	}
	done := make(chan outcome, 1)
	go func() {
		id.preparing.Lock()
		defer id.preparing.Unlock()
		var got outcome
		// The SDK panics on unexpected answers. The value of the panic can
		// contain them, and is not repeated.
		defer func() {
			if recover() != nil {
				got.err = &Error{Kind: KindFederation, message: fmt.Sprintf("the credentials for auth type %s are not in the form that the OCI SDK expects", id.config.Type)}
			}
			done <- got
		}()
		got.credentials, got.err = id.source.credentials(ctx)
	}()
	select {
	case <-ctx.Done():
		return &Error{Kind: KindUnreachable, message: fmt.Sprintf("getting credentials of auth type %s took too long: %v", id.config.Type, context.Cause(ctx))}
	case got := <-done:
		if got.err != nil {
			return got.err
		}
		id.current.Store(&got.credentials)
		return nil
	}
}

// Forget discards credentials that OCI has rejected. The next Prepare obtains
// new ones.
func (id *Identity) Forget() {
	id.preparing.Lock()
	defer id.preparing.Unlock()
	id.source.forget()
}

// Configure makes an SDK client send each request once, through the HTTP client
// of the identity: retries are up to the caller.
func (id *Identity) Configure(client *common.BaseClient) {
	once := common.NoRetryPolicy()
	client.Configuration.RetryPolicy = &once
	client.Configuration.CircuitBreaker = nil
	client.HTTPClient = id.client
	client.UserAgent = id.userAgent
}

// Close closes idle connections.
func (id *Identity) Close() { id.client.CloseIdleConnections() }

// Format writes the type of the identity and nothing else, for every verb of
// fmt.
func (id *Identity) Format(state fmt.State, _ rune) {
	_, _ = fmt.Fprintf(state, "identity of type %s", id.config.Type)
}

var errNotPrepared = errors.New("the credentials were not prepared")

// KeyID implements common.ConfigurationProvider.
func (id *Identity) KeyID() (string, error) {
	if current := id.current.Load(); current != nil {
		return current.keyID, nil
	}
	return "", errNotPrepared
}

// PrivateRSAKey implements common.ConfigurationProvider.
func (id *Identity) PrivateRSAKey() (*rsa.PrivateKey, error) {
	if current := id.current.Load(); current != nil {
		return current.key, nil
	}
	return nil, errNotPrepared
}

// Region implements common.ConfigurationProvider. The region of a request is
// that of the resource, see RegionOf, but the SDK's clients require a region
// when they are created.
func (*Identity) Region() (string, error) { return string(common.RegionIAD), nil }

// TenancyOCID implements common.ConfigurationProvider. It is empty, since KeyID
// contains it.
func (*Identity) TenancyOCID() (string, error) { return "", nil }

// UserOCID implements common.ConfigurationProvider. It is empty, since KeyID
// contains it.
func (*Identity) UserOCID() (string, error) { return "", nil }

// KeyFingerprint implements common.ConfigurationProvider. It is empty, since
// KeyID contains it.
func (*Identity) KeyFingerprint() (string, error) { return "", nil }

// AuthType implements common.ConfigurationProvider.
func (*Identity) AuthType() (common.AuthConfig, error) {
	return common.AuthConfig{AuthType: common.UnknownAuthenticationType}, nil
}
