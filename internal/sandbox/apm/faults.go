// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/faults"
)

// Duration is a time.Duration that is text in JSON, such as "200ms".
type Duration time.Duration

// MarshalText returns the duration in Go's notation.
func (d Duration) MarshalText() ([]byte, error) {
	return []byte(time.Duration(d).String()), nil
}

// UnmarshalText reads a duration in Go's notation.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("delay: %w", err)
	}
	*d = Duration(parsed)
	return nil
}

// Fault describes how the sandbox should misbehave. At least one of Status,
// Delay, PartialSuccess, Reset, Down, Redirect and Page must be set.
type Fault struct {
	// Signal restricts the fault to one signal; empty means all.
	Signal Signal `json:"signal,omitempty"`
	// Status, 300 to 599, is answered instead of storing the upload. With Page
	// it is 200 to 599.
	Status int `json:"status,omitempty"`
	// RetryAfter is the value of the Retry-After header; it requires Status.
	RetryAfter string `json:"retry_after,omitempty"`
	// Message is the text in the error body; it requires Status.
	Message string `json:"message,omitempty"`
	// Delay delays the answer. The upload is stored before the delay.
	Delay Duration `json:"delay,omitzero"`
	// PartialSuccess stores an upload without its first items.
	PartialSuccess *PartialSuccess `json:"partial_success,omitempty"`
	// Reset closes the TCP connection with RST in the middle of the response.
	// Without Status the upload is stored: the sender cannot know.
	Reset bool `json:"reset,omitempty"`
	// Down closes the connection without reading or answering.
	Down bool `json:"down,omitempty"`
	// Redirect is the Location of a redirect. Status is its status, 307 if
	// unset.
	Redirect string `json:"redirect,omitempty"`
	// Page is an HTML page that replaces APM's answer, like that of a proxy or
	// a sign-in page. Status is its status, 200 if unset.
	Page string `json:"page,omitempty"`
	// Times is the number of uploads that the fault applies to; 0 means until
	// it is deleted.
	Times int `json:"times,omitempty"`
}

// PartialSuccess is an OTLP partial success on demand.
type PartialSuccess struct {
	// Rejected is the number of spans, data points or log records, counted from
	// the start of the upload, that are not stored.
	Rejected int `json:"rejected"`
	// Message is the error_message of the response.
	Message string `json:"message"`
}

// FaultState is an active fault with the number of remaining uploads.
type FaultState = faults.State[Fault]

// Validate returns all reasons why f is invalid; each names the field.
func (f Fault) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if f.Signal != "" && !slices.Contains(signals, f.Signal) {
		fail("signal: must be traces, metrics, logs or empty, got %q", f.Signal)
	}
	lowest := http.StatusMultipleChoices
	if f.Page != "" {
		lowest = http.StatusOK
	}
	if f.Status != 0 && (f.Status < lowest || f.Status > 599) {
		fail("status: must be from %d to 599, got %d", lowest, f.Status)
	}
	if f.Status == http.StatusNotModified {
		fail("status: 304 has no body and cannot be imitated")
	}
	if f.RetryAfter != "" && f.Status == 0 {
		fail("retry_after: needs a status")
	}
	if strings.ContainsFunc(f.RetryAfter, func(r rune) bool { return r < ' ' || r > '~' }) {
		fail("retry_after: must be printable ASCII")
	}
	if f.Message != "" && f.Status == 0 && f.Redirect == "" {
		fail("message: needs a status")
	}
	if f.Delay < 0 || time.Duration(f.Delay) > faults.MaxDelay {
		fail("delay: must be from 0 to %s, got %s", faults.MaxDelay, time.Duration(f.Delay))
	}
	if f.Times < 0 {
		fail("times: must not be negative, got %d", f.Times)
	}
	if f.PartialSuccess != nil {
		if f.PartialSuccess.Rejected < 0 {
			fail("partial_success.rejected: must not be negative, got %d", f.PartialSuccess.Rejected)
		}
		if f.PartialSuccess.Rejected == 0 && f.PartialSuccess.Message == "" {
			fail("partial_success: needs rejected or message")
		}
		if f.Status != 0 || f.Redirect != "" {
			fail("partial_success: cannot go with status or redirect, which store nothing")
		}
	}
	if f.Page != "" && (f.Message != "" || f.PartialSuccess != nil || f.Redirect != "") {
		fail("page: cannot go with message, partial_success or redirect")
	}
	if f.Page != "" && (f.Status == http.StatusNoContent || f.Status == http.StatusResetContent) {
		fail("page: cannot go with status %d, which has no body", f.Status)
	}
	if f.Redirect != "" {
		errs = append(errs, f.validateRedirect())
	}
	if f.Down && (f.Status != 0 || f.PartialSuccess != nil || f.Reset || f.Redirect != "" || f.Page != "") {
		fail("down: goes only with signal, delay and times")
	}
	if f.Status == 0 && f.Delay == 0 && f.PartialSuccess == nil && !f.Reset && !f.Down && f.Redirect == "" && f.Page == "" {
		fail("fault: set at least one of status, delay, partial_success, reset, down, redirect, page")
	}
	return errors.Join(errs...)
}

func (f Fault) validateRedirect() error {
	target, err := url.Parse(f.Redirect)
	if err != nil || (target.Scheme != "http" && target.Scheme != "https") || target.Host == "" {
		return errors.New("redirect: must be an absolute http or https URL")
	}
	switch f.Status {
	case 0, http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return nil
	}
	return fmt.Errorf("status: must be 301, 302, 303, 307 or 308 with redirect, got %d", f.Status)
}

// status returns the HTTP status that the fault answers instead of storing, or
// 0.
func (f Fault) status() int {
	switch {
	case f.Status == 0 && f.Redirect != "":
		return http.StatusTemporaryRedirect
	case f.Status == 0 && f.Page != "":
		return http.StatusOK
	}
	return f.Status
}

// take applies the oldest fault for the signal to one upload, and returns nil
// if there is none. With downOnly it does so only if that fault is Down.
func (s *Server) take(signal Signal, downOnly bool) *FaultState {
	return s.faults.Take(
		func(f Fault) bool { return f.Signal == "" || f.Signal == signal },
		func(f Fault) bool { return f.Down || !downOnly })
}
