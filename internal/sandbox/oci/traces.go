// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// The paths of the traces, as in oci-go-sdk's apmtraces.
const (
	tracePath = "/20200630/traces/{key}"
	queryPath = "/20200630/queries/actions/runQuery"
)

// apmTrace is the answer of GetTrace, with the fields of oci-go-sdk's Trace that the
// sandbox knows.
type apmTrace struct {
	Key           string       `json:"key"`
	RootOperation string       `json:"rootSpanOperationName,omitempty"`
	RootService   string       `json:"rootSpanServiceName,omitempty"`
	Started       time.Time    `json:"timeEarliestSpanStarted"`
	Ended         time.Time    `json:"timeLatestSpanEnded"`
	SpanCount     int          `json:"spanCount"`
	Errors        int          `json:"errorSpanCount"`
	DurationInMs  int64        `json:"traceDurationInMs"`
	IsFault       bool         `json:"isFault"`
	Status        string       `json:"traceStatus"`
	Services      []apmService `json:"serviceSummaries"`
	Source        string       `json:"sourceName"`
	Spans         []apmSpan    `json:"spans"`
}

type apmService struct {
	Name   string `json:"spanServiceName"`
	Spans  int    `json:"totalSpans"`
	Errors int    `json:"errorSpans"`
}

type apmSpan struct {
	Key          string            `json:"key"`
	TraceKey     string            `json:"traceKey"`
	ParentKey    string            `json:"parentSpanKey,omitempty"`
	Started      time.Time         `json:"timeStarted"`
	Ended        time.Time         `json:"timeEnded"`
	DurationInMs int64             `json:"durationInMs"`
	Operation    string            `json:"operationName"`
	Service      string            `json:"serviceName"`
	Kind         string            `json:"kind"`
	IsError      bool              `json:"isError"`
	Tags         []apmTag          `json:"tags"`
	TagsMetadata map[string]apmTyp `json:"tagsMetadata"`
}

type apmTag struct {
	Name  string `json:"tagName"`
	Value string `json:"tagValue"`
}

type apmTyp struct {
	Type string `json:"tagType"`
}

// traceKey reads a trace id. APM joins an id of 64 bits with the same id padded with
// zeros.
func traceKey(text string) (pcommon.TraceID, bool) {
	var id pcommon.TraceID
	decoded, err := hex.DecodeString(strings.Repeat("0", max(0, 32-len(text))) + text)
	if err != nil || len(decoded) != len(id) {
		return id, false
	}
	copy(id[:], decoded)
	return id, true
}

func (s *Server) getTrace(c *call) (any, *failure) {
	if f := s.inDomain(c); f != nil {
		return nil, f
	}
	id, ok := traceKey(c.r.PathValue("key"))
	if !ok {
		return nil, invalidParameter("traceKey is not a trace id.")
	}
	spans := s.uploads.Spans(id)
	if len(spans) == 0 {
		return nil, notFound(ReasonNotFound, "no such trace")
	}
	return describeTrace(spans), nil
}

func describeTrace(spans []apm.StoredSpan) apmTrace {
	trace := apmTrace{Key: spans[0].Span.TraceID().String(), Status: "success", Source: "TRACES", SpanCount: len(spans)}
	services := map[string]*apmService{}
	for _, stored := range spans {
		span := describeSpan(stored)
		trace.Spans = append(trace.Spans, span)
		if trace.Started.IsZero() || span.Started.Before(trace.Started) {
			trace.Started = span.Started
		}
		if span.Ended.After(trace.Ended) {
			trace.Ended = span.Ended
		}
		service := services[span.Service]
		if service == nil {
			service = &apmService{Name: span.Service}
			services[span.Service] = service
		}
		service.Spans++
		if span.IsError {
			service.Errors++
			trace.Errors++
			trace.Status, trace.IsFault = "error", true
		}
		if span.ParentKey == "" {
			trace.RootOperation, trace.RootService = span.Operation, span.Service
		}
	}
	for _, name := range slices.Sorted(maps.Keys(services)) {
		trace.Services = append(trace.Services, *services[name])
	}
	trace.DurationInMs = trace.Ended.Sub(trace.Started).Milliseconds()
	return trace
}

