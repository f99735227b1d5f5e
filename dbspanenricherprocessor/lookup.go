// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspanenricherprocessor // import "github.com/ociapm/otelcol-ociapm/dbspanenricherprocessor"

import (
	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
	"github.com/ociapm/otelcol-ociapm/internal/sqltext"
)

// noStatement is the analysis of a span without a statement.
var noStatement = &statement{}

// statement returns the analysis of a text, from the cache if possible.
func (e *enricher) statement(g grammar, text string, n *counts) *statement {
	key := cacheKey{grammar: g, text: text}
	if s, ok := e.cache.get(key); ok {
		n.hits++
		return s
	}
	if e.cache.off() || g.language != dbspan.LanguageSQL || e.analyzer.maxLength > 0 {
		return e.analyze(key, n)
	}
	// Statements that differ only in their values share an analysis. The statement with
	// its values is added to the cache only on its second appearance.
	var space [1024]byte
	buf, ok := sqltext.AppendShape(space[:0], text, g.dialect)
	if !ok {
		return e.analyze(key, n)
	}
	shape := cacheKey{grammar: g, text: string(buf), shape: true}
	if common, ok := e.cache.get(shape); ok {
		n.hits++
		s := common.withText(text, e.analyzer.driver)
		if e.cache.cameBefore(key) {
			e.cache.put(key, s)
		}
		return s
	}
	n.misses++
	s := e.analyzer.analyze(g, text)
	if s.shaped {
		e.cache.put(shape, s.shape())
		e.cache.cameBefore(key)
	} else {
		e.cache.put(key, s)
	}
	return s
}

// analyze analyzes a statement that the cache does not have, and adds it.
func (e *enricher) analyze(key cacheKey, n *counts) *statement {
	n.misses++
	s := e.analyzer.analyze(key.grammar, key.text)
	e.cache.put(key, s)
	return s
}
