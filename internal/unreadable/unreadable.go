// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package unreadable is the agreement between a component that keeps items in a
// storage and the storage extension about items that the component cannot read:
// it hands them back before they are deleted. Components do not import each
// other, so the interface has a place of its own.
package unreadable // import "github.com/ociapm/otelcol-ociapm/internal/unreadable"

import (
	"context"

	"go.opentelemetry.io/collector/component"
)

// Keeper is a storage extension that can keep unreadable items.
type Keeper interface {
	// KeepUnreadable moves an item out of the way: it stores data outside of the
	// queue, counts it and logs it as a warning with the reason. The kind, ID and
	// name are those with which the component got its client. An error means that
	// data is not stored.
	KeepUnreadable(ctx context.Context, kind component.Kind, id component.ID, name string, data []byte, reason error) error
}