func describeSpan(stored apm.StoredSpan) apmSpan {
	span := stored.Span
	started, ended := span.StartTimestamp().AsTime(), span.EndTimestamp().AsTime()
	described := apmSpan{
		Key: span.SpanID().String(), TraceKey: span.TraceID().String(), ParentKey: span.ParentSpanID().String(),
		Started: started, Ended: ended, DurationInMs: ended.Sub(started).Milliseconds(),
		Operation: span.Name(), Service: stored.Service, Kind: strings.ToUpper(span.Kind().String()),
		IsError: span.Status().Code() == ptrace.StatusCodeError, TagsMetadata: map[string]apmTyp{},
	}
	for _, name := range slices.Sorted(maps.Keys(stored.Tags)) {
		value := stored.Tags[name]
		described.Tags = append(described.Tags, apmTag{Name: name, Value: value.AsString()})
		kind := attributeText
		if value.Type() == pcommon.ValueTypeInt || value.Type() == pcommon.ValueTypeDouble {
			kind = attributeNumber
		}
		described.TagsMetadata[name] = apmTyp{Type: kind}
	}
	return described
}

// queryForm matches the queries that the sandbox can run: columns of spans or traces, a
// filter, and a number of rows. APM's language has much more.
var queryForm = regexp.MustCompile(`(?is)^\s*show\s+\(?(spans|traces)\)?\s+(.+?)(?:\s+where\s+(.+?))?(?:\s+first\s+(\d+)\s+rows)?\s*$`)

var queryColumn = regexp.MustCompile(`^(?:\*|count\(\*\)|"[^"]+"|[A-Za-z_]\w*)$`)

// countAll is the column with the number of spans or traces, without an alias.
const countAll = "count(*)"

func (s *Server) runQuery(c *call) (any, *failure) {
	if f := s.inDomain(c); f != nil {
		return nil, f
	}
	parameters := c.r.URL.Query()
	from, errFrom := time.Parse(time.RFC3339, parameters.Get("timeSpanStartedGreaterThanOrEqualTo"))
	to, errTo := time.Parse(time.RFC3339, parameters.Get("timeSpanStartedLessThan"))
	if errFrom != nil || errTo != nil {
		return nil, invalidParameter("timeSpanStartedGreaterThanOrEqualTo and timeSpanStartedLessThan are mandatory.")
	}
	var body struct {
		Text string `json:"queryText"`
	}
	if err := json.Unmarshal(c.body, &body); err != nil {
		return nil, invalidParameter("The body is not a JSON object.")
	}
	form := queryForm.FindStringSubmatch(body.Text)
	if form == nil {
		return nil, invalidParameter("The sandbox runs only: show (spans|traces) <columns> [where <filter>] [first <n> rows].")
	}
	matches := filter(func(func(string) (string, bool)) bool { return true })
	if form[3] != "" {
		var err error
		if matches, err = parseFilter(form[3]); err != nil {
			return nil, invalidParameter("The filter of the query: " + err.Error())
		}
	}
	columns := strings.Split(form[2], ",")
	for i, column := range columns {
		column = strings.TrimSpace(column)
		if !queryColumn.MatchString(column) {
			return nil, invalidParameter(fmt.Sprintf("The sandbox cannot read the column %q.", column))
		}
		columns[i] = strings.Trim(column, `"`)
	}
	rows := s.rows(strings.ToLower(form[1]), columns, func(span apm.StoredSpan) bool {
		started := span.Span.StartTimestamp().AsTime()
		return !started.Before(from) && started.Before(to) && matches(span.Lookup)
	})
	if slices.Equal(columns, []string{countAll}) {
		rows = []map[string]any{{"count": len(rows)}}
	}
	total := len(rows)
	if first, err := strconv.Atoi(form[4]); err == nil {
		rows = rows[:min(first, len(rows))]
	}
	page, headers, f := pageOf(c, rows)
	if f != nil {
		return nil, f
	}
	answers := []map[string]any{}
	for _, row := range page {
		answers = append(answers, map[string]any{"queryResultRowData": row, "queryResultRowMetadata": map[string]any{}})
	}
	headers["opc-total-items"] = strconv.Itoa(total)
	return reply{headers: headers, body: map[string]any{
		"queryResultRows": answers, "queryResultMetadataSummary": map[string]any{"sourceName": strings.ToUpper(form[1])},
		"queryResultWarnings": []any{},
	}}, nil
}

