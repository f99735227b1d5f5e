// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const requestTimeout = time.Minute

// client sends requests to a case's apps and counts them by route.
type client struct {
	running *running
	http    *http.Client
	counted map[string]int // requests by route
	answers map[string]int // numbers that a case's traffic saves for its routes
	header  http.Header    // goes with every request
	// traces maps the traces that the requests belong to, to the id of the span given as
	// their parent; nil lets the apps start them.
	traces map[string]string
}

func newClient(r *running) *client {
	return &client{
		running: r,
		http:    &http.Client{Timeout: requestTimeout, Transport: &http.Transport{DisableKeepAlives: true}},
		counted: map[string]int{},
		answers: map[string]int{},
		header:  http.Header{},
	}
}

// count records n requests to a route.
func (c *client) count(method, path string, status, n int) {
	c.counted[route{method: method, path: path, status: status}.String()] += n
}

// request sends a request, checks its status and counts it. If answer is not nil, the
// response must be JSON.
func (c *client) request(t *testing.T, method, route, path, body string, status int, answer any) {
	t.Helper()
	require.Equal(t, status, c.send(t, method, path, body, answer), "%s %s", method, path)
	c.count(method, route, status, 1)
}

// send sends a request, reads the response, and returns its status. It may be called
// from any goroutine.
func (c *client) send(t *testing.T, method, path, body string, answer any) int {
	t.Helper()
	status, err := c.exchange(t.Context(), method, path, body, answer)
	assert.NoError(t, err, "%s %s", method, path)
	return status
}

func (c *client) exchange(ctx context.Context, method, path, body string, answer any) (int, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.running.url+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header = c.header.Clone()
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if answer == nil {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(answer)
}
