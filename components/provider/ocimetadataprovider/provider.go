// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ocimetadataprovider // import "github.com/ociapm/otelcol-ociapm/components/provider/ocimetadataprovider"

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/collector/confmap"
	"go.uber.org/zap"
)

const (
	schemeName = "ocimetadata"

	// All values of one resolution come from the same answer of the service. A
	// reload asks the service again.
	reuse = 10 * time.Second
)

type provider struct {
	logger *zap.Logger
	client *client
	now    func() time.Time

	mu sync.Mutex
	// instance is the last metadata that was read; nil if there is none.
	instance map[string]any
	// err is the error of the last request; nil if it succeeded.
	err    error
	looked time.Time
}

// NewFactory returns a factory for a confmap.Provider that reads the metadata
// of the OCI instance that the collector runs on, from the instance metadata
// service, version 2.
//
// This Provider supports the scheme "ocimetadata", and can be called with the
// path of a value in the JSON document at /opc/v2/instance/:
//
// `ocimetadata:compartmentId`, `ocimetadata:metadata.oke-cluster-id`
//
// A default for a missing value, or for a machine without the service, can be
// provided after the :- suffix:
//
// `ocimetadata:metadata.oke-cluster-id:-none`
//
// See also:
// https://docs.oracle.com/en-us/iaas/Content/Compute/Tasks/gettingmetadata.htm
func NewFactory() confmap.ProviderFactory {
	return confmap.NewProviderFactory(newProvider)
}

func newProvider(set confmap.ProviderSettings) confmap.Provider {
	return &provider{logger: set.Logger, client: newClient(), now: time.Now}
}

// Retrieve implements confmap.Provider. The value is always a string.
func (p *provider) Retrieve(ctx context.Context, uri string, _ confmap.WatcherFunc) (*confmap.Retrieved, error) {
	spec, ok := strings.CutPrefix(uri, schemeName+":")
	if !ok {
		return nil, fmt.Errorf("%q uri is not supported by %q provider", uri, schemeName)
	}
	path, fallback, hasFallback := strings.Cut(spec, ":-")
	if path == "" {
		return nil, fmt.Errorf("%s: the path of a value is missing; write for example ${%s:compartmentId}", schemeName, schemeName)
	}

	instance, err := p.describe(ctx)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	var value string
	if err == nil {
		value, ok, err = lookUp(instance, path)
		if err == nil && !ok {
			err = fmt.Errorf("this instance has no %q", path)
		}
	}
	switch {
	case err == nil:
		// The resolver would interpret a dollar sign as the beginning of
		// another reference.
		return confmap.NewRetrieved(strings.ReplaceAll(value, "$", "$$"))
	case hasFallback:
		return confmap.NewRetrieved(fallback)
	default:
		return nil, fmt.Errorf("%s: %w; write ${%s:%s:-default} if the value may be missing", schemeName, err, schemeName, path)
	}
}

// Scheme implements confmap.Provider.
func (*provider) Scheme() string { return schemeName }

// Shutdown implements confmap.Provider.
func (*provider) Shutdown(context.Context) error { return nil }

// describe returns the metadata of this instance. While the service fails, it
// returns the last metadata that was read.
func (p *provider) describe(ctx context.Context) (map[string]any, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.looked.IsZero() || p.now().Sub(p.looked) >= reuse {
		instance, err := p.client.instance(ctx)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p.looked, p.err = p.now(), err
		switch {
		case err == nil:
			p.instance = instance
		case p.instance != nil:
			p.logger.Warn("The OCI instance metadata service does not answer; keeping its last answer", zap.Error(err))
		default:
			p.logger.Info("No OCI instance metadata; using the defaults of the configuration, if it has any", zap.Error(err))
		}
	}
	if p.instance != nil {
		return p.instance, nil
	}
	return nil, p.err
}

// lookUp finds the value at a path of names joined by dots. A name may contain
// dots, as the keys of tags may.
func lookUp(object map[string]any, path string) (value string, found bool, err error) {
	if v, ok := object[path]; ok {
		switch v := v.(type) {
		case nil:
			return "", false, nil
		case string:
			return v, true, nil
		case bool:
			return strconv.FormatBool(v), true, nil
		case json.Number:
			return v.String(), true, nil
		default:
			return "", false, fmt.Errorf("%q of this instance is not a single value", path)
		}
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		inner, ok := object[path[:i]].(map[string]any)
		if !ok {
			continue
		}
		if value, found, err = lookUp(inner, path[i+1:]); found || err != nil {
			return value, found, err
		}
	}
	return "", false, nil
}
