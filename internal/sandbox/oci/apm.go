// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
)

// The paths of the APM control plane, as in oci-go-sdk's apmcontrolplane.
const (
	domainPath   = "/20200630/apmDomains/{id}"
	dataKeysPath = domainPath + "/dataKeys"

	generateKeysPath = domainPath + "/actions/generateDataKeys"
)

// domain is the APM domain of the sandbox.
type domain struct {
	id          string
	compartment string
	region      string
	host        string // host of the data upload endpoint
	created     time.Time
	state       DomainState
	// withoutKeys hides the keys of the uploads until keys are generated.
	withoutKeys bool
	keyNames    map[string]string // of generated keys, by value
}

// DomainState is the lifecycle state of the APM domain.
type DomainState string

// The states that matter to a client.
const (
	DomainActive   DomainState = "ACTIVE"
	DomainDeleting DomainState = "DELETING"
	// DomainDeleted is the state of a domain that the control plane no longer
	// knows.
	DomainDeleted DomainState = "DELETED"
)

// apmDomain is the answer of GetApmDomain.
type apmDomain struct {
	ID                 string            `json:"id"`
	DisplayName        string            `json:"displayName"`
	CompartmentID      string            `json:"compartmentId"`
	Description        string            `json:"description"`
	LifecycleState     DomainState       `json:"lifecycleState"`
	IsFreeTier         bool              `json:"isFreeTier"`
	TimeCreated        time.Time         `json:"timeCreated"`
	TimeUpdated        time.Time         `json:"timeUpdated"`
	FreeformTags       map[string]string `json:"freeformTags"`
	DefinedTags        map[string]any    `json:"definedTags"`
	DataUploadEndpoint string            `json:"dataUploadEndpoint"`
}

// dataKey is an item in the answer of ListDataKeys.
type dataKey struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// findDomain returns the domain of a request.
func (s *Server) findDomain(c *call) (domain, *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch id := c.r.PathValue("id"); {
	case id != s.domain.id || s.domain.state == DomainDeleted:
		return domain{}, notFound(ReasonNotFound, "no such APM domain")
	case c.region != s.domain.region:
		return domain{}, notFound(ReasonWrongRegion, fmt.Sprintf("the APM domain is in %s, the request went to %s", s.domain.region, c.region))
	}
	return s.domain, nil
}

func (s *Server) getAPMDomain(c *call) (any, *failure) {
	d, f := s.findDomain(c)
	if f != nil {
		return nil, f
	}
	return apmDomain{
		ID: d.id, DisplayName: "sandbox", CompartmentID: d.compartment, Description: "the domain of the sandbox",
		LifecycleState: d.state, TimeCreated: d.created, TimeUpdated: d.created,
		FreeformTags: map[string]string{}, DefinedTags: map[string]any{}, DataUploadEndpoint: "https://" + d.host,
	}, nil
}

func (s *Server) listDataKeys(c *call) (any, *failure) {
	d, f := s.findDomain(c)
	if f != nil {
		return nil, f
	}
	wanted := c.r.URL.Query().Get("dataKeyType")
	if wanted != "" && wanted != "PRIVATE" && wanted != "PUBLIC" {
		return nil, invalidParameter("dataKeyType must be PRIVATE or PUBLIC")
	}
	keys := []dataKey{}
	for _, key := range s.uploads.Keys() {
		item := dataKeyOf(key)
		name, generated := d.keyNames[key.Value]
		if d.withoutKeys && !generated {
			continue
		}
		item.Name = cmp.Or(name, item.Name)
		if wanted == "" || wanted == item.Type {
			keys = append(keys, item)
		}
	}
	return keys, nil
}

// generateDataKeys adds data keys, which the uploads accept at once.
func (s *Server) generateDataKeys(c *call) (any, *failure) {
	if _, f := s.findDomain(c); f != nil {
		return nil, f
	}
	var wanted []struct {
		Name string `json:"name"`
		Type string `json:"type"`
	}
	if err := json.Unmarshal(c.body, &wanted); err != nil || len(wanted) == 0 {
		return nil, invalidParameter("The body must be a list of names and types.")
	}
	names := map[string]string{}
	for _, key := range wanted {
		value := "sandbox-" + rand.Text()
		private, public := value, ""
		switch {
		case key.Name == "" || key.Type != "PRIVATE" && key.Type != "PUBLIC":
			return nil, invalidParameter("name is mandatory, and type must be PRIVATE or PUBLIC.")
		case key.Type == "PUBLIC":
			private, public = "", value
		}
		if err := s.uploads.AddKeys(private, public); err != nil {
			return nil, s.internal(err)
		}
		names[value] = key.Name
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(names, s.domain.keyNames)
	s.domain.keyNames = names
	return reply{status: http.StatusAccepted, headers: map[string]string{"opc-work-request-id": newOCID("apmworkrequest", s.domain.region)}}, nil
}

// dataKeyOf describes a key like the control plane. The first keys of a domain
// have these names on the real service.
func dataKeyOf(key apm.DataKey) dataKey {
	item := dataKey{Type: "PRIVATE", Value: key.Value}
	if key.Kind == apm.KeyPublic {
		item.Type = "PUBLIC"
	}
	item.Name = fmt.Sprintf("auto_generated_%s_datakey", key.Kind)
	if key.Generation > 0 {
		item.Name = fmt.Sprintf("sandbox_%s_datakey_%d", key.Kind, key.Generation)
	}
	return item
}

// DomainID returns the OCID of the APM domain.
func (s *Server) DomainID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.domain.id
}

// UnknownDomainID returns a well-formed OCID that belongs to no domain.
func (s *Server) UnknownDomainID() string {
	return newOCID("apmdomain", s.config.DomainRegion)
}

// UploadEndpoint returns the domain's data upload endpoint, a URL that can be
// reached only through the proxy.
func (s *Server) UploadEndpoint() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return "https://" + s.domain.host
}

// SetDomainState changes the lifecycle state of the APM domain.
func (s *Server) SetDomainState(state DomainState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.domain.state = state
}

// EmptyDomain brings the domain back to the state of [Config.EmptyDomain]. Its data keys
// stay accepted, but are not listed. Log groups, logs and alarms are deleted too.
func (s *Server) EmptyDomain() {
	s.configs.reset()
	s.attributes.reset()
	s.logs.reset()
	s.alarms.reset()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.domain.withoutKeys, s.domain.keyNames = true, nil
}

// RotateDataKeys gives the domain new data keys. The old ones are accepted,
// and listed before the new ones, until grace has passed.
func (s *Server) RotateDataKeys(grace time.Duration) error {
	if err := s.uploads.RotateKeys("", "", grace); err != nil {
		return fmt.Errorf("rotate data keys: %w", err)
	}
	return nil
}

// serveUpload passes a request for the data upload endpoint to the APM sandbox.
func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	s.uploads.Handler().ServeHTTP(w, r)
}
