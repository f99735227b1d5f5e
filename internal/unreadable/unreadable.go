// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package unreadable defines how a component hands an item that it cannot read
// back to its storage extension before the item is deleted. Components do not
// import each other, so the interface has a package of its own.
package unreadable // import "github.com/ociapm/otelcol-ociapm/internal/unreadable"

import (
	"context"

	"go.opentelemetry.io/collector/component"
)

// Keeper is a storage extension that can keep unreadable items.
type Keeper interface {
	// KeepUnreadable moves an item aside: it stores data outside of the queue,
	// counts it, and logs a warning with the reason. Kind, ID and name are
	// those with which the component has opened its client. An error means that
	// data is not stored.
	KeepUnreadable(ctx context.Context, kind component.Kind, id component.ID, name string, data []byte, reason error) error
}
