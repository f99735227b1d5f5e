// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
)

// The defaults of a sandbox.
const (
	// DefaultListen is the address of the proxy: a free port on loopback.
	DefaultListen = "127.0.0.1:0"
	// DefaultRegion is the region of the callers and of the APM domain.
	DefaultRegion = "us-phoenix-1"
	// DefaultTokenLifetime is the lifetime of an issued token. oci-go-sdk
	// renews a token five minutes before it expires.
	DefaultTokenLifetime = time.Hour
)

// regionName matches the identifiers of OCI's regions, such as eu-frankfurt-1.
var regionName = regexp.MustCompile(`^[a-z]{2,3}-[a-z]+-\d$`)

// Config is the configuration of a sandbox. The zero value is a sandbox with
// the defaults.
type Config struct {
	// Listen is the host:port of the proxy; with port 0 a free port. It must be
	// a loopback address, since anyone who can reach the proxy can obtain keys
	// and tokens.
	Listen string
	// Region is the region of the callers: of the configuration file, of the
	// instance and of the cluster.
	Region string
	// DomainRegion is the region of the APM domain; empty means Region. The
	// control planes of other regions do not know the domain.
	DomainRegion string
	// TokenLifetime is the lifetime of issued tokens.
	TokenLifetime time.Duration
	// EmptyDomain starts with an APM domain as OCI creates it, but without data keys,
	// and without the rule "OpenTelemetry to APM naming conversion". Otherwise the
	// rule is on, as after the guide's steps.
	EmptyDomain bool
}

func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Region == "" {
		c.Region = DefaultRegion
	}
	if c.DomainRegion == "" {
		c.DomainRegion = c.Region
	}
	if c.TokenLifetime == 0 {
		c.TokenLifetime = DefaultTokenLifetime
	}
	return c
}

// Validate returns all reasons why c is invalid.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if !localapi.IsLoopback(c.Listen) {
		errs = append(errs, fmt.Errorf("listen address %q is not a loopback host:port, such as %s", c.Listen, DefaultListen))
	}
	for _, region := range []string{c.Region, c.DomainRegion} {
		if !regionName.MatchString(region) {
			errs = append(errs, fmt.Errorf("%q is not the identifier of a region, such as %s", region, DefaultRegion))
		}
	}
	if c.TokenLifetime < 0 {
		errs = append(errs, fmt.Errorf("token lifetime must not be negative, got %s", c.TokenLifetime))
	}
	return errors.Join(errs...)
}
