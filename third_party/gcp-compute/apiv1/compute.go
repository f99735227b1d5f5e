// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package compute replaces Google's client of the Compute Engine API, of which
// resource_detection uses one call, to read the labels of an instance. Here
// that call returns an error: it is not part of this distribution, which is for
// machines of OCI. Everything else that the gcp detector finds comes from the
// instance's metadata service and does not use this package.
//
// It declares only what contrib's resource_detection processor needs to
// compile.
package compute

import (
	"context"
	"errors"

	"cloud.google.com/go/compute/apiv1/computepb"
)

// ErrLeftOut is returned by every call.
var ErrLeftOut = errors.New("otelcol-ociapm is built without the client of the Compute Engine API: remove the labels of the gcp detector, or use a collector for Google Cloud")

// InstancesClient fails every call.
type InstancesClient struct{}

// NewInstancesRESTClient returns ErrLeftOut.
func NewInstancesRESTClient(context.Context) (*InstancesClient, error) {
	return nil, ErrLeftOut
}

// Get returns ErrLeftOut.
func (*InstancesClient) Get(context.Context, *computepb.GetInstanceRequest) (*computepb.Instance, error) {
	return nil, ErrLeftOut
}

// Close does nothing.
func (*InstancesClient) Close() error {
	return nil
}
