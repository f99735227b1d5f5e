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

// What a sandbox uses where nothing else is said.
const (
	// DefaultListen is the address of the proxy: loopback, a free port.
	DefaultListen = "127.0.0.1:0"
	// DefaultRegion is where the callers and the APM domain are.
	DefaultRegion = "us-phoenix-1"
	// DefaultTokenLifetime is how long an issued token is valid. oci-go-sdk
	// renews a token five minutes before it ends.
	DefaultTokenLifetime = time.Hour
)

// regionName matches the identifiers of OCI's regions, such as eu-frankfurt-1.
var regionName = regexp.MustCompile(`^[a-z]{2,3}-[a-z]+-\d$`)

// Config is what a sandbox needs to know before it starts. The zero value is
// a sandbox with the defaults.
type Config struct {
	// Listen is the host:port of the proxy; port 0 takes a free one. It must be
	// a loopback address: whoever reaches the proxy can have keys and tokens.
	Listen string
	// Region is where the callers are: the region of the configuration file,
	// of the instance and of the cluster.
	Region string
	// DomainRegion is where the APM domain is; empty means Region. Any other
	// region's control plane does not know the domain.
	DomainRegion string
	// TokenLifetime is how long issued tokens are valid.
	TokenLifetime time.Duration
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

// Validate returns every reason why a sandbox cannot run with c.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if !localapi.IsLoopback(c.Listen) {
		errs = append(errs, fmt.Errorf("listen address %q is not host:port of this machine alone, such as %s", c.Listen, DefaultListen))
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
