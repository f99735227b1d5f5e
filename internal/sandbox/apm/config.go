// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"errors"
	"fmt"
	"net"
)

// The defaults of a sandbox.
const (
	// DefaultListen is the address served by default: loopback only.
	DefaultListen = "127.0.0.1:4320"
	// DefaultPrivateKey is the private data key accepted by default.
	DefaultPrivateKey = "sandbox-private-key"
	// DefaultPublicKey is the public data key accepted by default.
	DefaultPublicKey = "sandbox-public-key"
	// DefaultMaxSpans is the default bound on stored spans.
	DefaultMaxSpans = 100_000
	// DefaultMaxBytes is the default bound on the store's memory, in bytes.
	DefaultMaxBytes = 256 << 20
	// DefaultMaxRequestBytes is the default bound on a body as sent, in bytes.
	// The limit of the real service is not documented.
	DefaultMaxRequestBytes = 10 << 20
	// DefaultMaxDecompressedBytes is the default bound on a body after
	// decompression, in bytes.
	DefaultMaxDecompressedBytes = 64 << 20
)

// Config is the configuration of a sandbox.
type Config struct {
	// Listen is the host:port to listen on; with port 0 a free port.
	Listen string
	// PrivateKey is the data key accepted where APM requires a private one.
	PrivateKey string
	// PublicKey is the data key accepted where APM requires a public one.
	PublicKey string
	// MaxSpans limits the number of stored spans.
	MaxSpans int
	// MaxBytes limits, approximately, the memory of all stored data: five
	// eighths of it are for spans, an eighth each for metrics, for logs, and
	// for copies of spans as the app sent them whose upload has not arrived
	// yet.
	MaxBytes int64
	// MaxRequestBytes limits the size of an upload's body as sent.
	MaxRequestBytes int64
	// MaxDecompressedBytes limits the size of an upload's body after
	// decompression.
	MaxDecompressedBytes int64
	// SpansPerHour limits the spans that are accepted in a clock hour; 0 means no limit.
	SpansPerHour int
}

// DefaultConfig returns the configuration of a sandbox on a laptop.
func DefaultConfig() Config {
	return Config{
		Listen:               DefaultListen,
		PrivateKey:           DefaultPrivateKey,
		PublicKey:            DefaultPublicKey,
		MaxSpans:             DefaultMaxSpans,
		MaxBytes:             DefaultMaxBytes,
		MaxRequestBytes:      DefaultMaxRequestBytes,
		MaxDecompressedBytes: DefaultMaxDecompressedBytes,
	}
}

// Validate returns every reason why a sandbox cannot run with c. No error
// contains a key.
func (c Config) Validate() error {
	var errs []error
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		errs = append(errs, fmt.Errorf("listen address %q is not host:port: %w", c.Listen, err))
	}
	errs = append(errs, validateKeys(c.PrivateKey, c.PublicKey))
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"max spans", int64(c.MaxSpans)},
		{"max bytes", c.MaxBytes},
		{"max request bytes", c.MaxRequestBytes},
		{"max decompressed bytes", c.MaxDecompressedBytes},
	} {
		if limit.value < 1 {
			errs = append(errs, fmt.Errorf("%s must be at least 1, got %d", limit.name, limit.value))
		}
	}
	if c.SpansPerHour < 0 {
		errs = append(errs, errQuota)
	}
	return errors.Join(errs...)
}
