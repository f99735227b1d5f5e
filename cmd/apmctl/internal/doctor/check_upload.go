// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pipeline"

	"github.com/ociapm/otelcol-ociapm/ociapmexporter"
)

// maxSkew is how much the clock may differ from APM's. OCI rejects signed requests at
// five minutes; at one, spans begin to be in the wrong place.
const maxSkew = time.Minute

// uploadCheck uploads an empty request for each signal with the exporter's own client,
// and watches the connection: DNS, TCP, proxy, TLS and HTTP.
type uploadCheck struct{}

func (uploadCheck) run(ctx context.Context, p *patient) []Finding {
	if reason := p.cannotUpload(); reason != "" {
		var findings []Finding
		for _, id := range []string{Endpoint, DataKey, DNS, TCP, Proxy, TLS, UploadTraces, UploadMetrics, UploadLogs, KeyType, Clock} {
			findings = append(findings, skipped(id, reason))
		}
		return findings
	}
	findings := []Finding{endpointFinding(p.settings.exporter), keyFinding(p.settings.exporter)}
	trace := &connectionTrace{}
	probes := map[string]ociapmexporter.Probe{}
	probes["traces"] = p.probe(httptrace.WithClientTrace(ctx, trace.hooks()), p.settings.exporter, pipeline.SignalTraces)
	findings = append(findings, trace.findings(probes["traces"], p.settings.exporter.ClientConfig.ProxyURL)...)
	p.upload = probes["traces"]
	for signal, id := range map[string]string{"traces": UploadTraces, "metrics": UploadMetrics, "logs": UploadLogs} {
		switch {
		case !slices.Contains(p.settings.signals(), signal):
			findings = append(findings, skipped(id, "no pipeline uploads "+signal))
			continue
		case signal != "traces" && p.upload.Status == 0:
			findings = append(findings, skipped(id, "nothing answers"))
			continue
		case signal == "metrics":
			probes[signal] = p.probe(ctx, p.settings.exporter, pipeline.SignalMetrics)
		case signal == "logs":
			probes[signal] = p.probe(ctx, p.settings.exporter, pipeline.SignalLogs)
		}
		if signal != "traces" && p.upload.Problem != "" && probes[signal].Status == p.upload.Status {
			findings = append(findings, skipped(id, fmt.Sprintf("answered with %d as well: see %s", p.upload.Status, UploadTraces)))
			continue
		}
		findings = append(findings, uploadFinding(id, probes[signal]))
	}
	return append(findings, p.keyTypeFinding(ctx, probes), clockFinding(probes["traces"].Date))
}

// cannotUpload returns why no upload can be tried, or "".
func (p *patient) cannotUpload() string {
	switch {
	case p.settings == nil:
		return "the configuration cannot be read"
	case p.settings.exporter == nil:
		return "this collector does not upload to APM"
	case p.settings.exporterErr != nil || validateExporter(p.settings) != nil:
		return "see configuration"
	}
	return ""
}

func (p *patient) probe(ctx context.Context, cfg *ociapmexporter.Config, signal pipeline.Signal) ociapmexporter.Probe {
	id := component.MustNewID("oci_apm")
	_ = id.UnmarshalText([]byte(p.settings.exporterID)) // it was an id of a valid configuration
	return ociapmexporter.ProbeUpload(ctx, cfg, exporter.Settings{
		ID: id, TelemetrySettings: componenttest.NewNopTelemetrySettings(), BuildInfo: component.BuildInfo{Command: "apmctl", Version: strings.TrimPrefix(p.options.UserAgent, "apmctl/")},
	}, signal)
}

func endpointFinding(cfg *ociapmexporter.Config) Finding {
	if cfg.APMDomainID != "" {
		return ok(Endpoint, "OCI names it for "+cfg.APMDomainID)
	}
	shown := cfg.ClientConfig.Endpoint
	if parsed, err := url.Parse(strings.TrimSpace(shown)); err == nil {
		shown = parsed.Scheme + "://" + parsed.Host
	}
	return ok(Endpoint, shown)
}

func keyFinding(cfg *ociapmexporter.Config) Finding {
	switch {
	case cfg.APMDomainID != "":
		return ok(DataKey, "OCI lists it")
	case cfg.DataKeyFile != "":
		return ok(DataKey, "is in "+cfg.DataKeyFile)
	}
	return ok(DataKey, "is set")
}

