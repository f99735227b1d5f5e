// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/faults"
)

// Fault is a misbehavior on demand. At least one of Status, Delay, Reset and
// Down must be set. A status is only the answer to a request that is signed
// well.
type Fault struct {
	// Service restricts the fault to one service; empty means all but the data
	// upload endpoint, which knows Down only: the APM sandbox has faults of its
	// own for uploads.
	Service Service `json:"service,omitempty"`
	// Operation restricts the fault to one operation; empty means all.
	Operation Operation `json:"operation,omitempty"`
	// Status, 400 to 599, is the answer instead of the operation's. A
	// permission that is refused is a 404, as on the real service.
	Status int `json:"status,omitempty"`
	// Code is the error's code, with Status; empty means OCI's usual one.
	Code string `json:"code,omitempty"`
	// Message is the error's text, with Status.
	Message string `json:"message,omitempty"`
	// RetryAfter is sent as it is in the Retry-After header, with Status.
	RetryAfter string `json:"retry_after,omitempty"`
	// Delay holds the answer back.
	Delay apm.Duration `json:"delay,omitzero"`
	// Reset breaks the connection (RST) instead of answering.
	Reset bool `json:"reset,omitempty"`
	// Down makes the service unreachable: no new connection, and those that are
	// there break at the next request.
	Down bool `json:"down,omitempty"`
	// Times is the number of requests that the fault applies to; 0 means until
	// it is deleted.
	Times int `json:"times,omitempty"`
}

// FaultState is a fault that is set, and what is left of it.
type FaultState = faults.State[Fault]

var (
	services = []Service{ServiceAPM, ServiceSecrets, ServiceAuth, ServiceMetadata, ServiceProxymux, ServiceUpload}

	operations = []Operation{
		OperationGetAPMDomain, OperationListDataKeys, OperationGetSecretBundle, OperationGetSecretBundleByName,
		OperationListSecretBundleVersions, OperationX509, OperationMetadata, OperationWorkloadToken,
	}
)

// Validate returns every reason why f makes no sense; each names the field.
func (f Fault) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if f.Service != "" && !slices.Contains(services, f.Service) {
		fail("service: must be one of %v, got %q", services, f.Service)
	}
	if f.Operation != "" && !slices.Contains(operations, f.Operation) {
		fail("operation: must be one of %v, got %q", operations, f.Operation)
	}
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		fail("status: must be from 400 to 599, got %d", f.Status)
	}
	if f.Status == 0 && (f.Code != "" || f.Message != "" || f.RetryAfter != "") {
		fail("code, message and retry_after: need a status")
	}
	if strings.ContainsFunc(f.RetryAfter, func(r rune) bool { return r < ' ' || r > '~' }) {
		fail("retry_after: must be printable ASCII")
	}
	if f.Delay < 0 || time.Duration(f.Delay) > faults.MaxDelay {
		fail("delay: must be from 0 to %s, got %s", faults.MaxDelay, time.Duration(f.Delay))
	}
	if f.Times < 0 {
		fail("times: must not be negative, got %d", f.Times)
	}
	if f.Down && (f.Operation != "" || f.Status != 0 || f.Reset || f.Delay != 0) {
		fail("down: goes only with service and times")
	}
	if f.Reset && f.Status != 0 {
		fail("reset: cannot go with status")
	}
	if f.Service == ServiceUpload && !f.Down {
		fail("service: the upload endpoint can only be down; the APM sandbox has faults for uploads")
	}
	if f.Status == 0 && f.Delay == 0 && !f.Reset && !f.Down {
		fail("fault: set at least one of status, delay, reset, down")
	}
	return errors.Join(errs...)
}

// failure returns the answer that a fault with a status wants.
func (f Fault) failure() *failure {
	answer := &failure{status: f.Status, code: f.Code, message: f.Message, reason: ReasonFault}
	if answer.code == "" {
		answer.code = codeOf(f.Status)
	}
	if answer.message == "" {
		answer.message = http.StatusText(f.Status)
		if f.Status == http.StatusNotFound {
			answer.message = textNotFound
		}
	}
	return answer
}

// take applies the oldest fault for an operation to one request; nil means
// that there is none.
func (s *Server) take(service Service, operation Operation) *FaultState {
	return s.faults.Take(func(f Fault) bool {
		return (f.Service == "" || f.Service == service) && (f.Operation == "" || f.Operation == operation)
	}, always)
}

// takeDown says whether a service cannot be reached.
func (s *Server) takeDown(service Service) bool {
	return s.faults.Take(func(f Fault) bool {
		return f.Down && (f.Service == service || f.Service == "" && service != ServiceUpload)
	}, always) != nil
}

func always(Fault) bool {
	return true
}

// AddFault makes requests to come meet a fault. Each meets one at most: the
// oldest that is for its operation.
func (s *Server) AddFault(f Fault) (FaultState, error) {
	if err := f.Validate(); err != nil {
		return FaultState{}, err
	}
	return s.faults.Add(f, f.Times)
}

// Faults returns the faults that are set, the oldest first.
func (s *Server) Faults() []FaultState {
	return s.faults.All()
}

// RemoveFault deletes the fault with an id; false means that there is none.
func (s *Server) RemoveFault(id string) bool {
	return id != "" && s.faults.Remove(id) > 0
}

// ClearFaults deletes every fault and returns how many they were.
func (s *Server) ClearFaults() int {
	return s.faults.Remove("")
}
