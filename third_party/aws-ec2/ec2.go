// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package ec2 replaces the package of the AWS SDK with that name, which would
// be a fifth of the collector: it has 700 calls, of which resource_detection
// uses two, to read the tags of an EC2 instance and the cluster of an EKS node.
// Here both calls return an error: they are not part of this distribution,
// which is for machines of OCI. The detectors report that as a warning.
// Everything else that they find, including tags_from_imds, comes from the
// instance's metadata service and does not use this package.
//
// It declares only what contrib's resource_detection processor needs to
// compile.
package ec2

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// ErrLeftOut is returned by every call.
var ErrLeftOut = errors.New("otelcol-ociapm is built without the client of the EC2 API: set tags_from_imds, or use a collector for AWS")

// Options are the options of one call.
type Options struct {
	Region string
}

// DescribeTagsAPIClient reads tags.
type DescribeTagsAPIClient interface {
	DescribeTags(context.Context, *DescribeTagsInput, ...func(*Options)) (*DescribeTagsOutput, error)
}

// DescribeTagsInput selects the tags.
type DescribeTagsInput struct {
	Filters []types.Filter
}

// DescribeTagsOutput holds the tags.
type DescribeTagsOutput struct {
	Tags []types.TagDescription
}

// DescribeInstancesInput selects the instances.
type DescribeInstancesInput struct {
	InstanceIds []string
}

// DescribeInstancesOutput holds the instances.
type DescribeInstancesOutput struct {
	Reservations []types.Reservation
}

// Client fails every call.
type Client struct{}

var _ DescribeTagsAPIClient = (*Client)(nil)

// NewFromConfig returns a client.
func NewFromConfig(aws.Config, ...func(*Options)) *Client {
	return &Client{}
}

// DescribeTags returns ErrLeftOut.
func (*Client) DescribeTags(context.Context, *DescribeTagsInput, ...func(*Options)) (*DescribeTagsOutput, error) {
	return nil, ErrLeftOut
}

// DescribeInstances returns ErrLeftOut.
func (*Client) DescribeInstances(context.Context, *DescribeInstancesInput, ...func(*Options)) (*DescribeInstancesOutput, error) {
	return nil, ErrLeftOut
}
