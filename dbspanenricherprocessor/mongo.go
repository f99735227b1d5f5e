// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"encoding/json"
	"strings"
)

// analyzeMongo analyzes a command of MongoDB. Its first key is the command, and the
// value of that key is the collection.
func analyzeMongo(text string, mayBeCut bool) *statement {
	s := &statement{}
	trimmed := strings.TrimLeft(text, " \t\r\n")
	if !strings.HasPrefix(trimmed, "{") {
		// Python's instrumentation sends the command's name and its argument.
		name, rest, _ := strings.Cut(trimmed, " ")
		if !mayBeCut && rest == "" || strings.HasPrefix(rest, "{") || strings.HasPrefix(rest, "[") || name == "getMore" {
			s.operation = firstWord(name)
		}
		return s
	}
	decoder := json.NewDecoder(strings.NewReader(trimmed))
	tokens := [3]json.Token{}
	for i := range tokens {
		token, err := decoder.Token()
		if err != nil {
			return s
		}
		tokens[i] = token
	}
	name, _ := tokens[1].(string)
	if name = firstWord(name); name == "" || strings.HasPrefix(name, "$") {
		return s
	}
	if collection, ok := tokens[2].(string); ok && collection != "?" {
		s.operation, s.collection = name, collection
		s.summary = name + " " + collection
	}
	return s
}
