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
		// Redis ignores case, and so should counts by operation. An operation that the
		// application sent is not changed.
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

// maskRedisSecrets removes passwords from commands. It replaces everything after a word
// that a password follows, such as AUTH in "HELLO 3 AUTH user password", up to the end of
// the command. The library that removes values from commands handles only the command
// AUTH.
func maskRedisSecrets(text string) string {
	var out strings.Builder
	for text != "" {
		end, next := redisCommandEnd(text)
		command := text[:end]
		if cut := redisSecret(command); cut >= 0 {
			command = command[:cut] + " ?"
		}
		out.WriteString(command)
		out.WriteString(text[end:next])
		text = text[next:]
	}
	return out.String()
}

// redisCommandEnd returns where the first command of a pipeline ends, and where the next
// one begins. A line break in quotes belongs to an argument.
func redisCommandEnd(text string) (end, next int) {
	quoted := false
	for i := range len(text) {
		switch text[i] {
		case '"':
			if i == 0 || text[i-1] != '\\' {
				quoted = !quoted
			}
		case '\n':
			if !quoted {
				return i, i + 1
			}
		}
	}
	return len(text), len(text)
}

// redisSecret returns the offset from which the command has a secret, or values that the
// library does not remove. It returns -1 if there are none.
func redisSecret(command string) int {
	first, verb, keep := true, "", -1
	for i := 0; i < len(command); {
		for i < len(command) && strings.IndexByte(redisBlanks, command[i]) >= 0 {
			first = first || command[i] == ';' // instrumentations join commands with it
			i++
		}
		start := i
		for i < len(command) && strings.IndexByte(redisBlanks, command[i]) < 0 {
			i++
		}
		word := strings.ToUpper(command[start:min(i, start+maxCommand)])
		if first {
			first, verb, keep = false, word, -1
			if n, ok := redisValueCommands[word]; ok {
				keep = n
			}
		} else if keep > 0 {
			keep--
		}
		_, secret := redisSecretWords[word]
		if keep == 0 || secret || word == "SET" && (verb == "CONFIG" || verb == "SENTINEL") {
			if strings.Trim(command[i:], redisBlanks+"?") == "" {
				return -1 // nothing follows, or only the replacement
			}
			return i
		}
	}
	return -1
}

// redisBlanks has the characters that separate the words of a command, including a
// command as a JSON list, and joined commands.
const redisBlanks = " \t\r\n;,[]\"'"

// redisSecretWords has the words within commands that a password follows. Source: the
// commands of Redis 8 and Valkey 8, and their settings.
var redisSecretWords = map[string]struct{}{
	"AUTH": {}, "AUTH2": {}, "SETUSER": {}, "REQUIREPASS": {}, "MASTERAUTH": {}, "MASTERUSER": {}, "PRIMARYAUTH": {}, "PRIMARYUSER": {},
	"AUTH-PASS": {}, "AUTH-USER": {}, "SENTINEL-PASS": {}, "SENTINEL-USER": {}, "TLS-KEY-FILE-PASS": {}, "TLS-CLIENT-KEY-FILE-PASS": {},
}

// redisValueCommands has the commands with values or passwords that the library does not
// remove, each with the number of arguments before the first such value.
var redisValueCommands = map[string]int{
	"HELLO": 0, "MIGRATE": 0, "EVAL": 0, "EVAL_RO": 0, "EVALSHA": 0, "EVALSHA_RO": 0, "ECHO": 0, "PING": 0, "FCALL": 1, "FCALL_RO": 1, "FUNCTION": 1,
	"SCRIPT": 1, "ACL": 1, "MODULE": 1, "PUBLISH": 1, "SPUBLISH": 1, "XADD": 1, "PFADD": 1, "SMISMEMBER": 1, "LPOS": 1, "ZMSCORE": 1,
	"BF.ADD": 1, "BF.MADD": 1, "CF.ADD": 1, "TS.ADD": 1, "JSON.SET": 2, "JSON.MSET": 0, "JSON.ARRAPPEND": 2, "JSON.STRAPPEND": 2, "JSON.MERGE": 2,
	"FT.SEARCH": 1, "FT.AGGREGATE": 1, "HSETEX": 1, "MSETEX": 0,
}
