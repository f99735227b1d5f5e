// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package ociauth signs requests to Oracle Cloud Infrastructure (OCI) as the
// machine, the pod or the person that the collector runs for. It chooses and
// renews the credentials, keeps what the OCI SDK knows of them out of logs, and
// says in one sentence what to do where OCI refuses them.
package ociauth
