// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The paths of Logging, as in oci-go-sdk's logging.
const (
	logGroupsPath   = "/20200531/logGroups"
	logsPath        = logGroupsPath + "/{id}/logs"
	logPath         = logsPath + "/{log}"
	workRequestPath = "/20200531/workRequests/{id}"
)

// logGroup is a log group.
type logGroup struct {
	ID            string    `json:"id"`
	CompartmentID string    `json:"compartmentId"`
	DisplayName   string    `json:"displayName"`
	Description   string    `json:"description,omitempty"`
	State         string    `json:"lifecycleState"`
	Created       time.Time `json:"timeCreated"`
}

// logSource is the source of a service log.
type logSource struct {
	Type     string `json:"sourceType"`
	Service  string `json:"service"`
	Resource string `json:"resource"`
	Category string `json:"category"`
}

type logConfiguration struct {
	Source        logSource `json:"source"`
	CompartmentID string    `json:"compartmentId,omitempty"`
}

// serviceLog is a log of a service.
type serviceLog struct {
	ID            string           `json:"id"`
	LogGroupID    string           `json:"logGroupId"`
	DisplayName   string           `json:"displayName"`
	Type          string           `json:"logType"`
	IsEnabled     bool             `json:"isEnabled"`
	Retention     int              `json:"retentionDuration"`
	Configuration logConfiguration `json:"configuration"`
	State         string           `json:"lifecycleState"`
	CompartmentID string           `json:"compartmentId"`
	Created       time.Time        `json:"timeCreated"`

	version int
}

func (l *serviceLog) etag() string { return l.ID[len(l.ID)-8:] + "-" + strconv.Itoa(l.version) }

// workRequest is a change that the service carries out after its answer.
type workRequest struct {
	operation string
	resource  string
	polls     int
}

// logStore holds the log groups and logs.
type logStore struct {
	region string

	mu     sync.Mutex
	groups []*logGroup
	logs   []*serviceLog
	work   map[string]*workRequest
}

func newLogStore(region string) *logStore {
	s := &logStore{region: region}
	s.reset()
	return s
}

func (s *logStore) reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups, s.logs, s.work = nil, nil, map[string]*workRequest{}
}

// inCompartment returns an error unless the compartment is that of the APM domain, the
// only one that holds something, or the tenancy.
func (s *Server) inCompartment(c *call, compartment string) *failure {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case compartment == "":
		return invalidParameter("compartmentId is mandatory.")
	case compartment != s.domain.compartment && compartment != s.tenancy:
		return notFound(ReasonNotFound, "no such compartment")
	case c.region != s.domain.region:
		return notFound(ReasonWrongRegion, "the sandbox has logs, metrics and alarms in "+s.domain.region+" only")
	}
	return nil
}

// accepted is the answer to a change that is carried out later. In the sandbox, its
// result exists at once, and its work request succeeds at the second look. The caller
// holds the lock.
func (s *logStore) accepted(operation, resource string) reply {
	id := newOCID("logworkrequest", s.region)
	s.work[id] = &workRequest{operation: operation, resource: resource}
	return reply{status: http.StatusAccepted, headers: map[string]string{"opc-work-request-id": id}}
}

func (s *Server) listLogGroups(c *call) (any, *failure) {
	query := c.r.URL.Query()
	if f := s.inCompartment(c, query.Get("compartmentId")); f != nil {
		return nil, f
	}
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	var found []logGroup
	for _, group := range s.logs.groups {
		if group.CompartmentID == query.Get("compartmentId") && matchesQuery(query.Get("displayName"), group.DisplayName) {
			found = append(found, *group)
		}
	}
	page, next, f := pageOf(c, found)
	if f != nil {
		return nil, f
	}
	return reply{headers: next, body: page}, nil
}

func (s *Server) createLogGroup(c *call) (any, *failure) {
	var group logGroup
	if err := json.Unmarshal(c.body, &group); err != nil || group.DisplayName == "" {
		return nil, invalidParameter("displayName and compartmentId are mandatory.")
	}
	if f := s.inCompartment(c, group.CompartmentID); f != nil {
		return nil, f
	}
	group.ID, group.State, group.Created = newOCID("loggroup", s.logs.region), "ACTIVE", s.now().UTC()
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	// That a second group with the same name is rejected is an assumption.
	if slices.ContainsFunc(s.logs.groups, func(other *logGroup) bool {
		return other.CompartmentID == group.CompartmentID && other.DisplayName == group.DisplayName
	}) {
		return nil, conflict("A log group with this name exists in the compartment.")
	}
	s.logs.groups = append(s.logs.groups, &group)
	return s.logs.accepted("CREATE_LOG_GROUP", group.ID), nil
}

func conflict(message string) *failure {
	return &failure{status: http.StatusConflict, code: CodeConflict, message: message, reason: ReasonConflict}
}

