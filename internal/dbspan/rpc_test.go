// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

func TestRPCService(t *testing.T) {
	for method, want := range map[string]string{
		"shop.Cart/AddItem":  "shop.Cart",
		"/shop.Cart/AddItem": "shop.Cart",
		"a/b/Call":           "a/b",
		"shop.Cart/":         "shop.Cart",
		"AddItem":            "",
		"/AddItem":           "",
		"/":                  "",
		"":                   "",
	} {
		attrs := pcommon.NewMap()
		assert.Empty(t, RPCService(attrs))
		attrs.PutStr("rpc.method", method)
		assert.Equal(t, want, RPCService(attrs), method)
	}
	attrs := pcommon.NewMap()
	attrs.PutInt("rpc.method", 1)
	assert.Empty(t, RPCService(attrs))
}