func uploadFinding(id string, probe ociapmexporter.Probe) Finding {
	switch {
	case probe.Kind == "configuration":
		return skipped(id, "see "+KeyType)
	case probe.Kind == "dns" || probe.Kind == "proxy" || probe.Kind == "tls":
		return skipped(id, "see "+probe.Kind)
	case probe.Kind == "connection_refused" || probe.Kind == "unreachable":
		return skipped(id, "see "+TCP)
	case probe.Kind == "timeout":
		return failed(id, "no answer from "+probe.URL, probe.Advice)
	case probe.Advice == "" && probe.Problem != "":
		return failed(id, short(probe.Problem), adviceFor(probe.Status))
	case probe.Problem != "":
		return failed(id, short(probe.Problem), probe.Advice)
	default:
		return ok(id, "an empty upload to "+probe.URL+" is accepted")
	}
}

// adviceFor returns what to do about an answer for which the exporter's log has no
// advice. The upload was empty.
func adviceFor(status int) string {
	if status >= http.StatusInternalServerError {
		return "nothing is lost: uploads are queued and retried; if it does not pass, check the endpoint and proxy_url"
	}
	return "the upload was empty, so the data is not the cause: check the endpoint, and proxies and firewalls on the way"
}

// keyTypeFinding compares the answers for the signals and the types of key. APM accepts
// metrics and logs with a private key only.
func (p *patient) keyTypeFinding(ctx context.Context, probes map[string]ociapmexporter.Probe) Finding {
	const advice = "use the domain's private data key (OCI Console > APM > your domain > Data Keys)"
	traces, other := probes["traces"], probes["metrics"]
	if other.Status == 0 && other.Kind == "" {
		other = probes["logs"]
	}
	switch {
	case other.Kind == "configuration":
		text, fix, _ := strings.Cut(other.Problem, "; ")
		return failed(KeyType, text, fix)
	case rejected(traces):
		return p.otherTypeFinding(ctx, advice)
	case traces.Problem != "":
		return skipped(KeyType, "traces are not accepted")
	case rejected(other):
		return failed(KeyType, "APM accepts traces with this data key, and no metrics or logs: it is a public key", advice)
	case strings.Contains(traces.URL, "/public/"):
		return ok(KeyType, "public, for traces only")
	}
	return ok(KeyType, "private")
}

// otherTypeFinding tries a rejected key as a key of the other type.
func (p *patient) otherTypeFinding(ctx context.Context, advice string) Finding {
	tried := *p.settings.exporter
	if tried.DataKeyType == ociapmexporter.DataKeyTypePublic {
		tried.DataKeyType = ociapmexporter.DataKeyTypePrivate
	} else {
		tried.DataKeyType = ociapmexporter.DataKeyTypePublic
	}
	switch {
	case p.probe(ctx, &tried, pipeline.SignalTraces).Problem != "":
		return failed(KeyType, "APM accepts the data key neither as a private nor as a public one: it is wrong, of another domain, or deleted", advice)
	case tried.DataKeyType == ociapmexporter.DataKeyTypePublic:
		return failed(KeyType, "it is the domain's public data key", advice)
	}
	return failed(KeyType, "it is a private data key, and data_key_type is public", "remove data_key_type")
}

func rejected(probe ociapmexporter.Probe) bool {
	return probe.Status == http.StatusUnauthorized || probe.Status == http.StatusForbidden
}

// clockFinding compares this machine's clock with the date of the answer.
func clockFinding(date time.Time) Finding {
	if date.IsZero() {
		return skipped(Clock, "no answer has a date")
	}
	difference := time.Since(date).Round(time.Second)
	direction := "ahead of"
	if difference < 0 {
		direction, difference = "behind", -difference
	}
	if difference < maxSkew {
		return ok(Clock, "agrees with that of the endpoint")
	}
	return failed(Clock, fmt.Sprintf("this machine's clock is %s %s the endpoint's: spans are shown at the wrong time, or not at all", difference.Round(10*time.Second), direction),
		"set it, with chrony or NTP")
}

// request matches what net/http writes in front of an error.
var request = regexp.MustCompile(`^upload to OCI APM failed: Post "[^"]*": `)

// short returns a problem without the request that it is about.
func short(problem string) string { return request.ReplaceAllString(problem, "") }
