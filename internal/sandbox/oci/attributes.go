// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/json"
	"strings"
	"sync"
)

// The paths of the attributes of spans, as in oci-go-sdk's apmtraces.
const (
	activatePath           = "/20200630/attributes/actions/activateAttributes"
	autoActivatePath       = "/20200630/attributes/actions/autoActivate"
	autoActivateStatusPath = "/20200630/attributes/autoActivateStatus"
)

// The limits on active attributes of a domain, from oci-go-sdk's BulkActivateAttribute.
const (
	maxTextAttributes   = 700
	maxNumberAttributes = 100
)

const (
	attributeText   = "STRING"
	attributeNumber = "NUMERIC"

	switchOn  = "ON"
	switchOff = "OFF"
)

// attributeStore holds the active attributes of the domain.
type attributeStore struct {
	mu     sync.Mutex
	active map[string]string // type by name in lower case
	auto   map[string]bool   // automatic activation by type of data key
}

func newAttributeStore() *attributeStore {
	s := &attributeStore{}
	s.reset()
	return s
}

func (s *attributeStore) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = map[string]string{}
	s.auto = map[string]bool{"PRIVATE_DATA_KEY": true, "PUBLIC_DATA_KEY": true}
}

// attributeDetail is one attribute of a request.
type attributeDetail struct {
	Name      string `json:"attributeName"`
	Type      string `json:"attributeType"`
	Unit      string `json:"unit,omitempty"`
	NameSpace string `json:"attributeNameSpace,omitempty"`
}

func (s *Server) activateAttributes(c *call) (any, *failure) {
	if f := s.inDomain(c); f != nil {
		return nil, f
	}
	var body struct {
		Details []attributeDetail `json:"attributeDetails"`
	}
	if err := json.Unmarshal(c.body, &body); err != nil {
		return nil, invalidParameter("The body is not a JSON object.")
	}
	now := s.now().UTC()
	s.attributes.mu.Lock()
	defer s.attributes.mu.Unlock()
	outcome, statuses, added := s.attributes.check(body.Details)
	if outcome == "SUCCESS" {
		for name, kind := range added {
			s.attributes.active[name] = kind
		}
	}
	answers := []map[string]any{}
	for i, detail := range body.Details {
		answers = append(answers, map[string]any{
			"attributeName": detail.Name, "attributeType": detail.Type, "attributeNameSpace": "TRACES",
			"operationType": "ACTIVATE", "attributeStatus": statuses[i], "timeUpdated": now,
		})
	}
	texts, numbers := s.attributes.count()
	metadata := map[string]any{
		"operationStatus": outcome, "operationType": "ACTIVATE",
		"availableStringAttributes": maxTextAttributes - texts, "availableNumericAttributes": maxNumberAttributes - numbers,
	}
	return map[string]any{"attributeStatuses": answers, "bulkActivationMetadata": metadata}, nil
}

// check returns the outcome of a request, the status of each attribute, and the types
// of those to add. The request succeeds or fails as a whole.
func (s *attributeStore) check(details []attributeDetail) (outcome string, statuses []string, added map[string]string) {
	texts, numbers := s.count()
	added = map[string]string{}
	valid := true
	for _, detail := range details {
		name := strings.ToLower(detail.Name)
		_, duplicate := added[name]
		active, isActive := s.active[name]
		status := "ATTRIBUTE_ACTIVATED"
		switch {
		case name == "" || detail.Type != attributeText && detail.Type != attributeNumber:
			status, valid = "INVALID_ATTRIBUTE", false
		case duplicate:
			status = "DUPLICATE_ATTRIBUTE"
		case isActive && active != detail.Type:
			status, valid = "INVALID_ATTRIBUTE_TYPE_CONFLICT", false
		case isActive:
			status = "ATTRIBUTE_ALREADY_ACTIVE"
		case detail.Type == attributeText:
			texts++
			added[name] = detail.Type
		default:
			numbers++
			added[name] = detail.Type
		}
		statuses = append(statuses, status)
	}
	outcome = "SUCCESS"
	switch {
	case len(details) == 0:
		outcome = "EMPTY_ATTRIBUTE_LIST"
	case !valid:
		outcome = "INVALID_BULK_REQUEST"
	case texts > maxTextAttributes:
		outcome = "INSUFFICIENT_STRING_SPACE"
	case numbers > maxNumberAttributes:
		outcome = "INSUFFICIENT_NUMERIC_SPACE"
	}
	if outcome != "SUCCESS" {
		for i, status := range statuses {
			if status == "ATTRIBUTE_ACTIVATED" {
				statuses[i] = "ATTRIBUTE_NOT_PROCESSED"
			}
		}
	}
	return outcome, statuses, added
}

// count returns the numbers of active attributes of each type.
func (s *attributeStore) count() (texts, numbers int) {
	for _, kind := range s.active {
		if kind == attributeNumber {
			numbers++
		} else {
			texts++
		}
	}
	return texts, numbers
}

func (s *Server) autoActivateStatus(c *call) (any, *failure) {
	return s.autoActivate(c, func(string) {})
}

func (s *Server) toggleAutoActivate(c *call) (any, *failure) {
	wanted := c.r.URL.Query().Get("isAutoActivateOn")
	if wanted != "true" && wanted != "false" {
		return nil, invalidParameter("isAutoActivateOn must be true or false.")
	}
	return s.autoActivate(c, func(kind string) { s.attributes.auto[kind] = wanted == "true" })
}

func (s *Server) autoActivate(c *call, change func(kind string)) (any, *failure) {
	if f := s.inDomain(c); f != nil {
		return nil, f
	}
	kind := c.r.URL.Query().Get("dataKeyType")
	s.attributes.mu.Lock()
	defer s.attributes.mu.Unlock()
	if _, ok := s.attributes.auto[kind]; !ok {
		return nil, invalidParameter("dataKeyType must be PRIVATE_DATA_KEY or PUBLIC_DATA_KEY.")
	}
	change(kind)
	state := switchOff
	if s.attributes.auto[kind] {
		state = switchOn
	}
	return map[string]string{"status": "SUCCESS", "state": state, "dataKey": kind}, nil
}
