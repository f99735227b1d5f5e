// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/apmcost"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

// maxHours limits the hours that are remembered.
const maxHours = 48

// Usage has the accepted spans by clock hour, as OCI APM bills them: also those that the
// sandbox already has. Resetting the store does not change it.
type Usage struct {
	// Limit is the quota of spans an hour; 0 means none.
	Limit int `json:"limit"`
	// UnitSpans is how many spans are billed as one unit.
	UnitSpans int `json:"unit_spans"`
	// Hours are the latest hours with uploads, the newest first, at most 48.
	Hours []HourUsage `json:"hours"`
	// Sampling describes the traces in the store.
	Sampling Sampling `json:"sampling"`
}

// HourUsage has the spans of one clock hour in UTC, by the time of arrival.
type HourUsage struct {
	Start time.Time `json:"start"`
	Spans int       `json:"spans"`
	// Refused are spans beyond the quota. A span that is sent again counts again.
	Refused int `json:"refused,omitempty"`
}

// meter counts spans by clock hour and applies a quota.
type meter struct {
	now func() time.Time

	mu    sync.Mutex
	limit int
	hours []HourUsage // the newest last
}

// current returns the hour of now. mu is held.
func (m *meter) current() *HourUsage {
	start := m.now().UTC().Truncate(time.Hour)
	if n := len(m.hours); n > 0 && !m.hours[n-1].Start.Before(start) { // also if the clock was set back
		return &m.hours[n-1]
	}
	if len(m.hours) == maxHours {
		m.hours = slices.Delete(m.hours, 0, 1)
	}
	m.hours = append(m.hours, HourUsage{Start: start})
	return &m.hours[len(m.hours)-1]
}

// refuses reports whether so many spans are beyond the quota. If they are, it returns the
// time until the next hour. Otherwise it counts them. The first upload of an hour is
// accepted whatever its size, or it would be retried forever.
func (m *meter) refuses(spans int) (time.Duration, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	hour := m.current()
	if m.limit > 0 && hour.Spans > 0 && hour.Spans+spans > m.limit {
		hour.Refused += spans
		return max(time.Second, hour.Start.Add(time.Hour).Sub(m.now())), true
	}
	hour.Spans += spans
	return 0, false
}

// giveBack subtracts spans that were counted, but rejected then.
func (m *meter) giveBack(spans int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if spans > 0 {
		hour := m.current()
		hour.Spans = max(0, hour.Spans-spans)
	}
}

func (m *meter) setLimit(limit int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = limit
}

func (m *meter) usage() Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	hours := slices.Clone(m.hours)
	slices.Reverse(hours)
	if hours == nil {
		hours = []HourUsage{}
	}
	return Usage{Limit: m.limit, UnitSpans: apmcost.SpansPerUnit, Hours: hours}
}

// errQuota is returned for a quota that is none.
var errQuota = errors.New("spans_per_hour: must not be negative; 0 switches the quota off")

// SetQuota limits the spans that are accepted in a clock hour; 0 means no limit.
func (s *Server) SetQuota(spansPerHour int) error {
	if spansPerHour < 0 {
		return errQuota
	}
	s.meter.setLimit(spansPerHour)
	return nil
}

// Usage returns the spans by clock hour, and how the traces in the store were sampled.
func (s *Server) Usage() Usage {
	usage := s.meter.usage()
	usage.Sampling = samplingOf(s.store.snapshot())
	return usage
}

// beyondQuota returns the problem of an upload of traces that the quota has no room for.
// It is not known what the real service does beyond the limit of an Always Free domain:
// that it answers 429 until the next clock hour is an assumption.
func (u *upload) beyondQuota(spans int) *problem {
	wait, refused := u.server.meter.refuses(spans)
	if !refused {
		return nil
	}
	u.w.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	return &problem{
		status: http.StatusTooManyRequests, reason: "quota",
		message: fmt.Sprintf("the quota of spans for this hour is used up: the next hour begins in %s", wait.Round(time.Second)),
	}
}

func (s *Server) putQuota(w http.ResponseWriter, r *http.Request) {
	var quota struct {
		SpansPerHour int `json:"spans_per_hour"`
	}
	if !localapi.Read(w, r, &quota) {
		return
	}
	if err := s.SetQuota(quota.SpansPerHour); err != nil {
		localapi.WriteError(w, http.StatusBadRequest, err.Error())
		return
	}
	s.writeJSON(w, http.StatusOK, s.Usage())
}
