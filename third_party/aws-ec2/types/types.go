// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package types declares the types of the EC2 API that package ec2 uses.
package types

// Filter selects tags by a property.
type Filter struct {
	Name   *string
	Values []string
}

// TagDescription is a tag of an instance, with its key and value.
type TagDescription struct {
	Key   *string
	Value *string
}

// Tag is a key and a value.
type Tag struct {
	Key   *string
	Value *string
}

// InstanceType is the name of an instance's size.
type InstanceType string

// Instance is a machine.
type Instance struct {
	ImageId        *string //nolint:revive // the SDK's name
	InstanceType   InstanceType
	PrivateDnsName *string //nolint:revive // the SDK's name
	Tags           []Tag
}

// Reservation is a set of instances with one owner.
type Reservation struct {
	Instances []Instance
	OwnerId   *string //nolint:revive // the SDK's name
}
