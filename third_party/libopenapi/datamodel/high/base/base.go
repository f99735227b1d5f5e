// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package base has the parts of an OpenAPI document that package v3 names.
package base

import (
	"github.com/pb33f/libopenapi/orderedmap"
	"go.yaml.in/yaml/v4"
)

// Info says what an API is.
type Info struct {
	Title       string
	Description string
	Version     string
	Contact     *Contact
}

// Contact says who keeps an API.
type Contact struct {
	Name string
	URL  string
}

// Tag is a heading for operations.
type Tag struct {
	Name        string
	Summary     string
	Description string
}

// Example is a value that an API takes or returns.
type Example struct {
	Summary     string
	Description string
	Value       *yaml.Node
}

// DynamicValue is an A where N is 0, a B where it is 1.
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

// CreateSchemaProxy wraps a schema.
func CreateSchemaProxy(*Schema) *SchemaProxy {
	return &SchemaProxy{}
}

// CreateSchemaProxyRef names a schema.
func CreateSchemaProxyRef(string) *SchemaProxy {
	return &SchemaProxy{}
}
