// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package oci imitates those parts of Oracle Cloud Infrastructure (OCI)
// that a collector needs around an APM domain: the APM control plane, the
// retrieval of secrets from Vault, the exchange of an instance's certificate
// for a token, the instance metadata service, and the token service of
// Kubernetes clusters (OKE).
//
// Nothing in a client knows of it. It is a forward proxy that answers for
// OCI's own host names, with certificates of a CA of its own, so a process is
// pointed at it by the environment variables that every HTTP client knows:
// see [Server.Environment].
//
// Requests are authenticated as OCI does it: the signature over the request
// (https://docs.oracle.com/en-us/iaas/Content/API/Concepts/signingrequests.htm)
// is verified with the public key that belongs to the caller, the date must be
// within five minutes of the server's, and the body must have the digest that
// was signed. Where OCI's behavior is not documented, the sandbox does what
// oci-go-sdk expects, and the comments say so.
package oci