// findGroup returns a log group. The caller holds the lock.
func (s *logStore) findGroup(id string) (*logGroup, *failure) {
	i := slices.IndexFunc(s.groups, func(group *logGroup) bool { return group.ID == id })
	if i < 0 {
		return nil, notFound(ReasonNotFound, "no such log group")
	}
	return s.groups[i], nil
}

func (s *Server) listLogs(c *call) (any, *failure) {
	query := c.r.URL.Query()
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	group, f := s.logs.findGroup(c.r.PathValue("id"))
	if f != nil {
		return nil, f
	}
	var found []serviceLog
	for _, log := range s.logs.logs {
		source := log.Configuration.Source
		if log.LogGroupID == group.ID && matchesQuery(query.Get("logType"), log.Type) &&
			matchesQuery(query.Get("sourceService"), source.Service) && matchesQuery(query.Get("sourceResource"), source.Resource) {
			found = append(found, *log)
		}
	}
	page, next, f := pageOf(c, found)
	if f != nil {
		return nil, f
	}
	return reply{headers: next, body: page}, nil
}

func (s *Server) createLog(c *call) (any, *failure) {
	log := serviceLog{IsEnabled: true, Retention: 30}
	if err := json.Unmarshal(c.body, &log); err != nil || log.DisplayName == "" || log.Type == "" {
		return nil, invalidParameter("displayName and logType are mandatory.")
	}
	source := log.Configuration.Source
	switch {
	case log.Type != "SERVICE" || source.Type != "OCISERVICE":
		return nil, invalidParameter("The sandbox has logs of services only.")
	case source.Service != "apm" || source.Category != "dropped-data":
		return nil, invalidParameter("The sandbox knows the category dropped-data of the service apm only.")
	case source.Resource != s.DomainID():
		return nil, notFound(ReasonNotFound, "the log's resource is no APM domain")
	case log.Retention < 30 || log.Retention > 180 || log.Retention%30 != 0:
		return nil, invalidParameter("retentionDuration must be 30, 60, … or 180.")
	}
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	group, f := s.logs.findGroup(c.r.PathValue("id"))
	if f != nil {
		return nil, f
	}
	if slices.ContainsFunc(s.logs.logs, func(other *serviceLog) bool { return other.Configuration.Source == source }) {
		return nil, conflict("A log with this service, resource and category exists.")
	}
	log.ID, log.LogGroupID, log.State, log.version = newOCID("log", s.logs.region), group.ID, "ACTIVE", 1
	log.CompartmentID, log.Created = group.CompartmentID, s.now().UTC()
	s.logs.logs = append(s.logs.logs, &log)
	return s.logs.accepted("CREATE_LOG", log.ID), nil
}

// findLog returns a log of a group. The caller holds the lock.
func (s *logStore) findLog(group, id string) (*serviceLog, *failure) {
	i := slices.IndexFunc(s.logs, func(log *serviceLog) bool { return log.ID == id && log.LogGroupID == group })
	if i < 0 {
		return nil, notFound(ReasonNotFound, "no such log")
	}
	return s.logs[i], nil
}

func (s *Server) getLog(c *call) (any, *failure) {
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	log, f := s.logs.findLog(c.r.PathValue("id"), c.r.PathValue("log"))
	if f != nil {
		return nil, f
	}
	return reply{headers: map[string]string{"etag": log.etag()}, body: *log}, nil
}

func (s *Server) updateLog(c *call) (any, *failure) {
	var change struct {
		IsEnabled *bool `json:"isEnabled"`
		Retention *int  `json:"retentionDuration"`
	}
	if err := json.Unmarshal(c.body, &change); err != nil {
		return nil, invalidParameter("The body is not a JSON object.")
	}
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	log, f := s.logs.findLog(c.r.PathValue("id"), c.r.PathValue("log"))
	if f != nil {
		return nil, f
	}
	if mismatch := c.checkETag(log.etag()); mismatch != nil {
		return nil, mismatch
	}
	if change.IsEnabled != nil {
		log.IsEnabled = *change.IsEnabled
	}
	if change.Retention != nil {
		log.Retention = *change.Retention
	}
	log.version++
	return s.logs.accepted("UPDATE_LOG", log.ID), nil
}

func (s *Server) getWorkRequest(c *call) (any, *failure) {
	id := c.r.PathValue("id")
	s.logs.mu.Lock()
	defer s.logs.mu.Unlock()
	work, ok := s.logs.work[id]
	if !ok {
		return nil, notFound(ReasonNotFound, "no such work request")
	}
	work.polls++
	status, percent := "IN_PROGRESS", 50
	if work.polls > 1 {
		status, percent = "SUCCEEDED", 100
	}
	return map[string]any{
		"id": id, "operationType": work.operation, "status": status, "compartmentId": s.CompartmentID(),
		"percentComplete": percent, "timeAccepted": s.now().UTC(),
		"resources": []map[string]string{{"entityType": "log", "actionType": "CREATED", "identifier": work.resource}},
	}, nil
}

// CompartmentID returns the OCID of the compartment of the APM domain.
func (s *Server) CompartmentID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.domain.compartment
}
