// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package v3 replaces a library for OpenAPI documents. Prometheus uses it to
// describe the API that the prometheus receiver offers with api_server, in a
// document that no part of the collector reads. Here that document is empty;
// the API itself is not affected.
//
// It declares only what Prometheus needs to compile.
package v3

import (
	"github.com/pb33f/libopenapi/datamodel/high/base"
	"github.com/pb33f/libopenapi/orderedmap"
)

// Document describes an API.
type Document struct {
	Version    string
	Info       *base.Info
	Servers    []*Server
	Tags       []*base.Tag
	Paths      *Paths
	Components *Components
}

// Render returns an empty document.
func (*Document) Render() ([]byte, error) {
	return []byte("{}\n"), nil
}

// Server is the address of an API.
type Server struct {
	URL string
}

// Paths are all paths of an API.
type Paths struct {
	PathItems *orderedmap.Map[string, *PathItem]
}

// PathItem holds the operations of a path.
type PathItem struct {
	Get    *Operation
	Put    *Operation
	Post   *Operation
	Delete *Operation
}

// Operation is one method of a path.
type Operation struct {
	OperationId string //nolint:revive // the library's name
	Summary     string
	Description string
	Tags        []string
	Parameters  []*Parameter
	RequestBody *RequestBody
	Responses   *Responses
}

// Parameter is an argument in the URL.
type Parameter struct {
	Name        string
	In          string
	Description string
	Required    *bool
	Explode     *bool
	Schema      *base.SchemaProxy
	Examples    *orderedmap.Map[string, *base.Example]
}

// RequestBody is the body of a request.
type RequestBody struct {
	Description string
	Required    *bool
	Content     *orderedmap.Map[string, *MediaType]
}

// MediaType is a format of a body.
type MediaType struct {
	Schema     *base.SchemaProxy
	ItemSchema *base.SchemaProxy
	Examples   *orderedmap.Map[string, *base.Example]
}

// Responses are the responses of an operation, by status code.
type Responses struct {
	Codes *orderedmap.Map[string, *Response]
}

// Response is a response.
type Response struct {
	Description string
	Content     *orderedmap.Map[string, *MediaType]
}

// Components are the parts that a document references.
type Components struct {
	Schemas *orderedmap.Map[string, *base.SchemaProxy]
}
