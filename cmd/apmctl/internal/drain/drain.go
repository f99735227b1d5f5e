// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package drain waits until a collector has uploaded what it holds.
package drain // import "github.com/ociapm/otelcol-ociapm/cmd/apmctl/internal/drain"

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ociapm/otelcol-ociapm/cmd/apmctl/internal/exposition"
)

const (
	requestTimeout = 5 * time.Second
	// maxBody bounds what is read of a response, in bytes.
	maxBody = 16 << 20
)

// Options set what to wait for.
type Options struct {
	// Metrics is the URL of the collector's own metrics.
	Metrics string
	// Status is the URL of the component status, which answers 500 while uploads fail.
	// If it is set, Run gives up then: waiting would not help.
	Status string
	// AtLeast is how long Run waits in any case, so that senders notice that the
	// collector is about to exit.
	AtLeast time.Duration
	// Backlog makes Run return when what was queued at first has been uploaded, although
	// more has arrived since: a sender that stays connected notices only when the
	// collector exits.
	Backlog bool
	// Poll is the time between two looks.
	Poll time.Duration
}

// held is what a collector has not delivered: requests on disk, what its queues hold in
// the unit of their size, and traces that wait for a decision.
type held struct {
	requests, queued, traces int64
}

// state is what a collector holds and has uploaded, in bytes, so far.
type state struct {
	held     held
	uploaded int64
}

// since reports whether as much has been uploaded since a state as was queued then, in
// bytes, which are the sizer of the shipped configurations. A queue is first in, first
// out. Uploads that were repeated count twice: then some of it may be left, and stays in
// the queue on disk.
func (s state) since(first state) bool {
	return s.held.traces == 0 && s.uploaded-first.uploaded >= first.held.queued
}

// String describes what is held.
func (h held) String() string {
	var parts []string
	switch {
	case h.requests > 0:
		parts = append(parts, fmt.Sprintf("requests in the queue on disk: %d", h.requests))
	case h.queued > 0:
		parts = append(parts, fmt.Sprintf("size of the queues: %d", h.queued))
	}
	if h.traces > 0 {
		parts = append(parts, fmt.Sprintf("traces that wait for a decision: %d", h.traces))
	}
	return strings.Join(parts, ", ")
}

// Run returns nil once the collector holds nothing, in two looks in a row. Otherwise, the
// error says what is left and why Run has stopped waiting.
func Run(ctx context.Context, o Options) error {
	least := time.Now().Add(o.AtLeast)
	ticker := time.NewTicker(o.Poll)
	defer ticker.Stop()
	var first *state // after AtLeast
	empty := 0
	last := fmt.Errorf("%s was not read", o.Metrics)
	for {
		now, err := look(ctx, o.Metrics)
		waited := !time.Now().Before(least)
		if first == nil && waited && err == nil {
			first = &now
		}
		switch {
		case ctx.Err() != nil: // last is the reason
		case err != nil:
			empty, last = 0, err
		case now.held != (held{}):
			empty, last = 0, errors.New(now.held.String())
			if waited && o.Status != "" && failing(ctx, o.Status) {
				return fmt.Errorf("uploads fail, so waiting does not help: %w", last)
			}
			if waited && o.Backlog && now.since(*first) {
				return nil
			}
		default:
			empty++
			if waited && empty > 1 {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("time is up: %w", last)
		case <-ticker.C:
		}
	}
}

// look reads what the collector holds.
func look(ctx context.Context, url string) (state, error) {
	status, body, err := get(ctx, url)
	if err != nil {
		return state{}, err
	}
	m := exposition.Parse(body)
	const size = "otelcol_exporter_queue_size"
	if status != http.StatusOK || !m.Has(size) {
		return state{}, fmt.Errorf("%s has no %s: is this a collector with a queue?", url, size)
	}
	return state{
		held: held{
			requests: m.Sum("otelcol_extension_queue_storage_stored_items", `queue="exporter_`),
			queued:   m.Sum(size),
			traces:   m.Sum("otelcol_processor_durable_tail_sampling_waiting_traces"),
		},
		uploaded: m.Sum("otelcol_exporter_oci_apm_uncompressed_bytes"),
	}, nil
}

// failing reports whether the component status says that uploads fail. A status that
// cannot be read says nothing.
func failing(ctx context.Context, url string) bool {
	status, _, err := get(ctx, url)
	return err == nil && status == http.StatusInternalServerError
}

func get(ctx context.Context, url string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	// A proxy in the environment is for uploads.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return resp.StatusCode, string(content), err
}
