// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/httpsprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"

	"github.com/ociapm/otelcol-ociapm/components/provider/ocimetadataprovider"
	"github.com/ociapm/otelcol-ociapm/components/provider/ocivaultprovider"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter"
)

// settings are a resolved configuration.
type settings struct {
	conf      *confmap.Conf
	pipelines []pipelineSettings // sorted by name
	// exporterID is the first oci_apm exporter of a pipeline for traces, else of another
	// pipeline, and exporter its settings; "" and nil if there is none.
	exporterID string
	exporter   *ociapmexporter.Config
	// others are the ids of further oci_apm exporters, which are not examined.
	others []string
	// exporterErr says why the settings of the exporter cannot be read.
	exporterErr error
}

type pipelineSettings struct {
	name                             string // for example traces/2
	signal                           string
	receivers, processors, exporters []string
}

// resolve reads a configuration with the providers of the collector, as
// builder-config.yaml lists them. It records the variables that it reads.
func resolve(ctx context.Context, configs []string, read *variables) (*settings, error) {
	resolver, err := confmap.NewResolver(confmap.ResolverSettings{
		URIs: configs,
		ProviderFactories: []confmap.ProviderFactory{
			read.recording(envprovider.NewFactory()),
			fileprovider.NewFactory(),
			httpsprovider.NewFactory(),
			yamlprovider.NewFactory(),
			ocivaultprovider.NewFactory(),
			ocimetadataprovider.NewFactory(),
		},
		DefaultScheme: "env", // as otelcol's command does
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = resolver.Shutdown(context.WithoutCancel(ctx)) }() // nothing is left to close
	conf, err := resolver.Resolve(ctx)
	if err != nil {
		return nil, err
	}
	s := &settings{conf: conf}
	s.readPipelines()
	s.readExporter()
	return s, nil
}

func (s *settings) readPipelines() {
	found := s.section("service::pipelines")
	for _, name := range slices.Sorted(maps.Keys(found)) {
		signal, _, _ := strings.Cut(name, "/")
		content, _ := found[name].(map[string]any)
		s.pipelines = append(s.pipelines, pipelineSettings{
			name: name, signal: signal,
			receivers: list(content["receivers"]), processors: list(content["processors"]), exporters: list(content["exporters"]),
		})
	}
}

func (s *settings) readExporter() {
	var ids []string // those of pipelines for traces first
	for _, traces := range []bool{true, false} {
		for _, p := range s.pipelines {
			for _, id := range p.exporters {
				if isAPM(id) && traces == (p.signal == "traces") && !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	if len(ids) == 0 {
		return
	}
	s.exporterID, s.others = ids[0], ids[1:]
	cfg, _ := ociapmexporter.NewFactory().CreateDefaultConfig().(*ociapmexporter.Config)
	sub, err := s.conf.Sub("exporters::" + s.exporterID)
	if err == nil {
		err = sub.Unmarshal(cfg)
	}
	s.exporter, s.exporterErr = cfg, err
}

// signals returns the signals whose pipelines end in the oci_apm exporter.
func (s *settings) signals() []string {
	var found []string
	for _, p := range s.pipelines {
		if slices.Contains(p.exporters, s.exporterID) && !slices.Contains(found, p.signal) {
			found = append(found, p.signal)
		}
	}
	return found
}

// section returns a part of the configuration that is a map, or nil.
func (s *settings) section(path string) map[string]any {
	found, _ := s.conf.Get(path).(map[string]any)
	return found
}

// text returns a value of the configuration as text, or "".
func (s *settings) text(path string) string {
	if value := s.conf.Get(path); value != nil {
		return fmt.Sprint(value)
	}
	return ""
}

// otlpEndpoint returns where an OTLP receiver listens for a protocol, or "" if it does
// not, or not on a TCP port.
func (s *settings) otlpEndpoint(id, protocol string) string {
	path := "receivers::" + id + "::protocols"
	if _, isSet := s.section(path)[protocol]; !isSet || strings.HasPrefix(s.text(path+"::"+protocol+"::transport"), "unix") {
		return ""
	}
	// The receiver's defaults.
	return orElse(s.text(path+"::"+protocol+"::endpoint"), map[string]string{"grpc": "localhost:4317", "http": "localhost:4318"}[protocol])
}

// dataKeys returns the data keys of all oci_apm exporters.
func (s *settings) dataKeys() []string {
	var keys []string
	for id := range s.section("exporters") {
		if isAPM(id) {
			keys = append(keys, s.text("exporters::"+id+"::data_key"))
		}
	}
	return keys
}

// extensions returns the ids of the extensions in use that have a type.
func (s *settings) extensions(kind string) []string {
	var found []string
	for _, id := range list(s.conf.Get("service::extensions")) {
		if typeOf(id) == kind {
			found = append(found, id)
		}
	}
	return found
}

// receivers returns the ids of the receivers in use that have a type.
func (s *settings) receivers(kind string) []string {
	var found []string
	for _, p := range s.pipelines {
		for _, id := range p.receivers {
			if typeOf(id) == kind && !slices.Contains(found, id) {
				found = append(found, id)
			}
		}
	}
	return found
}

// isAPM reports whether an id is that of an oci_apm exporter. ociapm is its former name.
func isAPM(id string) bool { return isOneOf(id, "oci_apm", "ociapm") }

func isOneOf(id string, types ...string) bool { return slices.Contains(types, typeOf(id)) }

func typeOf(id string) string {
	kind, _, _ := strings.Cut(id, "/")
	return kind
}

func list(value any) []string {
	var texts []string
	items, _ := value.([]any)
	for _, item := range items {
		texts = append(texts, fmt.Sprint(item))
	}
	return texts
}

// reachable returns the address at which this machine reaches a listener: an unspecified
// host is this machine.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	switch host {
	case "", "0.0.0.0", "::", "localhost":
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
