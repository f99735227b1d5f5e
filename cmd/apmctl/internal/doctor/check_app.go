// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
)

// The variables of OpenTelemetry's SDKs that say where an app sends its spans:
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/.
const (
	endpointVariable       = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tracesEndpointVariable = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	protocolVariable       = "OTEL_EXPORTER_OTLP_PROTOCOL"
	tracesProtocolVariable = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
	apmEndpointVariable    = "APM_ENDPOINT"
)

// appCheck compares the variables of an app with the receivers of the collector: those
// of the process that --app-pid names, or else those of this process.
type appCheck struct{}

func (appCheck) run(_ context.Context, p *patient) []Finding {
	variables, whose := ownVariables(), "this shell"
	if pid := p.options.AppPID; pid != 0 {
		var err error
		whose = fmt.Sprintf("%s (pid %d)", orElse(nameOf(p.options.root, pid), "the app"), pid)
		variables, err = environmentOf(p.options.root, pid)
		if errors.Is(err, errNoProcess) {
			return []Finding{failed(AppExporter, whose+": "+err.Error(), "correct --app-pid")}
		}
		if err != nil {
			return []Finding{skipped(AppExporter, whose+": "+err.Error())}
		}
	}
	if p.settings == nil {
		return []Finding{skipped(AppExporter, "the configuration cannot be read")}
	}
	name := tracesEndpointVariable
	if variables[name] == "" {
		name = endpointVariable
	}
	target := variables[name]
	if target == "" {
		if p.options.AppPID == 0 {
			return []Finding{skipped(AppExporter, endpointVariable+" is not set here; --app-pid PID examines the app's process")}
		}
		return []Finding{p.defaultTarget(whose)}
	}
	protocol := orElse(variables[tracesProtocolVariable], variables[protocolVariable])
	return []Finding{p.appFinding(whose, name, target, protocol)}
}

func ownVariables() map[string]string {
	variables := map[string]string{}
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	return variables
}

// otlpPorts returns the ports of the collector's OTLP receivers by protocol.
func (s *settings) otlpPorts() (grpc, http string) {
	for _, id := range s.receivers("otlp") {
		if _, port, err := net.SplitHostPort(s.otlpEndpoint(id, "grpc")); err == nil && grpc == "" {
			grpc = port
		}
		if _, port, err := net.SplitHostPort(s.otlpEndpoint(id, "http")); err == nil && http == "" {
			http = port
		}
	}
	return grpc, http
}

// hasTLS reports whether the OTLP receiver at a port has tls settings.
func (s *settings) hasTLS(port string) bool {
	for _, id := range s.receivers("otlp") {
		for _, protocol := range []string{"grpc", "http"} {
			_, found, err := net.SplitHostPort(s.otlpEndpoint(id, protocol))
			if err == nil && found == port && s.conf.Get("receivers::"+id+"::protocols::"+protocol+"::tls") != nil {
				return true
			}
		}
	}
	return false
}

// defaultTarget is the finding for an app without an endpoint: SDKs send to ports 4317
// and 4318 of localhost.
func (p *patient) defaultTarget(whose string) Finding {
	grpc, http := p.settings.otlpPorts()
	if grpc == "4317" || http == "4318" {
		return ok(AppExporter, whose+" has no "+endpointVariable+", and sends to localhost:4317 or 4318 by default")
	}
	return failed(AppExporter, whose+" has no "+endpointVariable+", and sends to localhost:4317 or 4318, where this collector does not listen",
		fmt.Sprintf("%s=http://localhost:%s", endpointVariable, orElse(http, grpc)))
}

// isLocal reports whether a host is this machine: a loopback address, one of the
// machine's addresses, or its name.
func isLocal(host string) bool {
	if own, err := os.Hostname(); strings.EqualFold(host, "localhost") || err == nil && strings.EqualFold(host, own) {
		return true
	}
	ip := net.ParseIP(host)
	if ip == nil || ip.IsLoopback() || ip.IsUnspecified() {
		return ip != nil
	}
	addresses, _ := net.InterfaceAddrs() // none can be compared with
	return slices.ContainsFunc(addresses, func(address net.Addr) bool {
		network, isNet := address.(*net.IPNet)
		return isNet && network.IP.Equal(ip)
	})
}

func (p *patient) appFinding(whose, name, target, protocol string) Finding {
	parsed, err := url.Parse(target)
	if err != nil || parsed.Host == "" {
		return failed(AppExporter, whose+": "+name+" is not a URL", "write http://localhost:4318")
	}
	shown := parsed.Scheme + "://" + parsed.Host
	if !isLocal(parsed.Hostname()) {
		return skipped(AppExporter, whose+" sends to "+shown+", on another machine: run apmctl doctor there")
	}
	grpc, http := p.settings.otlpPorts()
	port := parsed.Port()
	isHTTP := strings.HasPrefix(protocol, "http/")
	switch {
	case port == grpc && isHTTP:
		return failed(AppExporter, fmt.Sprintf("%s sends OTLP over HTTP (%s) to %s, which is the collector's gRPC port", whose, protocol, shown),
			fmt.Sprintf("%s=http://%s:%s, or %s=grpc", endpointVariable, parsed.Hostname(), http, protocolVariable))
	case port == http && protocol == "grpc":
		return failed(AppExporter, fmt.Sprintf("%s sends OTLP over gRPC to %s, which is the collector's HTTP port", whose, shown),
			fmt.Sprintf("%s=http://%s:%s, or %s=http/protobuf", endpointVariable, parsed.Hostname(), grpc, protocolVariable))
	case port != grpc && port != http:
		return failed(AppExporter, fmt.Sprintf("%s sends to %s, where this collector does not listen", whose, shown),
			fmt.Sprintf("%s=http://localhost:%s", endpointVariable, orElse(http, grpc)))
	case parsed.Scheme == "https" && !p.settings.hasTLS(port):
		return failed(AppExporter, fmt.Sprintf("%s sends to %s with TLS, and the receiver has no tls settings", whose, shown), "write http instead of https")
	case parsed.Scheme == "http" && p.settings.hasTLS(port):
		return failed(AppExporter, fmt.Sprintf("%s sends to %s without TLS, and the receiver has tls settings", whose, shown), "write https instead of http")
	case name == endpointVariable && (isHTTP || port == http) && strings.Trim(parsed.Path, "/") != "":
		return failed(AppExporter, fmt.Sprintf("%s: %s has the path %s, to which SDKs add /v1/traces", whose, name, parsed.Path), "leave the path out")
	case name == tracesEndpointVariable && port == http && !strings.HasSuffix(parsed.Path, "/v1/traces"):
		return failed(AppExporter, fmt.Sprintf("%s: %s has not the path /v1/traces", whose, name), "unset it, and set "+endpointVariable+" without a path")
	}
	return ok(AppExporter, whose+" sends to "+shown)
}
