// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocisandbox

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/apmsandbox"
)

const (
	maxFaults     = 1000
	maxFaultDelay = 10 * time.Minute
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
	Delay apmsandbox.Duration `json:"delay,omitzero"`
	// Reset breaks the connection (RST) instead of answering.
	Reset bool `json:"reset,omitempty"`
	// Down makes the service unreachable: no new connection, and those that are
	// there break at the next request.
	Down bool `json:"down,omitempty"`
	// Times is the number of requests that the fault applies to; 0 means until
	// it is deleted.
	Times int `json:"times,omitempty"`
}

// FaultState is a fault that is set, and what it did so far.
type FaultState struct {
	ID string `json:"id"`
	// Applied is the number of requests that met the fault.
	Applied int   `json:"applied"`
	Fault   Fault `json:"fault"`
}

var errTooManyFaults = fmt.Errorf("there are %d faults already: delete some first", maxFaults)

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
	if f.Delay < 0 || time.Duration(f.Delay) > maxFaultDelay {
		fail("delay: must be from 0 to %s, got %s", maxFaultDelay, time.Duration(f.Delay))
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

// faultList holds the faults that are set, oldest first.
type faultList struct {
	mu     sync.Mutex
	lastID int
	faults []*FaultState
}

func (l *faultList) add(f Fault) (FaultState, error) {
	if err := f.Validate(); err != nil {
		return FaultState{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.faults) >= maxFaults {
		return FaultState{}, errTooManyFaults
	}
	l.lastID++
	state := &FaultState{ID: strconv.Itoa(l.lastID), Fault: f}
	l.faults = append(l.faults, state)
	return *state, nil
}

// take applies the oldest fault for an operation to one request; nil means
// that there is none.
func (l *faultList) take(service Service, operation Operation) *Fault {
	return l.apply(func(f Fault) bool {
		return (f.Service == "" || f.Service == service) && (f.Operation == "" || f.Operation == operation)
	})
}

// takeDown says whether a service cannot be reached.
func (l *faultList) takeDown(service Service) bool {
	return l.apply(func(f Fault) bool {
		return f.Down && (f.Service == service || f.Service == "" && service != ServiceUpload)
	}) != nil
}

func (l *faultList) apply(matches func(Fault) bool) *Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, state := range l.faults {
		if !matches(state.Fault) {
			continue
		}
		state.Applied++
		if state.Applied == state.Fault.Times {
			l.faults = slices.Delete(l.faults, i, i+1)
		}
		return new(state.Fault)
	}
	return nil
}

func (l *faultList) list() []FaultState {
	l.mu.Lock()
	defer l.mu.Unlock()
	states := make([]FaultState, 0, len(l.faults))
	for _, state := range l.faults {
		states = append(states, *state)
	}
	return states
}

// remove deletes the fault with the id, or all if id is empty, and returns how
// many it deleted.
func (l *faultList) remove(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.faults)
	l.faults = slices.DeleteFunc(l.faults, func(state *FaultState) bool { return id == "" || state.ID == id })
	return before - len(l.faults)
}

// AddFault makes requests to come meet a fault. Each meets one at most: the
// oldest that is for its operation.
func (s *Server) AddFault(f Fault) (FaultState, error) {
	return s.faults.add(f)
}

// Faults returns the faults that are set, the oldest first.
func (s *Server) Faults() []FaultState {
	return s.faults.list()
}

// RemoveFault deletes the fault with an id; false means that there is none.
func (s *Server) RemoveFault(id string) bool {
	return id != "" && s.faults.remove(id) > 0
}

// ClearFaults deletes every fault and returns how many they were.
func (s *Server) ClearFaults() int {
	return s.faults.remove("")
}
