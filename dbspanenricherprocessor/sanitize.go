// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"encoding/json"
	"sync"
	"unicode/utf8"

	"github.com/DataDog/datadog-agent/pkg/obfuscate"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

// mayBeCut tells whether the text is as long as max_length leaves it.
func (a *analyzer) mayBeCut(text string) bool {
	return a.maxLength > 0 && len(text) > a.maxLength-utf8.UTFMax
}

// read analyzes SQL and sanitizes it if the configuration wants it.
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

// maxRounds is more rounds than any text needs to come to rest.
const maxRounds = 4

// sanitized gives the text the form in which it leaves. What is cut from sanitized
// text may look different from what it was, a quote that stays open for one; it
// is sanitized again, so that a second collector on the way changes nothing.
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

// clean sanitizes the text if the configuration wants it.
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

// orPlaceholder stands for a text of which sanitizing left nothing, such as a
// comment: that there was a statement is no secret.
func orPlaceholder(clean string) string {
	if clean == "" {
		return "?"
	}
	return clean
}

// cut shortens text to a number of bytes, between characters. 0 is no limit.
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

// obfuscators takes the values out of statements that are not SQL. Each of the
// library's obfuscators serves one call at a time: they keep the state of their
// parsers.
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

// clean takes the values out of a statement. Keys stay: those of Redis and
// Memcached, and the names of fields in JSON.
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
	library := o.pool.Get().(*obfuscate.Obfuscator)
	defer o.pool.Put(library)
	switch language {
	case dbspan.LanguageRedis:
		return library.ObfuscateRedisString(text)
	case dbspan.LanguageMemcached:
		return library.ObfuscateMemcachedString(text)
	case dbspan.LanguageMongo:
		return library.ObfuscateMongoDBString(text)
	default:
		return library.ObfuscateElasticSearchString(text)
	}
}

// cleanUnknown takes numbers and everything in quotes of either kind out of a
// text in a language that is not known. MySQL's rules are those.
func cleanUnknown(text string) string {
	return sqltext.Sanitize(text, sqltext.MySQL)
}
