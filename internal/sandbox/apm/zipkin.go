// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/translator/zipkin/zipkinv2"
)

// The query of an upload in Zipkin's format, as Oracle's documentation has it:
// https://docs.oracle.com/iaas/application-performance-monitoring/doc/configure-open-source-tracing-systems.html
const (
	formatParameter  = "dataFormat"
	versionParameter = "dataFormatVersion"
	keyParameter     = "dataKey"
)

var errNotArray = errors.New("the body is not a JSON array")

// checkFormat returns the problem of an upload whose query names another format
// than Zipkin's version 2. It quotes nothing of the query, which contains a key.
func checkFormat(query url.Values) *problem {
	switch query.Get(formatParameter) {
	case "zipkin":
	case "apm":
		return &problem{
			status: http.StatusUnsupportedMediaType, reason: "format",
			message: "dataFormat=apm is the format of Oracle's own agents, which only OCI APM can read; the sandbox accepts dataFormat=zipkin",
		}
	default:
		return &problem{
			status: http.StatusUnsupportedMediaType, reason: "format",
			message: "the query must have dataFormat=zipkin; OTLP goes to " + TracesPath,
		}
	}
	if query.Get(versionParameter) != "2" {
		return badRequest("format", "the query must have dataFormatVersion=2, the JSON format of Zipkin's API v2")
	}
	return nil
}

// classifyQuery returns the kind of the data key in a query. The problem is nil if
// and only if the kind is private or public.
func (k *keyring) classifyQuery(query url.Values) (KeyKind, *problem) {
	switch keys := query[keyParameter]; {
	case len(keys) == 1 && keys[0] != "":
		return k.kindOf(keys[0])
	case len(keys) > 1:
		return KeyNone, &problem{status: http.StatusUnauthorized, reason: "key_malformed", message: "the query has more than one dataKey"}
	default:
		return KeyNone, &problem{
			status: http.StatusUnauthorized, reason: "key_missing",
			message: "no dataKey in the query: this path accepts the key as dataKey=<your data key> only",
		}
	}
}

// allowOrigins lets pages of every origin read the answer, and reports whether the
// request was a preflight, which it has then answered. APM's browser agent uploads
// from pages of other origins.
func allowOrigins(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Origin") == "" {
		return false
	}
	header := w.Header()
	header.Set("Access-Control-Allow-Origin", "*")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	header.Set("Access-Control-Allow-Methods", http.MethodPost)
	header.Set("Access-Control-Allow-Headers", "authorization, content-type")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// decodeZipkin decodes spans in Zipkin's format. IDs of 64 bits are padded with
// zeros, so that they match the same IDs in B3 headers.
func decodeZipkin(body []byte, keys *keyring) (batch, *problem) {
	b := batch{signal: SignalTraces, zipkin: true}
	err := guardZipkin(body)
	if err == nil {
		b.traces, err = zipkinv2.NewJSONTracesUnmarshaler(false).UnmarshalTraces(body)
	}
	switch {
	case errors.Is(err, errTooManyMessages):
		return batch{}, &problem{status: http.StatusRequestEntityTooLarge, reason: "too_large", message: err.Error() + ": send smaller batches"}
	case err != nil:
		return batch{}, badRequest("body", "the body is not an array of Zipkin v2 spans: "+keys.redact(err.Error()))
	}
	b.items = b.traces.SpanCount()
	return b, nil
}

// guardZipkin is guardJSON for Zipkin's array of spans.
func guardZipkin(body []byte) error {
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) || !json.Valid(body) {
		return errNotArray
	}
	if bytes.Count(body, []byte("{")) > maxMessages {
		return errTooManyMessages
	}
	return nil
}
