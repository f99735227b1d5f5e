// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The paths of APM's configuration, as in oci-go-sdk's apmconfig.
const (
	configsPath        = "/20210201/configs"
	configPath         = configsPath + "/{id}"
	configTestPath     = "/20210201/actions/test"
	filterValidatePath = "/20210201/actions/validateSpanFilterPattern"
)

const (
	configOptions    = "OPTIONS"
	configSpanFilter = "SPAN_FILTER"

	// defaultPage is the number of items in an answer without a limit in the query.
	// Those of the real services are not documented.
	defaultPage = 10
)

// mandatoryFields lists the fields that oci-go-sdk marks as mandatory for each type of
// configuration.
var mandatoryFields = map[string][]string{
	configSpanFilter:     {"displayName", "filterText"},
	"METRIC_GROUP":       {"displayName", "filterId", "metrics"},
	"APDEX":              {"displayName", "rules"},
	configOptions:        {},
	"AGENT":              {"matchAgentsWithAttributeValue"},
	"MACS_APM_EXTENSION": {},
}

// config is one configuration item of the domain.
type config struct {
	id      string
	version int
	created time.Time
	updated time.Time
	fields  map[string]json.RawMessage // as the caller sent them
}

func (c *config) etag() string { return c.id[len(c.id)-8:] + "-" + strconv.Itoa(c.version) }

// text returns a field that is a string.
func (c *config) text(name string) string {
	var value string
	_ = json.Unmarshal(c.fields[name], &value) // no string is no match
	return value
}

// describe returns the item as the service answers it.
func (c *config) describe() map[string]any {
	described := map[string]any{
		"id": c.id, "etag": c.etag(), "timeCreated": c.created, "timeUpdated": c.updated,
	}
	for name, value := range c.fields {
		described[name] = value
	}
	return described
}

// configStore holds the configuration of the domain.
type configStore struct {
	region string

	mu     sync.Mutex
	items  []*config
	rules  []ruleGroupOptions // the enabled groups of items; nil until they are needed
	tokens map[string]*config // by opc-retry-token
}

func newConfigStore(region string) *configStore {
	s := &configStore{region: region}
	s.reset()
	return s
}

func (s *configStore) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.items, s.rules, s.tokens = nil, nil, map[string]*config{}
}

// parseConfig returns the fields of a body, or the reason why the service would reject
// it. A change keeps the type of the item.
func parseConfig(body []byte, kind string) (map[string]json.RawMessage, *failure) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, invalidParameter("The body is not a JSON object.")
	}
	parsed := config{fields: fields}
	got := parsed.text("configType")
	mandatory, known := mandatoryFields[got]
	switch {
	case !known:
		return nil, invalidParameter(fmt.Sprintf("configType %q is unknown.", got))
	case kind != "" && got != kind:
		return nil, invalidParameter("configType cannot change.")
	}
	if kind == "" {
		for _, name := range mandatory {
			if len(fields[name]) == 0 || string(fields[name]) == "null" {
				return nil, invalidParameter(name + " is mandatory for " + got + ".")
			}
		}
	}
	if got == configSpanFilter || parsed.text("filterText") != "" {
		if _, err := parseFilter(parsed.text("filterText")); err != nil {
			return nil, invalidParameter("filterText: " + err.Error())
		}
	}
	if got == configOptions && parsed.text("group") == ruleGroup {
		if _, err := parseRuleGroup(fields["options"]); err != nil {
			return nil, invalidParameter("options: " + err.Error())
		}
	}
	return fields, nil
}

// inDomain returns an error unless the request is for the domain, in its region.
func (s *Server) inDomain(c *call) *failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch id := c.r.URL.Query().Get("apmDomainId"); {
	case id == "":
		return invalidParameter("The query parameter apmDomainId is mandatory.")
	case id != s.domain.id || s.domain.state == DomainDeleted:
		return notFound(ReasonNotFound, "no such APM domain")
	case c.region != s.domain.region:
		return notFound(ReasonWrongRegion, fmt.Sprintf("the APM domain is in %s, the request went to %s", s.domain.region, c.region))
	}
	return nil
}

func (s *Server) createConfig(c *call) (any, *failure) {
	if f := s.inDomain(c); f != nil {
		return nil, f
	}
	fields, f := parseConfig(c.body, "")
	if f != nil {
		return nil, f
	}
	now := s.now().UTC()
	s.configs.mu.Lock()
	defer s.configs.mu.Unlock()
	token := c.r.Header.Get("opc-retry-token")
	if done, ok := s.configs.tokens[token]; ok && token != "" {
		return answerConfig(done), nil
	}
	created := &config{id: newOCID("apmconfig", s.configs.region), version: 1, created: now, updated: now, fields: fields}
	// That a dry run answers with the item is an assumption.
	if c.r.Header.Get("opc-dry-run") != "true" {
		s.configs.items, s.configs.rules = append(s.configs.items, created), nil
		s.configs.tokens[token] = created
	}
	return answerConfig(created), nil
}

