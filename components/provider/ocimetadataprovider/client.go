// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocimetadataprovider // import "github.com/ociapm/otelcol-ociapm/components/provider/ocimetadataprovider"

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	// The address is the same on every instance.
	defaultBaseURL = "http://169.254.169.254/opc/v2"
	// baseURLVariable has the same name in oci-go-sdk and the OCI CLI.
	baseURLVariable = "OCI_METADATA_BASE_URL"

	// The service runs on the host itself and answers within milliseconds. On
	// other machines its address may swallow requests, and the collector must
	// start there too.
	attempts       = 3
	attemptTimeout = time.Second
	firstPause     = 100 * time.Millisecond

	// An instance can have at most 32 KB of user data.
	maxBody = 1 << 20
)

// errElsewhere is returned for answers that the service would never give.
var errElsewhere = errors.New("the answer is not from the OCI instance metadata service")

// client reads the OCI instance metadata service, version 2.
type client struct {
	http *http.Client
	url  string
}

func newClient() *client {
	base := os.Getenv(baseURLVariable)
	if base == "" {
		base = defaultBaseURL
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableKeepAlives = true // requests are rare
	return &client{
		http: &http.Client{
			Transport:     transport,
			Timeout:       attemptTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		url: strings.TrimRight(base, "/") + "/instance/",
	}
}

// instance returns the metadata of this instance.
func (c *client) instance(ctx context.Context) (map[string]any, error) {
	pause := firstPause
	var err error
	for attempt := range attempts {
		if attempt > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(pause):
			}
			pause *= 2
		}
		var instance map[string]any
		if instance, err = c.get(ctx); err == nil {
			return instance, nil
		}
		if errors.Is(err, errElsewhere) {
			break
		}
	}
	return nil, fmt.Errorf("read the metadata of this instance at %s: %w; is this machine an OCI instance, or a pod that may reach the address?", c.url, err)
}

func (c *client) get(ctx context.Context) (map[string]any, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer Oracle") // version 2 requires exactly this text
	req.Header.Set("Accept", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		var withURL *url.Error // the caller's message contains the address
		if errors.As(err, &withURL) {
			err = withURL.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	// The body may contain the instance's user data: no error quotes it.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, err
	}
	switch {
	case resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode >= http.StatusInternalServerError:
		return nil, fmt.Errorf("the service answers %s", resp.Status)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w (%s)", errElsewhere, resp.Status)
	}
	var instance map[string]any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber() // keeps 2.0 as 2.0, and a time in milliseconds readable
	if err := decoder.Decode(&instance); err != nil || instance == nil {
		return nil, fmt.Errorf("%w (it is not a JSON object)", errElsewhere)
	}
	return instance, nil
}
