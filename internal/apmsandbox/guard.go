// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apmsandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// maxValueDepth bounds the nesting of attribute values. pdata decodes them
	// by recursion without a bound of its own, and a Go stack that overflows
	// ends the process.
	maxValueDepth = 100
	// maxMessages bounds the messages inside one upload: an empty span takes
	// two bytes on the wire and some 250 in memory.
	maxMessages = 2 << 20
)

var (
	errTooDeep         = fmt.Errorf("attribute values are nested more than %d deep", maxValueDepth)
	errTooManyMessages = fmt.Errorf("more than %d messages in one upload", maxMessages)
	errNotAMessage     = errors.New("the body is not a protobuf message")
	errNotJSON         = errors.New("the body is not a JSON object")
)

// message says at the number of each field whether messages with attributes in
// them can stand there; the rest cannot nest. Numbers are those of
// opentelemetry-proto 1.x.
type message [16]*message

var (
	traceRequest  = exportRequest(&message{9: keyValue, 11: {3: keyValue}, 13: {4: keyValue}})
	logsRequest   = exportRequest(&message{5: anyValue, 6: keyValue})
	metricRequest = exportRequest(&message{
		5:  {1: {7: keyValue, 5: exemplar}},
		7:  {1: {7: keyValue, 5: exemplar}},
		9:  {1: {9: keyValue, 8: exemplar}},
		10: {1: {1: keyValue, 11: exemplar}},
		11: {1: {7: keyValue}},
		12: keyValue,
	})

	exemplar = &message{7: keyValue}
	keyValue = &message{2: anyValue}
	anyValue = func() *message {
		value := &message{}
		value[5] = &message{1: value}      // array_value
		value[6] = &message{1: {2: value}} // kvlist_value
		return value
	}()
)

func exportRequest(item *message) *message {
	return &message{1: {1: {1: keyValue}, 2: {1: {3: keyValue}, 2: item}}}
}

// guardProto returns an error if body is not protobuf, nests attribute values
// too deep, or holds too many messages to be decoded safely.
func guardProto(signal Signal, body []byte) error {
	root := map[Signal]*message{SignalTraces: traceRequest, SignalMetrics: metricRequest, SignalLogs: logsRequest}[signal]
	// Between the request and an attribute's value lie fewer than ten levels;
	// an array or a list adds two or three.
	budget := maxMessages
	return guardMessage(root, body, 10+3*maxValueDepth, &budget)
}

func guardMessage(m *message, body []byte, depth int, budget *int) error {
	if depth == 0 {
		return errTooDeep
	}
	*budget--
	if *budget < 0 {
		return errTooManyMessages
	}
	for len(body) > 0 {
		number, wireType, n := protowire.ConsumeTag(body)
		if n < 0 {
			return errNotAMessage
		}
		body = body[n:]
		if wireType != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(number, wireType, body); n < 0 {
				return errNotAMessage
			}
			body = body[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(body)
		if n < 0 {
			return errNotAMessage
		}
		body = body[n:]
		if int(number) >= len(m) || m[number] == nil {
			continue
		}
		if err := guardMessage(m[number], value, depth-1, budget); err != nil {
			return err
		}
	}
	return nil
}

// guardJSON is guardProto for JSON. It also finds what pdata lets pass: text
// after the object, and a value that is no object.
func guardJSON(body []byte) error {
	// Valid refuses more than 10,000 levels, which is what keeps the recursion
	// of the decoder small.
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) || !json.Valid(body) {
		return errNotJSON
	}
	if bytes.Count(body, []byte("{")) > maxMessages {
		return errTooManyMessages
	}
	return nil
}
