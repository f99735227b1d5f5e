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
	// callTimeout bounds one request, and what the SDK does without a context.
	callTimeout = 20 * time.Second
	redacted    = "[redacted]"
)

// silent is the SDK's log. What the SDK writes at debug level holds data keys,
// private keys from the metadata service and security tokens, and goes past the
// collector's log.
type silent struct{}

// LogLevel says that nothing is logged.
func (silent) LogLevel() int { return 0 }

// Log drops the line.
func (silent) Log(int, string, ...any) error { return nil }

var silence = sync.OnceFunc(func() { common.SetSDKLogger(silent{}) })

// credentials are what one signature needs.
type credentials struct {
	keyID string // holds the security token, where there is one
	key   *rsa.PrivateKey
}

// Format writes that there are credentials, for every verb of fmt.
func (credentials) Format(state fmt.State, _ rune) { _, _ = state.Write([]byte(redacted)) }

// source gives credentials that are valid now. An error is an *Error.
type source interface {
	credentials(ctx context.Context) (credentials, error)
	// forget drops what is kept of credentials that OCI has refused.
	forget()
}

// Identity signs requests to OCI. Prepare gets the credentials; until then no
// method but Prepare asks the network. It is a ConfigurationProvider of the SDK.
type Identity struct {
	config    Config
	source    source
	client    *http.Client // to OCI, through the environment's proxy
	userAgent string

	preparing sync.Mutex
	current   atomic.Pointer[credentials]
}

var _ common.ConfigurationProvider = (*Identity)(nil)

// New returns the identity that the configuration chooses. It asks neither the
// network nor the file system, except for which credentials this machine has
// where the configuration leaves that open. The user agent is the name and
// version of the program.
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

// Type is where the credentials come from.
func (id *Identity) Type() Type { return id.config.Type }

// Prepare gets the credentials, or renews them where they are about to expire.
// It returns when ctx is done, even where the SDK does not. An error is an
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
		// The SDK panics on answers that are not what it expects. The panic's
		// value can hold them, and is not repeated.
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

// Forget drops credentials that OCI has refused: the next Prepare gets new ones.
func (id *Identity) Forget() {
	id.preparing.Lock()
	defer id.preparing.Unlock()
	id.source.forget()
}

// Configure makes a client of the SDK send its requests once each, through the
// client of the identity: whoever calls it decides about what to repeat.
func (id *Identity) Configure(client *common.BaseClient) {
	once := common.NoRetryPolicy()
	client.Configuration.RetryPolicy = &once
	client.Configuration.CircuitBreaker = nil
	client.HTTPClient = id.client
	client.UserAgent = id.userAgent
}

// Close ends connections that wait for more requests.
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
// that of the resource, see RegionOf; the clients of the SDK want one before
// they are told.
func (*Identity) Region() (string, error) { return string(common.RegionIAD), nil }

// TenancyOCID implements common.ConfigurationProvider. KeyID has it.
func (*Identity) TenancyOCID() (string, error) { return "", nil }

// UserOCID implements common.ConfigurationProvider. KeyID has it.
func (*Identity) UserOCID() (string, error) { return "", nil }

// KeyFingerprint implements common.ConfigurationProvider. KeyID has it.
func (*Identity) KeyFingerprint() (string, error) { return "", nil }

// AuthType implements common.ConfigurationProvider.
func (*Identity) AuthType() (common.AuthConfig, error) {
	return common.AuthConfig{AuthType: common.UnknownAuthenticationType}, nil
}
