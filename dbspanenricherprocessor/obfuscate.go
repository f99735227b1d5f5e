// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"encoding/json"
	"sync"

	"github.com/DataDog/datadog-agent/pkg/obfuscate"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

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
