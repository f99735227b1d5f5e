// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/faults"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

// State describes the emulated OCI for its API. It contains no key or token.
type State struct {
	DomainID       string         `json:"apm_domain_id"`
	DomainRegion   string         `json:"domain_region"`
	DomainState    DomainState    `json:"domain_state"`
	UploadEndpoint string         `json:"data_upload_endpoint"`
	Region         string         `json:"region"`
	VaultID        string         `json:"vault_id"`
	TokenLifetime  string         `json:"token_lifetime"`
	ClockOffset    string         `json:"clock_offset"`
	Refused        map[string]int `json:"refused"`
	API            []string       `json:"api"`
}

var apiList = []string{
	"GET /api/v1",
	"GET, POST, DELETE /api/v1/faults",
	"DELETE /api/v1/faults/{id}",
	"GET /api/v1/requests",
	"GET /api/v1/counts",
	"PUT /api/v1/clock",
	"POST /api/v1/data_keys",
	"PUT, DELETE /api/v1/tokens",
	"PUT, DELETE /api/v1/domain",
	"PUT /api/v1/permissions",
	"POST /api/v1/secrets",
	"PUT /api/v1/secrets/{id}",
	"POST /api/v1/secrets/{id}/versions",
	"PUT /api/v1/secrets/{id}/versions/{number}",
}

// State returns the identifiers and settings of the emulated OCI.
func (s *Server) State() State {
	refused := s.Refused()
	s.mu.Lock()
	defer s.mu.Unlock()
	return State{
		DomainID: s.domain.id, DomainRegion: s.domain.region, DomainState: s.domain.state, UploadEndpoint: "https://" + s.domain.host,
		Region: s.config.Region, VaultID: s.vault.id, TokenLifetime: s.config.TokenLifetime.String(), ClockOffset: s.offset.String(),
		Refused: refused, API: apiList,
	}
}

// adminHandler answers requests to the proxy itself, which are not for another
// host.
func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	get := func(value func() any) localapi.Methods {
		return localapi.Methods{http.MethodGet: func(w http.ResponseWriter, _ *http.Request) {
			localapi.Write(w, s.logger, http.StatusOK, value())
		}}
	}
	mux.Handle("/api/v1", get(func() any { return s.State() }))
	mux.Handle("/api/v1/requests", get(func() any { return map[string][]Request{"requests": s.Requests()} }))
	mux.Handle("/api/v1/counts", get(func() any { return map[string][]OutcomeCount{"counts": s.Counts()} }))
	list := get(func() any { return map[string][]FaultState{"faults": s.Faults()} })
	list[http.MethodPost] = s.postFault
	list[http.MethodDelete] = func(w http.ResponseWriter, _ *http.Request) {
		localapi.Write(w, s.logger, http.StatusOK, map[string]int{"deleted": s.ClearFaults()})
	}
	mux.Handle("/api/v1/faults", list)
	mux.Handle("/api/v1/faults/{id}", localapi.Methods{http.MethodDelete: s.deleteFault})
	mux.Handle("/api/v1/clock", localapi.Methods{http.MethodPut: s.putClock})
	mux.Handle("/api/v1/data_keys", localapi.Methods{http.MethodPost: s.postDataKeys})
	mux.Handle("/api/v1/tokens", localapi.Methods{
		http.MethodPut: s.putTokens,
		http.MethodDelete: func(w http.ResponseWriter, _ *http.Request) {
			s.ExpireTokens()
			s.writeOK(w)
		},
	})
	mux.Handle("/api/v1/domain", localapi.Methods{
		http.MethodPut: s.putDomain,
		http.MethodDelete: func(w http.ResponseWriter, _ *http.Request) {
			s.EmptyDomain()
			s.writeOK(w)
		},
	})
	mux.Handle("/api/v1/permissions", localapi.Methods{http.MethodPut: s.putPermissions})
	mux.Handle("/api/v1/secrets", localapi.Methods{http.MethodPost: s.postSecret})
	mux.Handle("/api/v1/secrets/{id}", localapi.Methods{http.MethodPut: s.putSecret})
	mux.Handle("/api/v1/secrets/{id}/versions", localapi.Methods{http.MethodPost: s.postVersion})
	mux.Handle("/api/v1/secrets/{id}/versions/{number}", localapi.Methods{http.MethodPut: s.putVersion})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		localapi.WriteError(w, http.StatusNotFound, "nothing is here; the API is listed at /api/v1")
	})
	return localapi.Protect(s.config.Listen, mux)
}

func (s *Server) writeOK(w http.ResponseWriter) {
	localapi.Write(w, s.logger, http.StatusOK, map[string]bool{"ok": true})
}

// writeResult answers with value, or with err if it is not nil.
func (s *Server) writeResult(w http.ResponseWriter, status int, value any, err error) {
	switch {
	case errors.Is(err, errNoSecret):
		localapi.WriteError(w, http.StatusNotFound, err.Error())
	case errors.Is(err, faults.ErrTooMany):
		localapi.WriteError(w, http.StatusConflict, err.Error())
	case err != nil:
		localapi.WriteError(w, http.StatusBadRequest, err.Error())
	default:
		localapi.Write(w, s.logger, status, value)
	}
}

