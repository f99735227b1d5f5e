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

// Fault describes a requested misbehavior. At least one of Status, Delay, Reset
// and Down must be set. Status is answered only to a request with a valid
// signature.
type Fault struct {
	// Service restricts the fault to one service. Empty means all except the
	// data upload endpoint, which supports only Down: the APM sandbox has its
	// own faults for uploads.
	Service Service `json:"service,omitempty"`
	// Operation restricts the fault to one operation; empty means all.
	Operation Operation `json:"operation,omitempty"`
	// Status, 400 to 599, is answered instead of carrying out the operation. A
	// denied permission is a 404, as on the real service.
	Status int `json:"status,omitempty"`
	// Code is the error's code; it requires Status. Empty means OCI's usual
	// code.
	Code string `json:"code,omitempty"`
	// Message is the error's text; it requires Status.
	Message string `json:"message,omitempty"`
	// RetryAfter is the value of the Retry-After header; it requires Status.
	RetryAfter string `json:"retry_after,omitempty"`
	// Delay delays the answer.
	Delay apm.Duration `json:"delay,omitzero"`
	// Reset closes the connection with RST instead of answering.
	Reset bool `json:"reset,omitempty"`
	// Down makes the service unreachable: it accepts no new connections, and
	// closes existing ones on the next request.
	Down bool `json:"down,omitempty"`
	// Times is the number of requests that the fault applies to; 0 means until
	// it is deleted.
	Times int `json:"times,omitempty"`
}

// FaultState is an active fault with the number of remaining requests.
type FaultState = faults.State[Fault]

var services = []Service{
	ServiceAPM, ServiceAPMConfig, ServiceAPMTraces, ServiceLogging, ServiceMonitoring,
	ServiceSecrets, ServiceAuth, ServiceMetadata, ServiceProxymux, ServiceUpload,
}

// operations lists the operations that a fault can name.
var operations = func() []Operation {
	known := []Operation{OperationMetadata, OperationWorkloadToken}
	for _, routes := range new(Server).routes() {
		for _, route := range routes {
			known = append(known, route.operation)
		}
	}
	slices.Sort(known)
	return known
}()

// Validate returns all reasons why f is invalid; each names the field.
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

// failure returns the answer of a fault with a status.
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

// take applies the oldest fault for an operation to one request, and returns
// nil if there is none.
func (s *Server) take(service Service, operation Operation) *FaultState {
	return s.faults.Take(func(f Fault) bool {
		return (f.Service == "" || f.Service == service) && (f.Operation == "" || f.Operation == operation)
	}, always)
}

// takeDown reports whether a fault makes the service unreachable.
func (s *Server) takeDown(service Service) bool {
	return s.faults.Take(func(f Fault) bool {
		return f.Down && (f.Service == service || f.Service == "" && service != ServiceUpload)
	}, always) != nil
}

func always(Fault) bool {
	return true
}

// AddFault adds a fault for future requests. At most one applies to a request:
// the oldest for its operation.
func (s *Server) AddFault(f Fault) (FaultState, error) {
	if err := f.Validate(); err != nil {
		return FaultState{}, err
	}
	return s.faults.Add(f, f.Times)
}

// Faults returns the active faults, the oldest first.
func (s *Server) Faults() []FaultState {
	return s.faults.All()
}

// RemoveFault deletes the fault with an id, and returns false if there is none.
func (s *Server) RemoveFault(id string) bool {
	return id != "" && s.faults.Remove(id) > 0
}

// ClearFaults deletes all faults and returns their number.
func (s *Server) ClearFaults() int {
	return s.faults.Remove("")
}
