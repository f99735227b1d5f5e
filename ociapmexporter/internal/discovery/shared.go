// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package discovery // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"

import "sync"

// Shared returns one Discoverer for all exporters of a configuration: the collector
// creates an exporter for each signal. The zero value is ready to use.
type Shared struct {
	mu       sync.Mutex
	byConfig map[any]*user
}

// user is a Discoverer and the number of signals that use it.
type user struct {
	discoverer *Discoverer
	signals    int
}

// Get returns the Discoverer of a configuration for one more signal, which has to shut
// it down. Configurations are compared with ==, so they should be pointers.
func (s *Shared) Get(config any, set Settings) (*Discoverer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.byConfig[config]; ok {
		known.signals++
		return known.discoverer, nil
	}
	controlPlane, err := newControlPlane(set)
	if err != nil {
		return nil, err
	}
	d, err := newDiscoverer(set, controlPlane)
	if err != nil {
		return nil, err
	}
	d.release = func() bool { return s.release(config) }
	if s.byConfig == nil {
		s.byConfig = map[any]*user{}
	}
	s.byConfig[config] = &user{discoverer: d, signals: 1}
	return d, nil
}

// release releases the Discoverer for one signal. It returns true for the last one.
func (s *Shared) release(config any) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.byConfig[config]
	known.signals--
	if known.signals > 0 {
		return false
	}
	delete(s.byConfig, config)
	return true
}
