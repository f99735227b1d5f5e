// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"strings"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// analyzeCommand analyzes a command of Redis or Memcached.
func analyzeCommand(language dbspan.Language, text string) *statement {
	operation, pipeline := firstWord(text), ""
	if language == dbspan.LanguageRedis {
		// Redis ignores case, and counts by operation should, too. An operation that
		// the application sends stays as it is.
		operation = strings.ToUpper(operation)
		pipeline = pipelineOf(operation, text)
	}
	return &statement{operation: operation, summary: operation, pipeline: pipeline, unparsed: operation == ""}
}

// pipelineOf returns the name of a pipeline, which has one command a line, or "" if
// the text is a single command. Source: semantic conventions for Redis,
// db.operation.name.
func pipelineOf(operation, text string) string {
	commands := 0
	for line := range strings.Lines(text) {
		next := firstWord(line)
		if next == "" {
			continue
		}
		commands++
		if !strings.EqualFold(next, operation) {
			operation = ""
		}
	}
	switch {
	case commands < 2:
		return ""
	case operation == "":
		return "PIPELINE"
	default:
		return "PIPELINE " + operation
	}
}
