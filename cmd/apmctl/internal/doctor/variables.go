// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"os"
	"strings"

	"go.opentelemetry.io/collector/confmap"
)

// variables records which environment variables a configuration reads.
type variables struct {
	read     []string // the names, in the order of reading
	unset    []string // those that are not set and have no default
	problems []string // entries of OTEL_RESOURCE_ATTRIBUTES that the collector ignores
}

// recording returns a factory of envprovider that also records the names.
func (v *variables) recording(inner confmap.ProviderFactory) confmap.ProviderFactory {
	return confmap.NewProviderFactory(func(set confmap.ProviderSettings) confmap.Provider {
		return recordingProvider{inner: inner.Create(set), variables: v}
	})
}

func (v *variables) note(uri string) {
	name, _, hasDefault := strings.Cut(strings.TrimPrefix(uri, "env:"), ":-")
	for _, known := range v.read {
		if known == name {
			return
		}
	}
	v.read = append(v.read, name)
	if _, isSet := os.LookupEnv(name); !isSet && !hasDefault {
		v.unset = append(v.unset, name)
	}
}

type recordingProvider struct {
	inner     confmap.Provider
	variables *variables
}

// Scheme implements confmap.Provider.
func (p recordingProvider) Scheme() string { return p.inner.Scheme() }

// Shutdown implements confmap.Provider.
func (p recordingProvider) Shutdown(ctx context.Context) error { return p.inner.Shutdown(ctx) }

// Retrieve implements confmap.Provider.
func (p recordingProvider) Retrieve(ctx context.Context, uri string, watcher confmap.WatcherFunc) (*confmap.Retrieved, error) {
	p.variables.note(uri)
	return p.inner.Retrieve(ctx, uri, watcher)
}
