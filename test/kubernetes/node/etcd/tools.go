// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build tools

// Package etcd pins the etcd that node.sh builds.
package etcd

import _ "go.etcd.io/etcd/server/v3"
