// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/oracle/oci-go-sdk/v65/common"
	"github.com/oracle/oci-go-sdk/v65/common/auth"
)

// workloadIdentity exchanges the token of a pod's service account for a token
// of OCI, through the proxymux of an enhanced OKE cluster.
type workloadIdentity struct{ provider common.ConfigurationProvider }

// forget does nothing: the SDK renews a token after half an hour, and a new one
// would not change what OCI allows the workload to do.
func (*workloadIdentity) forget() {}

func (p *workloadIdentity) credentials(context.Context) (credentials, error) {
	if err := checkWorkload(); err != nil {
		return credentials{}, err
	}
	if p.provider == nil {
		provider, err := auth.OkeWorkloadIdentityConfigurationProvider()
		if err != nil {
			return credentials{}, &Error{Kind: KindEnvironment, message: "OKE workload identity is not set up in this pod: check OCI_RESOURCE_PRINCIPAL_VERSION, OCI_RESOURCE_PRINCIPAL_REGION and the service account's ca.crt"}
		}
		p.provider = provider
	}
	got, err := credentialsOf(p.provider)
	if err != nil {
		failure := workloadError(err)
		if failure.Status == 0 {
			// The certificate of the cluster may have changed. No connection is
			// lost by creating a new provider.
			p.provider = nil
		}
		return credentials{}, failure
	}
	return got, nil
}

// checkWorkload returns an error if the pod lacks something that workload
// identity requires.
func checkWorkload() error {
	if !isFile(auth.KubernetesServiceAccountTokenPath) || !hasEnv(auth.KubernetesServiceHostEnvVar) {
		return &Error{Kind: KindEnvironment, message: "there is no service account token at " + auth.KubernetesServiceAccountTokenPath +
			", or no KUBERNETES_SERVICE_HOST: auth type workload_identity works in pods of an enhanced OKE cluster, with automountServiceAccountToken: true; elsewhere set another auth::type"}
	}
	version := os.Getenv(auth.ResourcePrincipalVersionEnvVar)
	if (version != auth.ResourcePrincipalVersion1_1 && version != auth.ResourcePrincipalVersion2_2) || !hasEnv(auth.ResourcePrincipalRegionEnvVar) {
		return &Error{Kind: KindEnvironment, message: `workload identity needs two variables in the environment of the pod: set OCI_RESOURCE_PRINCIPAL_VERSION to "2.2" and OCI_RESOURCE_PRINCIPAL_REGION to the region of the cluster`}
	}
	return nil
}

var statusPattern = regexp.MustCompile(`Status: (\d{3})`)

// workloadError converts the SDK's error. Its text can contain the token of the
// service account.
func workloadError(err error) *Error {
	text := err.Error()
	failure := &Error{Kind: KindFederation}
	if match := statusPattern.FindStringSubmatch(text); match != nil {
		failure.Status, _ = strconv.Atoi(match[1]) // three digits
	}
	switch {
	case failure.Status == http.StatusForbidden:
		failure.message = "OKE refuses workload identity to this pod (403): it needs an enhanced cluster; upgrade the cluster, or set another auth::type"
	case failure.Status == http.StatusUnauthorized:
		failure.message = "OKE refuses the service account token of this pod (401): check the clock of the node and that the token is the cluster's own"
	case failure.Status == http.StatusTooManyRequests:
		failure.Kind, failure.message = KindThrottled, "OKE throttles requests for workload identity (429); it is asked again later"
	case failure.Status != 0:
		failure.Kind = KindUnreachable
		failure.message = fmt.Sprintf("OKE gave no token for this pod (%d); it is asked again later", failure.Status)
	case strings.Contains(text, "service account token"):
		failure.Kind = KindEnvironment
		failure.message = "the service account token at " + auth.KubernetesServiceAccountTokenPath + " cannot be used, or has expired: Kubernetes renews it; check that it is mounted, and the clock of the node"
	case strings.Contains(text, "x509:"):
		failure.Kind = KindUnreachable
		failure.message = "port 12250 of the cluster's API server shows a certificate that the service account's ca.crt does not know: check that the pod runs in an enhanced OKE cluster"
	default:
		failure.Kind = KindUnreachable
		failure.message = "port 12250 of the cluster's API server does not answer: allow egress from this pod to it, in an enhanced OKE cluster; it is asked again later"
	}
	return failure
}