// rows returns a row for each span that matches, or for each trace with such a span.
func (s *Server) rows(source string, columns []string, matches func(apm.StoredSpan) bool) []map[string]any {
	rows := []map[string]any{}
	for _, spans := range s.uploads.AllSpans() {
		found := slices.DeleteFunc(spans, func(span apm.StoredSpan) bool { return !matches(span) })
		if source == "traces" && len(found) > 0 {
			trace := describeTrace(s.uploads.Spans(found[0].Span.TraceID()))
			row := map[string]any{
				"TraceId": trace.Key, "TraceStatus": trace.Status, "ServiceName": trace.RootService, "OperationName": trace.RootOperation,
				"TraceFirstSpanStartTime": trace.Started.UnixMilli(), "TraceLatestSpanEndTime": trace.Ended.UnixMilli(),
				"TraceDuration": trace.DurationInMs, "ErrorCount": trace.Errors, "SpanCount": trace.SpanCount,
			}
			rows = append(rows, selectColumns(row, columns))
			continue
		}
		for _, span := range found {
			described := describeSpan(span)
			row := map[string]any{}
			for name, value := range span.Tags {
				row[name] = value.AsString()
			}
			row["TraceId"], row["SpanId"], row["ServiceName"] = described.TraceKey, described.Key, described.Service
			row["OperationName"], row["Kind"], row["Error"] = described.Operation, described.Kind, strconv.FormatBool(described.IsError)
			row["SpanDuration"], row["StartTime"] = described.DurationInMs, described.Started.UnixMilli()
			rows = append(rows, selectColumns(row, columns))
		}
	}
	return rows
}

// selectColumns returns the values of a row under the names that the query uses. A
// column that the row lacks is null.
func selectColumns(row map[string]any, columns []string) map[string]any {
	selected := map[string]any{}
	for _, column := range columns {
		if column == "*" {
			maps.Copy(selected, row)
			continue
		}
		selected[column] = nil
		for name, value := range row {
			if strings.EqualFold(name, column) {
				selected[column] = value
			}
		}
	}
	return selected
}

// testConfig applies the rules of a group to a span in the form of OTLP's JSON.
func (s *Server) testConfig(c *call) (any, *failure) {
	if f := s.inDomain(c); f != nil {
		return nil, f
	}
	var body struct {
		Type    string          `json:"testType"`
		Options json.RawMessage `json:"options"`
		Span    map[string]any  `json:"span"`
		Filters []struct {
			Text string `json:"filterText"`
			ID   string `json:"filterId"`
		} `json:"filters"`
	}
	if err := json.Unmarshal(c.body, &body); err != nil || body.Type != "SPAN_ENRICHMENT" {
		return nil, invalidParameter("testType must be SPAN_ENRICHMENT, with options and a span.")
	}
	group, err := parseRuleGroup(body.Options)
	if err != nil {
		return nil, unprocessable(fmt.Errorf("options: %w", err))
	}
	lookup, attributes, err := otlpAttributes(body.Span)
	if err != nil {
		return nil, unprocessable(err)
	}
	s.configs.mu.Lock()
	defer s.configs.mu.Unlock()
	matched := []bool{}
	for _, tried := range body.Filters {
		matched = append(matched, s.configs.selects(ruleGroupOptions{FilterText: tried.Text, FilterID: tried.ID}, lookup))
	}
	if !group.Disabled && s.configs.selects(group, lookup) && group.converts(lookup) {
		for _, attribute := range attributes {
			attribute["key"] = apm.AttributeName(fmt.Sprint(attribute["key"]))
		}
	}
	return reply{status: http.StatusOK, body: map[string]any{"testType": body.Type, "span": body.Span, "filters": matched}}, nil
}

// otlpAttributes returns the attributes of a span in the form of OTLP's JSON, and a
// function that looks one up.
func otlpAttributes(span map[string]any) (func(string) (string, bool), []map[string]any, error) {
	list, ok := span["attributes"].([]any)
	if !ok {
		return nil, nil, errors.New("the sandbox reads a span only in the form of OTLP's JSON: it has no attributes")
	}
	var attributes []map[string]any
	for _, item := range list {
		attribute, ok := item.(map[string]any)
		if !ok || attribute["key"] == nil {
			return nil, nil, errors.New("an attribute has no key")
		}
		attributes = append(attributes, attribute)
	}
	return func(name string) (string, bool) {
		if text, ok := span[name].(string); ok && strings.EqualFold(name, "traceId") {
			return text, true
		}
		for _, attribute := range attributes {
			if !strings.EqualFold(fmt.Sprint(attribute["key"]), name) {
				continue
			}
			if value, ok := attribute["value"].(map[string]any); ok {
				for _, text := range value {
					return fmt.Sprint(text), true
				}
			}
		}
		return "", false
	}, attributes, nil
}
