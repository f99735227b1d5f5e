// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpscan

// Signal is the signal of an export request.
type Signal uint8

// The signals of OTLP.
const (
	Traces Signal = iota
	Metrics
	Logs
	Profiles
)

// Signals lists all signals.
func Signals() []Signal { return []Signal{Traces, Metrics, Logs, Profiles} }

// kind is a type of message, or of another field that takes more memory than
// bytes on the wire. opaque is the kind of all other fields.
type kind uint8

const (
	opaque kind = iota
	tracesRequest
	metricsRequest
	logsRequest
	profilesRequest
	jsonRequest // a request of any signal: in JSON, the names of their fields differ
	resourceSpans
	resourceMetrics
	resourceLogs
	resourceProfiles
	scopeSpans
	scopeMetrics
	scopeLogs
	scopeProfiles
	resource
	entityRef
	scope
	span
	event
	link
	spanStatus
	metric
	gaugeOrSum
	histogram
	exponentialHistogram
	summary
	numberPoint
	histogramPoint
	exponentialPoint
	buckets
	summaryPoint
	quantile
	exemplar
	logRecord
	profile
	valueType
	sample
	dictionary
	mapping
	location
	line
	function
	profileLink
	callStack
	keyValueAndUnit
	keyValue
	anyValue
	arrayValue
	keyValueList
	element // an anyValue in an array

	// The following kinds are not messages, but strings and numbers in repeated
	// fields.
	text
	number32
	number64
	fixed64 // like number64, but with eight bytes each on the wire
	kinds

	firstScalar = text
)

// Field numbers below columns have a column of their own in fields. The number
// 1000, the deprecated field of the scopes, which pdata still reads, uses
// column 0, since no field has that number.
const (
	columns          = 16
	deprecatedScopes = 1000
	deprecatedColumn = 0
)

// fields contains the kind of each field of a message. The numbers are those of
// opentelemetry-proto 1.x, as in pdata's decoder. Messages that are not
// repeated and contain no others, such as a span's status, are omitted.
var fields = [kinds][columns]kind{
	tracesRequest:   {1: resourceSpans},
	metricsRequest:  {1: resourceMetrics},
	logsRequest:     {1: resourceLogs},
	profilesRequest: {1: resourceProfiles, 2: dictionary},

	resourceSpans:    {1: resource, 2: scopeSpans, deprecatedColumn: scopeSpans},
	resourceMetrics:  {1: resource, 2: scopeMetrics, deprecatedColumn: scopeMetrics},
	resourceLogs:     {1: resource, 2: scopeLogs, deprecatedColumn: scopeLogs},
	resourceProfiles: {1: resource, 2: scopeProfiles},

	scopeSpans:    {1: scope, 2: span},
	scopeMetrics:  {1: scope, 2: metric},
	scopeLogs:     {1: scope, 2: logRecord},
	scopeProfiles: {1: scope, 2: profile},

	resource:  {1: keyValue, 3: entityRef},
	entityRef: {3: text, 4: text},
	scope:     {3: keyValue},

	span:  {9: keyValue, 11: event, 13: link},
	event: {3: keyValue},
	link:  {4: keyValue},

	metric:               {5: gaugeOrSum, 7: gaugeOrSum, 9: histogram, 10: exponentialHistogram, 11: summary, 12: keyValue},
	gaugeOrSum:           {1: numberPoint},
	histogram:            {1: histogramPoint},
	exponentialHistogram: {1: exponentialPoint},
	summary:              {1: summaryPoint},
	numberPoint:          {7: keyValue, 5: exemplar},
	histogramPoint:       {9: keyValue, 6: fixed64, 7: fixed64, 8: exemplar},
	exponentialPoint:     {1: keyValue, 8: buckets, 9: buckets, 11: exemplar},
	buckets:              {2: number64},
	summaryPoint:         {7: keyValue, 6: quantile},
	exemplar:             {7: keyValue},

	logRecord: {5: anyValue, 6: keyValue},

	profile:         {2: sample, 11: number32},
	sample:          {2: number32, 4: number64, 5: fixed64},
	dictionary:      {1: mapping, 2: location, 3: function, 4: profileLink, 5: text, 6: keyValueAndUnit, 7: callStack},
	mapping:         {5: number32},
	location:        {3: line, 4: number32},
	callStack:       {1: number32},
	keyValueAndUnit: {2: anyValue},

	keyValue:     {2: anyValue},
	anyValue:     {5: arrayValue, 6: keyValueList},
	element:      {5: arrayValue, 6: keyValueList},
	arrayValue:   {1: element},
	keyValueList: {1: keyValue},
}

func (k kind) container() bool { return k == arrayValue || k == keyValueList }

// memory is the memory of a message in addition to the bytes of its strings:
// its struct in pdata, rounded up like Go's allocator does, and its place in a
// slice. A growing slice has up to 5/4 of the capacity that it needs, and for a
// moment the previous array exists too: together 18 bytes for a pointer, or 9/4
// of a struct that is stored by value. For an anyValue, it is the struct of the
// string or number inside.
//
// For strings and numbers in repeated fields, it is the memory of each element;
// for packed numbers in protobuf, it is the maximum for each byte.
var memory = [kinds]int64{
	resourceSpans:    128 + pointer,
	resourceMetrics:  128 + pointer,
	resourceLogs:     128 + pointer,
	resourceProfiles: 112 + pointer,
	scopeSpans:       112 + pointer,
	scopeMetrics:     112 + pointer,
	scopeLogs:        112 + pointer,
	scopeProfiles:    112 + pointer,
	entityRef:        80 + pointer,

	span:  208 + pointer,
	event: 64 + pointer,
	link:  80 + pointer,

	metric:               96 + pointer,
	gaugeOrSum:           48,
	histogram:            48,
	exponentialHistogram: 48,
	summary:              48,
	numberPoint:          96 + pointer,
	histogramPoint:       160 + pointer,
	exponentialPoint:     192 + pointer,
	summaryPoint:         96 + pointer,
	quantile:             16 + pointer,
	exemplar:             72 * 9 / 4,

	logRecord: 128 + pointer,

	profile:         160 + pointer,
	sample:          80 + pointer,
	mapping:         64 + pointer,
	location:        64 + pointer,
	line:            24 + pointer,
	function:        24 + pointer,
	profileLink:     24 + pointer,
	callStack:       24 + pointer,
	keyValueAndUnit: 24 + pointer,

	keyValue:     40 * 9 / 4,
	anyValue:     16,
	element:      16*9/4 + 16,
	arrayValue:   8 + 24,
	keyValueList: 8 + 24,

	text:     16 * 9 / 4,
	number32: 4 * 9 / 4,
	number64: 8 * 9 / 4,
	fixed64:  8 * 9 / 4,
}

const (
	pointer = 8 * 9 / 4
	// mostMemory is the memory of the largest kind.
	mostMemory = 208 + pointer
)