func (s *Server) postFault(w http.ResponseWriter, r *http.Request) {
	var fault Fault
	if localapi.Read(w, r, &fault) {
		state, err := s.AddFault(fault)
		s.writeResult(w, http.StatusCreated, state, err)
	}
}

func (s *Server) deleteFault(w http.ResponseWriter, r *http.Request) {
	if !s.RemoveFault(r.PathValue("id")) {
		localapi.WriteError(w, http.StatusNotFound, "no fault with this id: it may have been used up")
		return
	}
	localapi.Write(w, s.logger, http.StatusOK, map[string]int{"deleted": 1})
}

func (s *Server) putClock(w http.ResponseWriter, r *http.Request) {
	var clock struct {
		Offset apm.Duration `json:"offset"`
	}
	if localapi.Read(w, r, &clock) {
		s.SetClockOffset(time.Duration(clock.Offset))
		s.writeOK(w)
	}
}

func (s *Server) postDataKeys(w http.ResponseWriter, r *http.Request) {
	var rotation struct {
		Grace apm.Duration `json:"grace"`
	}
	if localapi.Read(w, r, &rotation) {
		err := s.RotateDataKeys(time.Duration(rotation.Grace))
		s.writeResult(w, http.StatusOK, map[string]bool{"ok": true}, err)
	}
}

func (s *Server) putTokens(w http.ResponseWriter, r *http.Request) {
	var tokens struct {
		Lifetime apm.Duration `json:"lifetime"`
	}
	if !localapi.Read(w, r, &tokens) {
		return
	}
	if tokens.Lifetime <= 0 {
		localapi.WriteError(w, http.StatusBadRequest, "lifetime: must be positive, such as \"1h\"")
		return
	}
	s.SetTokenLifetime(time.Duration(tokens.Lifetime))
	s.writeOK(w)
}

func (s *Server) putDomain(w http.ResponseWriter, r *http.Request) {
	var domain struct {
		State DomainState `json:"state"`
	}
	if !localapi.Read(w, r, &domain) {
		return
	}
	switch domain.State {
	case DomainActive, DomainDeleting, DomainDeleted:
		s.SetDomainState(domain.State)
		s.writeOK(w)
	default:
		localapi.WriteError(w, http.StatusBadRequest, "state: must be ACTIVE, DELETING or DELETED")
	}
}

func (s *Server) putPermissions(w http.ResponseWriter, r *http.Request) {
	var permissions struct {
		Denied []Permission `json:"denied"`
	}
	if localapi.Read(w, r, &permissions) {
		err := s.DenyPermissions(permissions.Denied...)
		s.writeResult(w, http.StatusOK, map[string]bool{"ok": true}, err)
	}
}

func (s *Server) postSecret(w http.ResponseWriter, r *http.Request) {
	var added struct {
		Name    string `json:"name"`
		Content string `json:"content"`
	}
	if !localapi.Read(w, r, &added) {
		return
	}
	if added.Name == "" {
		localapi.WriteError(w, http.StatusBadRequest, "name: must not be empty")
		return
	}
	id, err := s.AddSecret(added.Name, []byte(added.Content))
	s.writeResult(w, http.StatusCreated, map[string]string{"id": id}, err)
}

func (s *Server) putSecret(w http.ResponseWriter, r *http.Request) {
	var changed struct {
		State SecretState `json:"state"`
	}
	if !localapi.Read(w, r, &changed) {
		return
	}
	switch changed.State {
	case SecretActive, SecretSchedulingDeletion, SecretPendingDeletion, SecretDeleted:
		err := s.SetSecretState(r.PathValue("id"), changed.State)
		s.writeResult(w, http.StatusOK, map[string]bool{"ok": true}, err)
	default:
		localapi.WriteError(w, http.StatusBadRequest, "state: must be ACTIVE, SCHEDULING_DELETION, PENDING_DELETION or DELETED")
	}
}

func (s *Server) postVersion(w http.ResponseWriter, r *http.Request) {
	var version struct {
		Content string `json:"content"`
		Stage   Stage  `json:"stage"`
	}
	if !localapi.Read(w, r, &version) {
		return
	}
	if version.Stage != "" && version.Stage != StageCurrent && version.Stage != StagePending {
		localapi.WriteError(w, http.StatusBadRequest, "stage: must be CURRENT (if none is given) or PENDING")
		return
	}
	number, err := s.RotateSecret(r.PathValue("id"), []byte(version.Content), version.Stage)
	s.writeResult(w, http.StatusCreated, map[string]int64{"version": number}, err)
}

// putVersion makes a version the current one.
func (s *Server) putVersion(w http.ResponseWriter, r *http.Request) {
	var changed struct {
		Stage Stage `json:"stage"`
	}
	if !localapi.Read(w, r, &changed) {
		return
	}
	number, err := strconv.ParseInt(r.PathValue("number"), 10, 64)
	if err != nil || changed.Stage != StageCurrent {
		localapi.WriteError(w, http.StatusBadRequest, fmt.Sprintf("a version is a number, and its stage can only be set to %s", StageCurrent))
		return
	}
	err = s.PromoteSecret(r.PathValue("id"), number)
	s.writeResult(w, http.StatusOK, map[string]bool{"ok": true}, err)
}
