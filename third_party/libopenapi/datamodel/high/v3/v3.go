// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package v3 takes the place of a library for OpenAPI documents. The API that
// the prometheus receiver offers when its api_server is on describes itself
// with it, in one document that no part of the collector reads. Here that
// document is empty; the API is not changed by it.
//
// It declares what Prometheus compiles against, and nothing more.
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

// Render returns the document that says nothing.
func (*Document) Render() ([]byte, error) {
	return []byte("{}\n"), nil
}

// Server says where an API is.
type Server struct {
	URL string
}

// Paths are all paths of an API.
type Paths struct {
	PathItems *orderedmap.Map[string, *PathItem]
}

// PathItem is what one path offers.
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

// RequestBody is what an operation takes.
type RequestBody struct {
	Description string
	Required    *bool
	Content     *orderedmap.Map[string, *MediaType]
}

// MediaType is a form of a body.
type MediaType struct {
	Schema     *base.SchemaProxy
	ItemSchema *base.SchemaProxy
	Examples   *orderedmap.Map[string, *base.Example]
}

// Responses are the answers of an operation by status code.
type Responses struct {
	Codes *orderedmap.Map[string, *Response]
}

// Response is an answer.
type Response struct {
	Description string
	Content     *orderedmap.Map[string, *MediaType]
}

// Components are what a document refers to.
type Components struct {
	Schemas *orderedmap.Map[string, *base.SchemaProxy]
}
