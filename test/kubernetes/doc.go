// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package kubernetes tests the manifests and the Helm chart on a real Kubernetes node,
// which node.sh starts in its own namespaces, with the image that users get. The tests
// run in the node's network, where apmsandbox replaces OCI APM, behind TLS.
//
// They need root, Debian and some minutes, and so have their own build tag: make
// test-kubernetes.
package kubernetes // import "github.com/ociapm/otelcol-ociapm/test/kubernetes"