func answerConfig(item *config) reply {
	return reply{headers: map[string]string{"etag": item.etag()}, body: item.describe()}
}

func (s *Server) listConfigs(c *call) (any, *failure) {
	if f := s.inDomain(c); f != nil {
		return nil, f
	}
	query := c.r.URL.Query()
	s.configs.mu.Lock()
	defer s.configs.mu.Unlock()
	var found []map[string]any
	for _, item := range s.configs.items {
		if matchesQuery(query.Get("configType"), item.text("configType")) &&
			matchesQuery(query.Get("displayName"), item.text("displayName")) &&
			matchesQuery(query.Get("optionsGroup"), item.text("group")) {
			found = append(found, item.describe())
		}
	}
	page, next, f := pageOf(c, found)
	if f != nil {
		return nil, f
	}
	return reply{headers: next, body: map[string]any{"items": page}}, nil
}

func matchesQuery(wanted, value string) bool { return wanted == "" || wanted == value }

// pageOf returns the page of items that a request asks for, and the header that names
// the next one.
func pageOf[T any](c *call, items []T) ([]T, map[string]string, *failure) {
	query := c.r.URL.Query()
	limit, err := strconv.Atoi(cmp.Or(query.Get("limit"), strconv.Itoa(defaultPage)))
	if err != nil || limit < 1 {
		return nil, nil, invalidParameter("limit must be a positive number.")
	}
	from, err := strconv.Atoi(cmp.Or(query.Get("page"), "0"))
	if err != nil || from < 0 || from > len(items) {
		return nil, nil, invalidParameter("page is not a value of opc-next-page.")
	}
	end := min(from+limit, len(items))
	next := map[string]string{}
	if end < len(items) {
		next["opc-next-page"] = strconv.Itoa(end)
	}
	return append([]T{}, items[from:end]...), next, nil
}

// findConfig returns the item that a request names. The caller holds the lock.
func (s *configStore) find(id string) (*config, *failure) {
	i := slices.IndexFunc(s.items, func(item *config) bool { return item.id == id })
	if i < 0 {
		return nil, notFound(ReasonNotFound, "no such configuration item")
	}
	return s.items[i], nil
}

// findMatching returns the item of a call that changes it, if the call's etag is the
// item's. The caller holds mu.
func (s *configStore) findMatching(c *call) (*config, *failure) {
	item, f := s.find(c.r.PathValue("id"))
	if f != nil {
		return nil, f
	}
	return item, c.checkETag(item.etag())
}

func (s *Server) getConfig(c *call) (any, *failure) {
	if f := s.inDomain(c); f != nil {
		return nil, f
	}
	s.configs.mu.Lock()
	defer s.configs.mu.Unlock()
	item, f := s.configs.find(c.r.PathValue("id"))
	if f != nil {
		return nil, f
	}
	return answerConfig(item), nil
}

func (s *Server) updateConfig(c *call) (any, *failure) {
	if f := s.inDomain(c); f != nil {
		return nil, f
	}
	now := s.now().UTC()
	s.configs.mu.Lock()
	defer s.configs.mu.Unlock()
	item, f := s.configs.findMatching(c)
	if f != nil {
		return nil, f
	}
	fields, f := parseConfig(c.body, item.text("configType"))
	if f != nil {
		return nil, f
	}
	changed := *item
	changed.fields = maps.Clone(item.fields)
	maps.Copy(changed.fields, fields)
	changed.version++
	changed.updated = now
	if c.r.Header.Get("opc-dry-run") != "true" {
		*item, s.configs.rules = changed, nil
	}
	return answerConfig(&changed), nil
}

func (s *Server) deleteConfig(c *call) (any, *failure) {
	if f := s.inDomain(c); f != nil {
		return nil, f
	}
	s.configs.mu.Lock()
	defer s.configs.mu.Unlock()
	item, f := s.configs.findMatching(c)
	if f != nil {
		return nil, f
	}
	s.configs.items = slices.DeleteFunc(s.configs.items, func(other *config) bool { return other == item })
	s.configs.rules = nil
	return reply{status: http.StatusNoContent}, nil
}

// validateFilter answers 204 if the filter can be read, and 422 otherwise.
func (s *Server) validateFilter(c *call) (any, *failure) {
	if f := s.inDomain(c); f != nil {
		return nil, f
	}
	var body struct {
		FilterText string `json:"filterText"`
	}
	if err := json.Unmarshal(c.body, &body); err != nil {
		return nil, invalidParameter("The body is not a JSON object.")
	}
	if _, err := parseFilter(body.FilterText); err != nil {
		return nil, unprocessable(err)
	}
	return reply{status: http.StatusNoContent}, nil
}

func unprocessable(err error) *failure {
	return &failure{
		status: http.StatusUnprocessableEntity, code: "UnprocessableEntity", reason: ReasonUnprocessable,
		message: err.Error(),
	}
}
