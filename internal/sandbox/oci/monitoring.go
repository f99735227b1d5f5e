// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The paths of Monitoring, as in oci-go-sdk's monitoring.
const (
	alarmsPath           = "/20180401/alarms"
	alarmPath            = alarmsPath + "/{id}"
	listMetricsPath      = "/20180401/metrics/actions/listMetrics"
	summarizeMetricsPath = "/20180401/metrics/actions/summarizeMetricsData"
)

const (
	// metricNamespace and spansMetric are from Oracle's APM FAQ.
	metricNamespace = "oci_apm"
	spansMetric     = "SpanIngestions"
	// spansInterval is the interval between two values of the metric.
	spansInterval = 15 * time.Minute
)

// metricQuery matches queries of the form Metric[1h]{name = "value"}.statistic() > 1.
var metricQuery = regexp.MustCompile(`^\w+\[\d+[mhd]\](?:\{[^}]*\})?\.(?:sum|mean|max|min|count|rate|absent)\([^)]*\)(?:\s*[<>=!]+\s*\d+(?:\.\d+)?)?$`)

// alarm is an alarm with the fields that the sandbox interprets, and all others as the
// caller sent them.
type alarm struct {
	id      string
	version int
	fields  map[string]json.RawMessage
}

func (a *alarm) etag() string { return a.id[len(a.id)-8:] + "-" + strconv.Itoa(a.version) }

func (a *alarm) text(name string) string {
	var value string
	_ = json.Unmarshal(a.fields[name], &value) // no string is no match
	return value
}

func (a *alarm) describe() map[string]any {
	described := map[string]any{"id": a.id, "lifecycleState": "ACTIVE"}
	for name, value := range a.fields {
		described[name] = value
	}
	return described
}

// alarmStore holds the alarms.
type alarmStore struct {
	region string

	mu     sync.Mutex
	alarms []*alarm
	tokens map[string]*alarm // by opc-retry-token
}

func newAlarmStore(region string) *alarmStore {
	s := &alarmStore{region: region}
	s.reset()
	return s
}

func (s *alarmStore) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.alarms, s.tokens = nil, map[string]*alarm{}
}

// checkAlarm returns the reason why the service would reject an alarm.
func checkAlarm(fields map[string]json.RawMessage) *failure {
	for _, name := range []string{"displayName", "compartmentId", "metricCompartmentId", "namespace", "query", "severity", "destinations", "isEnabled"} {
		if len(fields[name]) == 0 || string(fields[name]) == "null" {
			return invalidParameter(name + " is mandatory.")
		}
	}
	checked := alarm{fields: fields}
	var topics []string
	if err := json.Unmarshal(fields["destinations"], &topics); err != nil || len(topics) == 0 {
		return invalidParameter("destinations must name at least one topic.")
	}
	for _, topic := range topics {
		if !strings.HasPrefix(topic, "ocid1.onstopic.") && !strings.HasPrefix(topic, "ocid1.stream.") {
			return invalidParameter("destinations must be OCIDs of topics or streams.")
		}
	}
	switch {
	case !metricQuery.MatchString(checked.text("query")):
		return invalidParameter("query is not a query that the sandbox can read.")
	case !slices.Contains([]string{"CRITICAL", "ERROR", "WARNING", "INFO"}, checked.text("severity")):
		return invalidParameter("severity must be CRITICAL, ERROR, WARNING or INFO.")
	}
	return nil
}

func (s *Server) createAlarm(c *call) (any, *failure) {
	created := &alarm{version: 1}
	if err := json.Unmarshal(c.body, &created.fields); err != nil {
		return nil, invalidParameter("The body is not a JSON object.")
	}
	if f := checkAlarm(created.fields); f != nil {
		return nil, f
	}
	if f := s.inCompartment(c, created.text("compartmentId")); f != nil {
		return nil, f
	}
	created.id = newOCID("alarm", s.alarms.region)
	s.alarms.mu.Lock()
	defer s.alarms.mu.Unlock()
	token := c.r.Header.Get("opc-retry-token")
	if done, ok := s.alarms.tokens[token]; ok && token != "" {
		return answerAlarm(done), nil
	}
	s.alarms.alarms = append(s.alarms.alarms, created)
	s.alarms.tokens[token] = created
	return answerAlarm(created), nil
}

