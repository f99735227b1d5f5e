// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package hostextension finds the extension that a component's setting names.
package hostextension // import "github.com/ociapm/otelcol-ociapm/internal/hostextension"

import (
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// Find returns the extension with an ID as a T. setting is the name of the setting that
// has the ID, and other completes "the extension X …" for an extension that is no T: what
// it is not, and what to name instead.
func Find[T any](host component.Host, setting string, id component.ID, other string) (T, error) {
	var none T
	extension, found := host.GetExtensions()[id]
	if !found {
		return none, fmt.Errorf("%s: there is no extension %s; list it in service::extensions", setting, id)
	}
	wanted, ok := extension.(T)
	if !ok {
		return none, fmt.Errorf("%s: the extension %s %s", setting, id, other)
	}
	return wanted, nil
}

// Storage returns the storage extension that the setting storage names.
func Storage(host component.Host, id component.ID) (storage.Extension, error) {
	return Find[storage.Extension](host, "storage", id, "is not a storage extension; name one, such as queue_storage")
}
