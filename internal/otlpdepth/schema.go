// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpdepth

// Signal says which export request a body holds.
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

// kind is a type of message that can hold attribute values; opaque is whatever
// else stands in a field.
type kind uint8

const (
	opaque kind = iota
	tracesRequest
	metricsRequest
	logsRequest
	profilesRequest
	resourceSpans
	resourceMetrics
	resourceLogs
	resourceProfiles
	scopeSpans
	scopeMetrics
	scopeLogs
	scopeProfiles
	resource
	scope
	span
	event
	link
	metric
	gaugeOrSum
	histogram
	exponentialHistogram
	summary
	numberPoint
	histogramPoint
	exponentialPoint
	summaryPoint
	exemplar
	logRecord
	dictionary
	keyValueAndUnit
	keyValue
	anyValue
	arrayValue
	keyValueList
	kinds
)

// Field numbers below columns have a column of their own in fields. So has
// 1000, the deprecated place of the scopes, which pdata still reads: it takes
// that of 0, which no field can have.
const (
	columns          = 16
	deprecatedScopes = 1000
	deprecatedColumn = 0
)

// fields says what stands in each field of a message. The numbers are those of
// opentelemetry-proto 1.x, as pdata's decoder has them.
var fields = [kinds][columns]kind{
	tracesRequest:   {1: resourceSpans},
	metricsRequest:  {1: resourceMetrics},
	logsRequest:     {1: resourceLogs},
	profilesRequest: {1: resourceProfiles, 2: dictionary},

	resourceSpans:    {1: resource, 2: scopeSpans, deprecatedColumn: scopeSpans},
	resourceMetrics:  {1: resource, 2: scopeMetrics, deprecatedColumn: scopeMetrics},
	resourceLogs:     {1: resource, 2: scopeLogs, deprecatedColumn: scopeLogs},
	resourceProfiles: {1: resource, 2: scopeProfiles, deprecatedColumn: scopeProfiles},

	scopeSpans:    {1: scope, 2: span},
	scopeMetrics:  {1: scope, 2: metric},
	scopeLogs:     {1: scope, 2: logRecord},
	scopeProfiles: {1: scope},

	resource: {1: keyValue},
	scope:    {3: keyValue},

	span:  {9: keyValue, 11: event, 13: link},
	event: {3: keyValue},
	link:  {4: keyValue},

	metric:               {5: gaugeOrSum, 7: gaugeOrSum, 9: histogram, 10: exponentialHistogram, 11: summary, 12: keyValue},
	gaugeOrSum:           {1: numberPoint},
	histogram:            {1: histogramPoint},
	exponentialHistogram: {1: exponentialPoint},
	summary:              {1: summaryPoint},
	numberPoint:          {7: keyValue, 5: exemplar},
	histogramPoint:       {9: keyValue, 8: exemplar},
	exponentialPoint:     {1: keyValue, 11: exemplar},
	summaryPoint:         {7: keyValue},
	exemplar:             {7: keyValue},

	logRecord: {5: anyValue, 6: keyValue},

	dictionary:      {6: keyValueAndUnit},
	keyValueAndUnit: {2: anyValue},

	keyValue:     {2: anyValue},
	anyValue:     {5: arrayValue, 6: keyValueList},
	arrayValue:   {1: anyValue},
	keyValueList: {1: keyValue},
}

func (k kind) container() bool { return k == arrayValue || k == keyValueList }
