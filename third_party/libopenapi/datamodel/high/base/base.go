// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package base declares the parts of an OpenAPI document that package v3 uses.
package base

import (
	"github.com/pb33f/libopenapi/orderedmap"
	"go.yaml.in/yaml/v4"
)

// Info describes an API.
type Info struct {
	Title       string
	Description string
	Version     string
	Contact     *Contact
}

// Contact is the contact for an API.
type Contact struct {
	Name string
	URL  string
}

// Tag is a group of operations.
type Tag struct {
	Name        string
	Summary     string
	Description string
}

// Example is an example of a value in a request or response.
type Example struct {
	Summary     string
	Description string
	Value       *yaml.Node
}

// DynamicValue is an A if N is 0, and a B if N is 1.
type DynamicValue[A, B any] struct {
	N int
	A A
	B B
}

// Schema is the type of a value.
type Schema struct {
	Type                 []string
	Format               string
	Description          string
	Title                string
	ContentMediaType     string
	ContentSchema        *SchemaProxy
	Enum                 []*yaml.Node
	Example              *yaml.Node
	Default              *yaml.Node
	Minimum              *float64
	MinItems             *int64
	MaxItems             *int64
	OneOf                []*SchemaProxy
	AnyOf                []*SchemaProxy
	Items                *DynamicValue[*SchemaProxy, bool]
	AdditionalProperties *DynamicValue[*SchemaProxy, bool]
	Properties           *orderedmap.Map[string, *SchemaProxy]
	Required             []string
}

// SchemaProxy is a schema or a reference to one.
type SchemaProxy struct{}

// CreateSchemaProxy returns a proxy for a schema.
func CreateSchemaProxy(*Schema) *SchemaProxy {
	return &SchemaProxy{}
}

// CreateSchemaProxyRef returns a proxy for a reference to a schema.
func CreateSchemaProxyRef(string) *SchemaProxy {
	return &SchemaProxy{}
}
