// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package computepb declares the messages of the Compute Engine API that
// package compute uses.
package computepb

// GetInstanceRequest selects an instance.
type GetInstanceRequest struct {
	Project  string
	Zone     string
	Instance string
}

// Instance is a machine.
type Instance struct {
	Labels map[string]string
}

// GetLabels returns the labels of the instance.
func (i *Instance) GetLabels() map[string]string {
	if i == nil {
		return nil
	}
	return i.Labels
}
