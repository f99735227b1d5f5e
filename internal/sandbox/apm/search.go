// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/ociapm/otelcol-ociapm/internal/dbspan"
)

// generations lists the names that one attribute has in the generations of the semantic
// conventions, and in APM. Source: the "deprecated" pages of the attribute registry of
// semantic-conventions, and internal/dbspan.
var generations = [][]string{
	{dbspan.AttrSystem, dbspan.AttrSystemName},
	{dbspan.AttrName, dbspan.AttrNamespace, dbspan.AttrInstance, dbspan.AttrRedisIndex},
	{dbspan.AttrStatement, dbspan.AttrQueryText, dbspan.AttrAPMStatement, dbspan.AttrOriginalSQLText, dbspan.AttrJDBCQuery},
	{dbspan.AttrOperation, dbspan.AttrOperationName, dbspan.AttrOracleOperation},
	{dbspan.AttrSQLTable, dbspan.AttrCollectionName, dbspan.AttrMongoCollection, dbspan.AttrCassandraTable, dbspan.AttrCosmosContainer},
	{dbspan.AttrAPMOracleSQLID, dbspan.AttrOracleSQLID, dbspan.AttrJDBCSQLID, dbspan.AttrODPSQLID},
	{dbspan.AttrNetPeerName, dbspan.AttrServerAddress},
	{dbspan.AttrNetPeerPort, dbspan.AttrServerPort},
	{dbspan.AttrSockPeerAddr, dbspan.AttrPeerAddress, dbspan.AttrPeerIP},
	{dbspan.AttrSockPeerPort, dbspan.AttrPeerPort},
	{"http.method", "http.request.method"},
	{"http.status_code", "http.response.status_code"},
	{"http.target", "url.path"},
	{"http.url", "url.full"},
	{"http.scheme", "url.scheme"},
	{"http.client_ip", "client.address"},
	{"http.user_agent", "user_agent.original"},
	{"rpc.system", "rpc.system.name"},
	{"messaging.destination", "messaging.destination.name"},
	{"messaging.operation", "messaging.operation.type"},
	{"deployment.environment", "deployment.environment.name"},
}

// attributeFilter matches an attribute of a span or of its resource: any value,
// an exact value, or a part of one.
type attributeFilter struct {
	// names are the names of the attribute in all generations of the conventions.
	names   []string
	value   string
	compare byte // 0, '=' or '~'
}

// parseAttributeFilter parses name, name=value or name~part.
func parseAttributeFilter(text string) (attributeFilter, bool) {
	f := attributeFilter{}
	name := text
	if at := strings.IndexAny(text, "=~"); at >= 0 {
		name, f.compare, f.value = text[:at], text[at], text[at+1:]
	}
	name = strings.TrimSpace(name)
	f.names = []string{name}
	for _, names := range generations {
		if containsName(names, name) {
			f.names = names
		}
	}
	return f, name != ""
}

// containsName reports whether name is one of names. As in APM's queries, names are not
// case-sensitive.
func containsName(names []string, name string) bool {
	for _, other := range names {
		if len(other) == len(name) && strings.EqualFold(other, name) {
			return true
		}
	}
	return false
}

// matches reports whether the span or the resource has the attribute.
func (f attributeFilter) matches(span, resource pcommon.Map) bool {
	for _, attributes := range [...]pcommon.Map{span, resource} {
		for name, value := range attributes.All() {
			if containsName(f.names, name) && f.matchesValue(name, value) {
				return true
			}
		}
	}
	return false
}

func (f attributeFilter) matchesValue(name string, value pcommon.Value) bool {
	switch f.compare {
	case '=':
		text := value.AsString()
		if text == f.value {
			return true
		}
		// The generations have different values for a database system, too.
		if !strings.EqualFold(name, dbspan.AttrSystem) && !strings.EqualFold(name, dbspan.AttrSystemName) {
			return false
		}
		system, ok := dbspan.LookupSystem(text)
		return ok && (f.value == system.Legacy || f.value == system.Stable)
	case '~':
		return containsFold(value.AsString(), f.value)
	}
	return true
}

// textFilter matches spans by an id, or by a part of a name or of a value.
type textFilter struct {
	text string
	// resources remembers which resources have the text, since many spans share one.
	resources map[pcommon.Resource]bool
}

func newTextFilter(text string) *textFilter {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil
	}
	return &textFilter{text: text, resources: map[pcommon.Resource]bool{}}
}

// matches reports whether the text is the id of the span or of its trace, or a part of
// the span's name, of its status message, or of a value of an attribute of the span,
// its events or its resource. Upper and lower case are the same.
func (f *textFilter) matches(s storedSpan) bool {
	span := s.span
	if containsFold(span.Name(), f.text) || containsFold(span.Status().Message(), f.text) || f.inValues(span.Attributes()) {
		return true
	}
	for _, event := range span.Events().All() {
		if f.inValues(event.Attributes()) {
			return true
		}
	}
	switch len(f.text) {
	case 2 * len(pcommon.TraceID{}):
		if strings.EqualFold(span.TraceID().String(), f.text) {
			return true
		}
	case 2 * len(pcommon.SpanID{}):
		if strings.EqualFold(span.SpanID().String(), f.text) {
			return true
		}
	}
	found, known := f.resources[s.resource]
	if !known {
		found = f.inValues(s.resource.Attributes())
		f.resources[s.resource] = found
	}
	return found
}

func (f *textFilter) inValues(attributes pcommon.Map) bool {
	for _, value := range attributes.All() {
		if containsFold(value.AsString(), f.text) {
			return true
		}
	}
	return false
}

// containsFold reports whether text contains part, if upper and lower case are the same.
// It does not copy the text.
func containsFold(text, part string) bool {
	if part == "" {
		return true
	}
	first := part[0]
	lower, upper := first, first
	switch {
	case first >= 'a' && first <= 'z':
		upper -= 'a' - 'A'
	case first >= 'A' && first <= 'Z':
		lower += 'a' - 'A'
	case first >= 0x80: // not ASCII: a letter's cases may begin differently
		return strings.Contains(strings.ToLower(text), strings.ToLower(part))
	}
	for i := 0; i+len(part) <= len(text); i++ {
		if (text[i] == lower || text[i] == upper) && strings.EqualFold(text[i:i+len(part)], part) {
			return true
		}
	}
	return false
}
