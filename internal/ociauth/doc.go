// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package ociauth signs requests to Oracle Cloud Infrastructure (OCI) with the
// identity of the machine, pod or user that the collector runs as. It selects
// and renews the credentials, keeps the OCI SDK from logging them, and returns
// errors that say in one sentence what to do if OCI rejects them.
package ociauth
