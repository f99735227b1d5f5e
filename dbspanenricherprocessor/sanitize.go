// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"encoding/json"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/DataDog/datadog-agent/pkg/obfuscate"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

// mayBeCut reports whether the text is as long as one that was cut to max_length.
func (a *analyzer) mayBeCut(text string) bool {
	return a.maxLength > 0 && len(text) > a.maxLength-utf8.UTFMax
}

// read analyzes SQL, and sanitizes it as configured.
func (a *analyzer) read(g grammar, text string) (sqltext.Analysis, string) {
	if a.sanitize == SanitizeNever {
		return sqltext.Analyze(text, g.dialect), text
	}
	analysis, clean := sqltext.AnalyzeAndSanitize(text, g.dialect)
	if a.sanitize == SanitizeAuto && analysis.HasBinds {
		return analysis, text
	}
	return analysis, orPlaceholder(clean)
}

// maxRounds is more rounds of sanitizing and cutting than any text needs.
const maxRounds = 4

// sanitized returns the text to send, sanitized and cut as configured. Cutting can leave
// a quote open, so a cut text is sanitized again until it no longer changes. So a second
// collector on the way does not change it either.
func (a *analyzer) sanitized(g grammar, text string) string {
	for range maxRounds {
		clean := cut(a.clean(g, text), a.maxLength)
		if clean == text {
			break
		}
		text = clean
	}
	return text
}

// clean returns the text sanitized as configured, but not cut.
func (a *analyzer) clean(g grammar, text string) string {
	if a.sanitize == SanitizeNever {
		return text
	}
	switch g.language {
	case dbspan.LanguageSQL:
		_, clean := a.read(g, text)
		return clean
	default:
		return orPlaceholder(a.obfuscate.clean(g.language, text))
	}
}

// orPlaceholder returns a placeholder if sanitizing has left nothing, for example of a
// comment, so that the span still has a statement.
func orPlaceholder(clean string) string {
	if clean == "" {
		return "?"
	}
	return clean
}

// cut shortens the text to at most limit bytes, between characters. 0 is no limit.
func cut(text string, limit int) string {
	if limit == 0 || len(text) <= limit {
		return text
	}
	end := limit
	for end > limit-utf8.UTFMax && end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// obfuscators removes the values from statements that are not SQL. An obfuscator of the
// library has the state of its parser, so it can serve only one call at a time.
type obfuscators struct {
	pool sync.Pool
}

func newObfuscators() *obfuscators {
	return &obfuscators{pool: sync.Pool{New: func() any {
		return obfuscate.NewObfuscator(obfuscate.Config{
			Redis:     obfuscate.RedisConfig{Enabled: true},
			Memcached: obfuscate.MemcachedConfig{Enabled: true, KeepCommand: true},
			Mongo:     obfuscate.JSONConfig{Enabled: true},
			ES:        obfuscate.JSONConfig{Enabled: true},
		})
	}}}
}

// clean removes the values from a statement. The keys of Redis and Memcached stay, and
// so do the names of fields in JSON.
func (o *obfuscators) clean(language dbspan.Language, text string) string {
	switch language {
	case dbspan.LanguageRedis, dbspan.LanguageMemcached:
	case dbspan.LanguageMongo, dbspan.LanguageSearch:
		if !json.Valid([]byte(text)) {
			return cleanUnknown(text)
		}
	default:
		return cleanUnknown(text)
	}
	if language == dbspan.LanguageRedis {
		text = maskRedisSecrets(text, true)
	}
	library := o.pool.Get().(*obfuscate.Obfuscator)
	defer o.pool.Put(library)
	switch language {
	case dbspan.LanguageRedis:
		return library.ObfuscateRedisString(text)
	case dbspan.LanguageMemcached:
		return maskStored(library.ObfuscateMemcachedString(text))
	case dbspan.LanguageMongo:
		return library.ObfuscateMongoDBString(text)
	default:
		return library.ObfuscateElasticSearchString(text)
	}
}

// maskStored replaces the value in a Memcached command that stores one, if the line break
// before the value was lost.
func maskStored(command string) string {
	words := strings.Fields(command)
	if len(words) <= storedWords {
		return command
	}
	switch strings.ToLower(words[0]) {
	case "set", "add", "replace", "append", "prepend", "cas":
		return strings.Join(append(words[:storedWords:storedWords], "?"), " ")
	default:
		return command
	}
}

// storedWords is the number of words of such a command with its key, flags, time and
// length. A number or noreply may follow.
const storedWords = 5

// cleanUnknown removes numbers, and text in single or double quotes, from a text in an
// unknown language. These are MySQL's rules.
func cleanUnknown(text string) string {
	return sqltext.Sanitize(text, sqltext.MySQL)
}
