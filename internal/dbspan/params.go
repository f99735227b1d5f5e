// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan // import "github.com/ociapm/otelcol-ociapm/internal/dbspan"

import (
	"net/url"
	"strings"
)

// databaseParam returns the database among the parameters of a URL, or "".
func databaseParam(params string) string {
	return anyParam(params, "databasename", "database", "dbname", "service_name", "servicename", "sid", "db")
}

// anyParam returns the first of these parameters that a URL has, or "".
func anyParam(params string, names ...string) string {
	for _, name := range names {
		if value := param(params, name); value != "" {
			return value
		}
	}
	return ""
}

// param returns the parameter with this name in ?a=b&c=d or ;a=b;c=d, or "". It ignores
// the case of names.
func param(params, name string) string {
	separator := byte('&')
	if strings.HasPrefix(params, ";") {
		separator = ';'
	}
	for params != "" {
		var part string
		part, params = cutParam(params[1:], separator)
		key, value, ok := strings.Cut(part, "=")
		if !ok || !strings.EqualFold(strings.TrimSpace(key), name) {
			continue
		}
		if inner, found := strings.CutPrefix(value, "{"); found {
			return strings.TrimSuffix(inner, "}")
		}
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		return strings.TrimSpace(value)
	}
	return ""
}

// cutParam cuts the first parameter from text; rest begins with the separator. SQL
// Server's driver puts a value with separators into braces, where a "}" is doubled.
func cutParam(text string, separator byte) (part, rest string) {
	end := strings.IndexByte(text, separator)
	if end < 0 {
		return text, ""
	}
	if i := strings.IndexByte(text[:end], '='); i < 0 || text[i+1] != '{' {
		return text[:end], text[end:]
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] != '}':
		case i+1 < len(text) && text[i+1] == '}':
			i++
		default:
			part, rest = text[:i+1], text[i+1:]
			return part, rest[max(strings.IndexByte(rest, separator), 0):]
		}
	}
	return "", "" // never closed: it may contain anything, even a password
}
