// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package oci imitates those parts of Oracle Cloud Infrastructure (OCI) that a
// collector needs around an APM domain: the APM control plane, the retrieval of
// secrets from Vault, the exchange of an instance's certificate for a token,
// the instance metadata service, and the token service of Kubernetes clusters
// (OKE); and what apmctl needs: the configuration of an APM domain, its traces
// and attributes, Logging and Monitoring.
//
// Clients need no change. The package is a forward proxy that answers for OCI's
// own host names, with certificates of its own CA. A process is directed to it
// by the environment variables that every HTTP client knows: see
// [Server.Environment].
//
// Requests are authenticated as by OCI: the signature of the request
// (https://docs.oracle.com/en-us/iaas/Content/API/Concepts/signingrequests.htm)
// is verified with the public key of the caller, the date must be within five
// minutes of the server's, and the body must have the signed digest. Where
// OCI's behavior is not documented, the sandbox does what oci-go-sdk expects,
// and a comment says so.
//
// Paths, parameters and bodies are those of oci-go-sdk. These are our
// assumptions, and a test against a real domain has the last word:
//   - what the rule "OpenTelemetry to APM naming conversion" does to each name,
//     see [apm.AttributeName], and that it is needed for a callee to have a name
//   - the grammar of filters and queries, see parseFilter and queryForm
//   - the permissions that Test, attribute activation and work requests require
//   - the answer to a dry run, and the default sizes of pages
//   - the dimensions of SpanIngestions; the sandbox has none
//   - that a trace can be read as soon as it is uploaded
//
// The sandbox denies permissions, see [Server.DenyPermissions], but does not
// evaluate policies. It accepts the actions of span rules, and ignores them.
package oci