func answerAlarm(a *alarm) reply {
	return reply{headers: map[string]string{"etag": a.etag()}, body: a.describe()}
}

func (s *Server) listAlarms(c *call) (any, *failure) {
	query := c.r.URL.Query()
	if f := s.inCompartment(c, query.Get("compartmentId")); f != nil {
		return nil, f
	}
	s.alarms.mu.Lock()
	defer s.alarms.mu.Unlock()
	var found []map[string]any
	for _, a := range s.alarms.alarms {
		if a.text("compartmentId") == query.Get("compartmentId") && matchesQuery(query.Get("displayName"), a.text("displayName")) {
			found = append(found, a.describe())
		}
	}
	page, next, f := pageOf(c, found)
	if f != nil {
		return nil, f
	}
	return reply{headers: next, body: page}, nil
}

// find returns the alarm that a request names. The caller holds the lock.
func (s *alarmStore) find(c *call) (*alarm, *failure) {
	i := slices.IndexFunc(s.alarms, func(a *alarm) bool { return a.id == c.r.PathValue("id") })
	if i < 0 {
		return nil, notFound(ReasonNotFound, "no such alarm")
	}
	return s.alarms[i], nil
}

func (s *Server) getAlarm(c *call) (any, *failure) {
	s.alarms.mu.Lock()
	defer s.alarms.mu.Unlock()
	found, f := s.alarms.find(c)
	if f != nil {
		return nil, f
	}
	return answerAlarm(found), nil
}

func (s *Server) updateAlarm(c *call) (any, *failure) {
	s.alarms.mu.Lock()
	defer s.alarms.mu.Unlock()
	found, f := s.alarms.find(c)
	if f != nil {
		return nil, f
	}
	if mismatch := c.checkETag(found.etag()); mismatch != nil {
		return nil, mismatch
	}
	changed := alarm{id: found.id, version: found.version + 1, fields: map[string]json.RawMessage{}}
	for name, value := range found.fields {
		changed.fields[name] = value
	}
	if err := json.Unmarshal(c.body, &changed.fields); err != nil {
		return nil, invalidParameter("The body is not a JSON object.")
	}
	if f := checkAlarm(changed.fields); f != nil {
		return nil, f
	}
	*found = changed
	return answerAlarm(found), nil
}

// listMetrics answers with the metric if spans have arrived. Its dimensions on the real
// service are not known, so it has none.
func (s *Server) listMetrics(c *call) (any, *failure) {
	compartment := c.r.URL.Query().Get("compartmentId")
	if f := s.inCompartment(c, compartment); f != nil {
		return nil, f
	}
	metrics := []map[string]any{}
	if s.uploads.Counts().Spans.Stored > 0 {
		metrics = append(metrics, map[string]any{
			"namespace": metricNamespace, "name": spansMetric, "compartmentId": compartment, "dimensions": map[string]string{},
		})
	}
	return metrics, nil
}

// summarizeMetrics answers with one value: the number of spans in the store. The real
// service has a value for every 15 minutes.
func (s *Server) summarizeMetrics(c *call) (any, *failure) {
	compartment := c.r.URL.Query().Get("compartmentId")
	if f := s.inCompartment(c, compartment); f != nil {
		return nil, f
	}
	var body struct {
		Namespace string `json:"namespace"`
		Query     string `json:"query"`
	}
	if err := json.Unmarshal(c.body, &body); err != nil || !metricQuery.MatchString(body.Query) {
		return nil, invalidParameter("The body has no query that the sandbox can read.")
	}
	data := []map[string]any{}
	spans := s.uploads.Counts().Spans.Stored
	if spans > 0 && body.Namespace == metricNamespace && strings.HasPrefix(body.Query, spansMetric+"[") {
		data = append(data, map[string]any{
			"namespace": metricNamespace, "name": spansMetric, "compartmentId": compartment, "dimensions": map[string]string{},
			"aggregatedDatapoints": []map[string]any{{"timestamp": s.now().UTC().Truncate(spansInterval), "value": spans}},
		})
	}
	return data, nil
}
