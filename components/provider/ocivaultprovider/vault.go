// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocivaultprovider // import "github.com/ociapm/otelcol-ociapm/components/provider/ocivaultprovider"

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/secrets"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
)

// The environment variables that select the credentials have the names and
// values of the OCI CLI
// (https://docs.oracle.com/iaas/Content/API/SDKDocs/clienvironmentvariables.htm).
// The CLI's OCI_CLI_CONFIG_FILE takes precedence over OCI_CONFIG_FILE, which
// ociauth reads.
const (
	authVariable       = "OCI_CLI_AUTH"
	profileVariable    = "OCI_CLI_PROFILE"
	configFileVariable = "OCI_CLI_CONFIG_FILE"

	userAgent = "otelcol-ociapm-ocivault"
)

var authTypes = map[string]ociauth.Type{
	"":                      ociauth.TypeUnset,
	"api_key":               ociauth.TypeConfigFile,
	"security_token":        ociauth.TypeSessionToken,
	"instance_principal":    ociauth.TypeInstancePrincipal,
	"resource_principal":    ociauth.TypeResourcePrincipal,
	"oke_workload_identity": ociauth.TypeWorkloadIdentity,
}

var (
	errNoContent   = errors.New("its current version has no content; create a new version of the secret")
	errNotReadable = errors.New("its content is not in base64, the encoding of OCI Vault; create a new version of the secret")
)

// vault reads secrets.
type vault interface {
	// read returns the content of a secret's current version. No error contains
	// any of it.
	read(ctx context.Context, ocid string) (string, error)
	close()
}

// ociVault is the vault service of OCI.
type ociVault struct {
	mu       sync.Mutex
	identity *ociauth.Identity
	clients  map[common.Region]secrets.SecretsClient
}

func newVault() *ociVault {
	return &ociVault{clients: map[common.Region]secrets.SecretsClient{}}
}

func (v *ociVault) read(ctx context.Context, ocid string) (string, error) {
	content, err := v.fetch(ctx, ocid)
	if err == nil {
		return content, nil
	}
	hint := ""
	var known *ociauth.Error
	if errors.As(err, &known) {
		switch {
		case known.Kind == ociauth.KindNotAllowed:
			hint = "; the answer is the same for a secret that is deleted, or about to be"
		case known.Kind == ociauth.KindMetadata:
			hint = "; for " + schemeName + ", " + authVariable + "=api_key chooses a configuration file"
		case known.Kind == ociauth.KindUnreachable && known.Status == 0:
			hint = "; the region is that of the OCID"
		}
	}
	return "", fmt.Errorf("secret %s: %w%s", ocid, err, hint)
}

func (v *ociVault) fetch(ctx context.Context, ocid string) (string, error) {
	region, err := ociauth.RegionOf(ocid, secretKind)
	if err != nil {
		return "", err
	}
	var resp secrets.GetSecretBundleResponse
	for again := range 2 {
		var (
			identity *ociauth.Identity
			client   secrets.SecretsClient
		)
		if identity, client, err = v.client(ctx, region); err != nil {
			return "", err
		}
		resp, err = client.GetSecretBundle(ctx, secrets.GetSecretBundleRequest{SecretId: &ocid, Stage: secrets.GetSecretBundleStageCurrent})
		if err == nil {
			break
		}
		// A token may have been revoked, and a key replaced.
		if failure, ok := common.IsServiceError(err); ok && failure.GetHTTPStatusCode() == http.StatusUnauthorized && again == 0 {
			identity.Forget()
			continue
		}
		return "", identity.Explain(ociauth.Call{
			Operation: "GetSecretBundle", Resource: ocid, Noun: "secret", Region: region, Permission: "read secret-bundles",
		}, err)
	}
	details, ok := resp.SecretBundleContent.(secrets.Base64SecretBundleContentDetails)
	if !ok || details.Content == nil {
		return "", errNoContent
	}
	content, err := base64.StdEncoding.DecodeString(*details.Content)
	if err != nil {
		return "", errNotReadable
	}
	return string(content), nil
}

// client returns a client for a region, with credentials that are valid now.
func (v *ociVault) client(ctx context.Context, region common.Region) (*ociauth.Identity, secrets.SecretsClient, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.identity == nil {
		cfg, err := authConfig()
		if err != nil {
			return nil, secrets.SecretsClient{}, err
		}
		v.identity = ociauth.New(cfg, userAgent)
	}
	if err := v.identity.Prepare(ctx); err != nil {
		return nil, secrets.SecretsClient{}, err
	}
	client, ok := v.clients[region]
	if !ok {
		var err error
		if client, err = secrets.NewSecretsClientWithConfigurationProvider(v.identity); err != nil {
			return nil, secrets.SecretsClient{}, err
		}
		client.SetRegion(string(region))
		v.identity.Configure(&client.BaseClient)
		v.clients[region] = client
	}
	return v.identity, client, nil
}

func (v *ociVault) close() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.identity != nil {
		v.identity.Close()
	}
}

// authConfig selects the credentials according to the environment, like the OCI
// CLI.
func authConfig() (ociauth.Config, error) {
	name := os.Getenv(authVariable)
	kind, ok := authTypes[name]
	if !ok {
		return ociauth.Config{}, fmt.Errorf("the environment variable %s is %q; write instance_principal, oke_workload_identity, resource_principal, api_key or security_token, or leave it unset for the first that this machine has", authVariable, name)
	}
	cfg := ociauth.Config{Type: kind}
	switch kind {
	case ociauth.TypeUnset, ociauth.TypeConfigFile, ociauth.TypeSessionToken:
		cfg.Profile, cfg.ConfigFile = os.Getenv(profileVariable), os.Getenv(configFileVariable)
	}
	return cfg, nil
}

// passes reports whether a retry may succeed.
func passes(err error) bool {
	var known *ociauth.Error
	return errors.As(err, &known) && (known.Kind == ociauth.KindUnreachable || known.Kind == ociauth.KindThrottled)
}
