// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
)

// RPCService returns the service in the fully-qualified name of a method, such as
// shop.Cart in shop.Cart/AddItem; "" if there is none. The latest semantic conventions
// have the service only there: they deprecate rpc.service (attribute registry, rpc).
func RPCService(attrs pcommon.Map) string {
	method, ok := attrs.Get("rpc.method")
	if !ok || method.Type() != pcommon.ValueTypeStr {
		return ""
	}
	text := strings.TrimPrefix(method.Str(), "/")
	return text[:max(0, strings.LastIndexByte(text, '/'))]
}
