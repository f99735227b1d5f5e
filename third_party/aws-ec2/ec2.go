// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package ec2 takes the place of the AWS SDK's package of that name, which
// would be a fifth of the collector: 700 calls, of which resource_detection
// makes two, to read the tags of an EC2 instance and the cluster of an EKS
// node. Here both say that they are not part of this distribution, which is for
// machines of OCI. The detectors report that as a warning; everything else that
// they find, tags_from_imds included, comes from the instance's metadata
// service and not from here.
//
// It declares what the resource_detection processor of contrib compiles
// against, and nothing more.
package ec2

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// ErrLeftOut is what every call returns.
var ErrLeftOut = errors.New("otelcol-ociapm is built without the client of the EC2 API: set tags_from_imds, or use a collector for AWS")

// Options are the options of one call.
type Options struct {
	Region string
}

// DescribeTagsAPIClient reads tags.
type DescribeTagsAPIClient interface {
	DescribeTags(context.Context, *DescribeTagsInput, ...func(*Options)) (*DescribeTagsOutput, error)
}

// DescribeTagsInput says which tags.
type DescribeTagsInput struct {
	Filters []types.Filter
}

// DescribeTagsOutput has the tags.
type DescribeTagsOutput struct {
	Tags []types.TagDescription
}

// DescribeInstancesInput says which instances.
type DescribeInstancesInput struct {
	InstanceIds []string
}

// DescribeInstancesOutput has the instances.
type DescribeInstancesOutput struct {
	Reservations []types.Reservation
}

// Client refuses every call.
type Client struct{}

var _ DescribeTagsAPIClient = (*Client)(nil)

// NewFromConfig makes a client.
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
