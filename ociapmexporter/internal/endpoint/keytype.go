// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package endpoint // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"

import (
	"fmt"
	"strconv"
	"strings"
)

// DataKeyType is the type of an APM domain's data key. It chooses the upload
// path for traces.
type DataKeyType string

const (
	// DataKeyTypeUnset uploads traces to /20200101/opentelemetry/v1/traces,
	// which accepts a private key.
	DataKeyTypeUnset DataKeyType = ""
	// DataKeyTypePrivate uploads traces to
	// /20200101/opentelemetry/private/v1/traces.
	DataKeyTypePrivate DataKeyType = "private"
	// DataKeyTypePublic uploads traces to
	// /20200101/opentelemetry/public/v1/traces. APM accepts neither metrics nor
	// logs with a public key.
	DataKeyTypePublic DataKeyType = "public"
)

// Check returns an error for an unknown type. It says what to write instead. The name is
// not Validate, since the collector calls Validate itself for each field.
func (t DataKeyType) Check() error {
	switch t {
	case DataKeyTypeUnset, DataKeyTypePrivate, DataKeyTypePublic:
		return nil
	}
	return fmt.Errorf("data_key_type: %s is not a type of data key; write private or public, or leave it out", quotedWord(string(t)))
}

// quotedWord returns a value for an error message if it looks like a mistyped word, and
// not like a key.
func quotedWord(value string) string {
	if len(value) <= 16 && !strings.ContainsFunc(value, func(r rune) bool { return (r < 'a' || r > 'z') && r != '_' && r != '-' }) {
		return strconv.Quote(value)
	}
	return "the value"
}
