// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ociapm/otelcol-ociapm/internal/otlpscan"
)

const (
	// maxValueDepth limits the nesting of attribute values, which pdata does
	// not limit.
	maxValueDepth = 100
	// maxMessages limits the messages in one upload: an empty span takes two
	// bytes on the wire and some 250 in memory.
	maxMessages = 2 << 20
)

var (
	errTooDeep         = fmt.Errorf("attribute values are nested more than %d deep", maxValueDepth)
	errTooManyMessages = fmt.Errorf("more than %d messages in one upload", maxMessages)
	errNotJSON         = errors.New("the body is not a JSON object")
)

var signalNumbers = map[Signal]otlpscan.Signal{
	SignalTraces: otlpscan.Traces, SignalMetrics: otlpscan.Metrics, SignalLogs: otlpscan.Logs,
}

// guardProto returns an error if body nests attribute values too deeply or
// holds too many messages to be decoded safely.
func guardProto(signal Signal, body []byte) error {
	scanner := otlpscan.NewProtoScanner(signalNumbers[signal], otlpscan.Limits{Depth: maxValueDepth, Messages: maxMessages})
	switch scanner.Scan(body) {
	case otlpscan.TooDeep:
		return errTooDeep
	case otlpscan.TooManyMessages:
		return errTooManyMessages
	default:
		return nil
	}
}

// guardJSON is guardProto for JSON. It also detects what pdata accepts: text
// after the object, and a value that is not an object.
func guardJSON(body []byte) error {
	// Valid rejects more than 10,000 levels, which limits the recursion of the
	// decoder.
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) || !json.Valid(body) {
		return errNotJSON
	}
	if bytes.Count(body, []byte("{")) > maxMessages {
		return errTooManyMessages
	}
	return nil
}
