// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/ociapm/otelcol-ociapm/internal/startup"
)

// localTimeout limits a request to the collector on this machine.
const localTimeout = 5 * time.Second

// running is what is known about the collector's process.
type running struct {
	healthy bool
	name    string
	pid     int
}

// localClient asks the collector on this machine, never through a proxy.
func localClient() *http.Client {
	return &http.Client{Timeout: localTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
}

// getLocal returns the answer of a page of the collector.
func getLocal(ctx context.Context, url string) (status int, body string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, "", err
	}
	resp, err := localClient().Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	return resp.StatusCode, string(content), err
}

// collectorCheck asks the collector's health check.
type collectorCheck struct{}

func (collectorCheck) run(ctx context.Context, p *patient) []Finding {
	if p.settings == nil {
		return []Finding{skipped(Collector, "the configuration cannot be read")}
	}
	ids := p.settings.extensions("health_check")
	if len(ids) == 0 {
		return []Finding{p.withoutHealthCheck()}
	}
	path := "extensions::" + ids[0] + "::"
	address := reachable(orElse(p.settings.text(path+"endpoint"), "localhost:13133"))
	status, _, err := getLocal(ctx, "http://"+address+orElse(p.settings.text(path+"path"), "/"))
	switch {
	case err != nil:
		return []Finding{failed(Collector, "does not run: nothing answers at "+address, p.startAdvice())}
	case status != http.StatusOK:
		return []Finding{failed(Collector, fmt.Sprintf("the health check at %s answers %d %s", address, status, http.StatusText(status)), p.logAdvice())}
	}
	p.running.healthy = true
	p.running.name, p.running.pid, _ = startup.PortHolder(address)
	if p.running.pid == 0 {
		p.running.pid = p.source.process.pid
	}
	if p.running.pid == 0 {
		return []Finding{ok(Collector, "runs: the health check at "+address+" answers 200")}
	}
	return []Finding{ok(Collector, fmt.Sprintf("runs with pid %d: the health check at %s answers 200", p.running.pid, address))}
}

// withoutHealthCheck is the finding for a collector that has no health check: it runs if
// its process is known, or holds one of its ports.
func (p *patient) withoutHealthCheck() Finding {
	pid := p.source.process.pid
	for _, l := range p.settings.listeners() {
		if name, holder, known := startup.PortHolder(reachable(l.address)); pid == 0 && known && strings.HasPrefix(name, programName) {
			pid = holder
		}
	}
	if pid == 0 {
		return skipped(Collector, "cannot be seen: the configuration has no health_check")
	}
	p.running.healthy, p.running.pid = true, pid
	return ok(Collector, fmt.Sprintf("runs with pid %d; the configuration has no health_check", pid))
}

func (p *patient) startAdvice() string {
	if p.source.packaged {
		return "systemctl start " + programName + "; if it exits again, journalctl -u " + programName + " says why in its last line"
	}
	return "start it; if it exits again, the last line of its output says why"
}

func (p *patient) logAdvice() string {
	if p.source.packaged {
		return "journalctl -u " + programName + " says why"
	}
	return "its log says why"
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// listenerAddress is an address that the configuration makes the collector listen on.
type listenerAddress struct{ what, address string }

// listeners returns the addresses of the receivers and extensions with their own ports.
func (s *settings) listeners() []listenerAddress {
	var found []listenerAddress
	for _, id := range s.receivers("otlp") {
		for _, protocol := range []string{"grpc", "http"} {
			if address := s.otlpEndpoint(id, protocol); address != "" {
				found = append(found, listenerAddress{"OTLP over " + map[string]string{"grpc": "gRPC", "http": "HTTP"}[protocol], address})
			}
		}
	}
	for _, id := range s.extensions("health_check") {
		found = append(found, listenerAddress{"health check", orElse(s.text("extensions::"+id+"::endpoint"), "localhost:13133")})
	}
	for _, id := range s.extensions("healthcheckv2") {
		if address := s.text("extensions::" + id + "::http::endpoint"); address != "" {
			found = append(found, listenerAddress{"component status", address})
		}
	}
	if address := s.metricsAddress(); address != "" {
		found = append(found, listenerAddress{"metrics", address})
	}
	return found
}

// portsCheck reports who holds the ports that the configuration names.
type portsCheck struct{}

func (portsCheck) run(ctx context.Context, p *patient) []Finding {
	if p.settings == nil {
		return []Finding{skipped(Ports, "the configuration cannot be read")}
	}
	var good []string
	var findings []Finding
	for _, l := range p.settings.listeners() {
		address := reachable(l.address)
		if strings.HasSuffix(address, ":0") {
			continue // any free port
		}
		taken := listens(ctx, address)
		name, pid, known := startup.PortHolder(address)
		switch {
		case taken && !p.running.holds(name, pid, known):
			findings = append(findings, problemFinding(Ports, startup.PortInUse(address, nil)))
		case taken:
			good = append(good, l.what+" on "+address)
		case p.running.healthy:
			findings = append(findings, failed(Ports, "nothing listens on "+address+" ("+l.what+"), though the collector runs",
				"it runs with another configuration: pass that one with --config, or restart it"))
		}
	}
	switch {
	case len(findings) > 0:
		return findings
	case len(good) == 0:
		return []Finding{ok(Ports, "all are free")}
	}
	return []Finding{ok(Ports, strings.Join(good, ", "))}
}

// holds reports whether a port is the collector's: its holder is the collector, or is
// not known while the collector runs.
func (r running) holds(name string, pid int, known bool) bool {
	if !known {
		return r.healthy
	}
	return pid == r.pid || strings.HasPrefix(name, programName)
}

// listens reports whether something accepts connections at an address.
func listens(ctx context.Context, address string) bool {
	dialer := net.Dialer{Timeout: localTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
