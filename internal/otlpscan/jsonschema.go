// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

import (
	"strings"
	"sync"
)

// form is the JSON form that pdata's decoder expects of a value. If the value
// has another form, the decoder may lose track of the structure.
type form uint8

const (
	unknown form = iota // a field that pdata skips
	object
	list
	str    // a string or null
	rawStr // a string without escapes
	int32s // an integer, or a string with one; the same for the following forms
	uint32s
	int64s
	uint64s
	float   // a number, or a string with one
	boolean // true or false
)

// slot is the place of a value in JSON: the form of the value, and the kind of
// the object or of the list's elements.
type slot struct {
	form form
	kind kind
}

// objects contains the slots of the fields that hold objects or lists, for each
// kind of object.
var objects = map[kind]map[string]slot{
	jsonRequest: {
		"resourceSpans": {list, resourceSpans}, "resourceMetrics": {list, resourceMetrics}, "resourceLogs": {list, resourceLogs},
		"resourceProfiles": {list, resourceProfiles}, "dictionary": {object, dictionary},
	},
	resourceSpans:    {"resource": {object, resource}, "scopeSpans": {list, scopeSpans}, "deprecatedScopeSpans": {list, scopeSpans}},
	resourceMetrics:  {"resource": {object, resource}, "scopeMetrics": {list, scopeMetrics}, "deprecatedScopeMetrics": {list, scopeMetrics}},
	resourceLogs:     {"resource": {object, resource}, "scopeLogs": {list, scopeLogs}, "deprecatedScopeLogs": {list, scopeLogs}},
	resourceProfiles: {"resource": {object, resource}, "scopeProfiles": {list, scopeProfiles}},

	scopeSpans:    {"scope": {object, scope}, "spans": {list, span}},
	scopeMetrics:  {"scope": {object, scope}, "metrics": {list, metric}},
	scopeLogs:     {"scope": {object, scope}, "logRecords": {list, logRecord}},
	scopeProfiles: {"scope": {object, scope}, "profiles": {list, profile}},

	resource:  {"attributes": {list, keyValue}, "entityRefs": {list, entityRef}},
	entityRef: {"idKeys": {list, text}, "descriptionKeys": {list, text}},
	scope:     {"attributes": {list, keyValue}},

	span:       {"attributes": {list, keyValue}, "events": {list, event}, "links": {list, link}, "status": {object, spanStatus}},
	event:      {"attributes": {list, keyValue}},
	link:       {"attributes": {list, keyValue}},
	spanStatus: {},

	metric: {
		"gauge": {object, gaugeOrSum}, "sum": {object, gaugeOrSum}, "histogram": {object, histogram},
		"exponentialHistogram": {object, exponentialHistogram}, "summary": {object, summary}, "metadata": {list, keyValue},
	},
	gaugeOrSum:           {"dataPoints": {list, numberPoint}},
	histogram:            {"dataPoints": {list, histogramPoint}},
	exponentialHistogram: {"dataPoints": {list, exponentialPoint}},
	summary:              {"dataPoints": {list, summaryPoint}},
	numberPoint:          {"attributes": {list, keyValue}, "exemplars": {list, exemplar}},
	histogramPoint: {
		"attributes": {list, keyValue}, "exemplars": {list, exemplar},
		"bucketCounts": {list, number64}, "explicitBounds": {list, fixed64},
	},
	exponentialPoint: {
		"attributes": {list, keyValue}, "exemplars": {list, exemplar},
		"positive": {object, buckets}, "negative": {object, buckets},
	},
	buckets:      {"bucketCounts": {list, number64}},
	summaryPoint: {"attributes": {list, keyValue}, "quantileValues": {list, quantile}},
	quantile:     {},
	exemplar:     {"filteredAttributes": {list, keyValue}},

	logRecord: {"body": {object, anyValue}, "attributes": {list, keyValue}},

	profile: {
		"sampleType": {object, valueType}, "periodType": {object, valueType}, "samples": {list, sample},
		"attributeIndices": {list, number32},
	},
	valueType: {},
	sample:    {"attributeIndices": {list, number32}, "values": {list, number64}, "timestampsUnixNano": {list, number64}},
	dictionary: {
		"mappingTable": {list, mapping}, "locationTable": {list, location}, "functionTable": {list, function},
		"linkTable": {list, profileLink}, "stringTable": {list, text}, "attributeTable": {list, keyValueAndUnit}, "stackTable": {list, callStack},
	},
	mapping:         {"attributeIndices": {list, number32}},
	location:        {"lines": {list, line}, "attributeIndices": {list, number32}},
	line:            {},
	function:        {},
	profileLink:     {},
	callStack:       {"locationIndices": {list, number32}},
	keyValueAndUnit: {"value": {object, anyValue}},

	keyValue:     {"value": {object, anyValue}},
	anyValue:     {"arrayValue": {object, arrayValue}, "kvlistValue": {object, keyValueList}},
	element:      {"arrayValue": {object, arrayValue}, "kvlistValue": {object, keyValueList}},
	arrayValue:   {"values": {list, element}},
	keyValueList: {"values": {list, keyValue}},
}

// scalarNames are the names of all other fields, in any object. If a field with
// such a name has another form in some object, objects contains it.
var scalarNames = map[form]string{
	str: `schemaUrl name version traceState message description unit severityText eventName key stringValue type
		originalPayloadFormat`,
	rawStr: `traceId spanId parentSpanId bytesValue profileId originalPayload`,
	int32s: `kind code severityNumber scale offset aggregationTemporality keyStrindex unitStrindex typeStrindex filenameStrindex
		nameStrindex systemNameStrindex stringValueStrindex stackIndex linkIndex mappingIndex functionIndex`,
	uint32s: `droppedAttributesCount droppedEventsCount droppedLinksCount flags`,
	int64s:  `asInt intValue startLine line column period`,
	uint64s: `startTimeUnixNano endTimeUnixNano timeUnixNano observedTimeUnixNano durationNano count zeroCount memoryStart
		memoryLimit fileOffset address`,
	float:   `sum min max zeroThreshold asDouble doubleValue quantile value`,
	boolean: `isMonotonic boolValue`,
}

// jsonFields combines both tables, and adds the names in snake_case, which
// pdata accepts too. Only JSON needs them, and they take a while to create.
var jsonFields = sync.OnceValue(func() *[kinds]map[string]slot {
	var all [kinds]map[string]slot
	for k, fields := range objects {
		all[k] = map[string]slot{}
		for form, names := range scalarNames {
			for name := range strings.FieldsSeq(names) {
				all[k][name] = slot{form: form}
				all[k][snakeCase(name)] = slot{form: form}
			}
		}
		for name, field := range fields {
			all[k][name] = field
			all[k][snakeCase(name)] = field
		}
	}
	return &all
})

// element returns the place of a list's elements.
func (s slot) element() slot {
	switch s.kind {
	case opaque:
		return slot{}
	case text:
		return slot{str, text}
	case number32:
		return slot{int32s, number32}
	case number64:
		return slot{int64s, number64}
	case fixed64:
		return slot{float, fixed64}
	default:
		return slot{object, s.kind}
	}
}

func snakeCase(name string) string {
	var b strings.Builder
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
