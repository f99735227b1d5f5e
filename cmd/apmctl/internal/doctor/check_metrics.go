// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// metrics are the collector's own, by name. A sample's labels are text.
type metrics map[string][]sample

type sample struct {
	labels string
	value  float64
}

// sampleLine matches a line of the text format of Prometheus.
var sampleLine = regexp.MustCompile(`(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$`)

// parseMetrics reads Prometheus' text format. Names have no suffix _total.
func parseMetrics(text string) metrics {
	found := metrics{}
	for _, match := range sampleLine.FindAllStringSubmatch(text, -1) {
		if value, err := strconv.ParseFloat(match[3], 64); err == nil {
			name := strings.TrimSuffix(match[1], "_total")
			found[name] = append(found[name], sample{labels: match[2], value: value})
		}
	}
	return found
}

func (m metrics) has(name string) bool { return len(m[name]) > 0 }

// sum adds the samples of a metric that have all the given labels, such as
// outcome="retry".
func (m metrics) sum(name string, labels ...string) int64 {
	total := 0.0
	for _, s := range m[name] {
		matches := true
		for _, label := range labels {
			matches = matches && strings.Contains(","+s.labels, ","+label)
		}
		if matches {
			total += s.value
		}
	}
	return int64(total)
}

// metricsAddress returns where the collector serves its own metrics, or "".
func (s *settings) metricsAddress() string {
	if s.text("service::telemetry::metrics::level") == "none" {
		return ""
	}
	readers, isSet := s.conf.Get("service::telemetry::metrics::readers").([]any)
	if !isSet {
		return "localhost:8888" // otelcol's default
	}
	for _, reader := range readers {
		prometheus, found := dig(reader, "pull", "exporter", "prometheus").(map[string]any)
		if found && prometheus["port"] != nil {
			host := "localhost"
			if prometheus["host"] != nil {
				host = fmt.Sprint(prometheus["host"])
			}
			return net.JoinHostPort(host, fmt.Sprint(prometheus["port"]))
		}
	}
	return ""
}

// dig returns the value at a path of maps, or nil.
func dig(value any, path ...string) any {
	for _, key := range path {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = inner[key]
	}
	return value
}

// scrape returns the collector's metrics, or nil.
func (p *patient) scrape(ctx context.Context) metrics {
	if p.settings == nil || !p.running.healthy {
		return nil
	}
	address := p.settings.metricsAddress()
	if address == "" {
		return nil
	}
	status, body, err := getLocal(ctx, "http://"+reachable(address)+"/metrics")
	if err != nil || status != http.StatusOK {
		return nil
	}
	return parseMetrics(body)
}

// queueFinding reports what waits for upload in a running collector.
func (m metrics) queueFinding(exporter string, uploads bool) Finding {
	label := fmt.Sprintf("exporter=%q", exporter)
	held, capacity := m.sum("otelcol_exporter_queue_size", label), m.sum("otelcol_exporter_queue_capacity", label)
	if held == 0 {
		return ok(QueueContent, "empty")
	}
	share := ""
	if capacity > 0 {
		share = fmt.Sprintf(" (%d %% of the queue)", 100*held/capacity)
	}
	text := fmt.Sprintf("%d requests wait for upload%s", max(m.sum("otelcol_extension_queue_storage_stored_items"), 1), share)
	if !uploads {
		return failed(QueueContent, text, "nothing is lost: they are uploaded once APM accepts them; see upload-traces")
	}
	return ok(QueueContent, text)
}

// metricsCheck reports what the collector has received, and what became of it.
type metricsCheck struct{}

func (metricsCheck) run(ctx context.Context, p *patient) []Finding {
	if p.metrics == nil {
		reason := "the collector does not run"
		if p.running.healthy {
			reason = "the collector's metrics cannot be read"
		}
		return []Finding{skipped(Received, reason), skipped(Delivered, reason)}
	}
	received := p.metrics.receivedFinding()
	if p.settings.exporterID == "" {
		return []Finding{received, p.metrics.forwardedFinding(p.settings.forwardsTo())}
	}
	return []Finding{received, p.metrics.deliveredFinding(p.settings.exporterID, p.lastUpload(ctx), p.uploads())}
}

func (m metrics) receivedFinding() Finding {
	accepted := m.sum("otelcol_receiver_accepted_spans")
	refused := m.sum("otelcol_receiver_refused_spans") + m.sum("otelcol_receiver_failed_spans")
	guarded := m.sum("otelcol_extension_otlp_guard_refused_requests")
	text := fmt.Sprintf("%d spans accepted since its start, test traces included", accepted)
	switch {
	case accepted == 0 && refused+guarded == 0:
		return failed(Received, "no spans have arrived since its start", "the problem is between app and collector: see app-exporter")
	case refused+guarded > 0:
		return failed(Received, text+fmt.Sprintf(", %d spans and %d requests refused", refused, guarded),
			"apps retry what was refused for lack of memory or space: raise the memory limit, or see queue-content and queue-space")
	}
	return ok(Received, text)
}

// forwardedFinding reports what has become of spans that an exporter sends to another
// collector.
func (m metrics) forwardedFinding(exporter string) Finding {
	if exporter == "" {
		return skipped(Delivered, "this collector does not upload to APM")
	}
	label := fmt.Sprintf("exporter=%q", exporter)
	sent := m.sum("otelcol_exporter_sent_spans", label)
	lost := m.sum("otelcol_exporter_send_failed_spans", label) + m.sum("otelcol_exporter_enqueue_failed_spans", label)
	text := fmt.Sprintf("%d spans sent to %s since its start", sent, exporter)
	switch {
	case lost > 0:
		return failed(Delivered, fmt.Sprintf("%s, %d failed", text, lost), "the collector's log says why")
	case sent == 0 && m.sum("otelcol_receiver_accepted_spans") > 0:
		return failed(Delivered, text, "look again in a minute; if it stays so, the collector's log says why "+exporter+" cannot send")
	case sent == 0:
		return skipped(Delivered, "nothing has arrived that could be sent")
	}
	return ok(Delivered, text)
}

func (m metrics) deliveredFinding(exporter, last string, uploads bool) Finding {
	label := fmt.Sprintf("exporter=%q", exporter)
	sent := m.sum("otelcol_exporter_sent_spans", label)
	dropped := m.sum("otelcol_exporter_oci_apm_dropped_items", label) + m.sum("otelcol_exporter_oci_apm_rejected_items", label)
	text := fmt.Sprintf("%d spans uploaded since its start", sent)
	if last != "" {
		text += ", the last upload at " + last
	}
	switch {
	case dropped > 0:
		return failed(Delivered, text+fmt.Sprintf(", %d items rejected by APM", dropped), "the collector's log says why")
	case !uploads:
		return failed(Delivered, text+fmt.Sprintf(", %d attempts failed", m.sum("otelcol_exporter_oci_apm_uploads", label, `outcome="retry"`)), "see upload-traces")
	case sent == 0 && m.sum("otelcol_receiver_accepted_spans") > 0:
		return failed(Delivered, "no spans uploaded since its start", "look again in a minute: they wait in the queue; a filter or sampler may also drop them")
	case sent == 0:
		return skipped(Delivered, "nothing has arrived that could be uploaded")
	}
	return ok(Delivered, text)
}

// lastUpload returns the time of the last upload that APM accepted, from the component
// status that healthcheckv2 shows, or "".
func (p *patient) lastUpload(ctx context.Context) string {
	for _, id := range p.settings.extensions("healthcheckv2") {
		address := p.settings.text("extensions::" + id + "::http::endpoint")
		if address == "" {
			continue
		}
		_, body, err := getLocal(ctx, "http://"+reachable(address)+"/status?verbose")
		if err != nil {
			continue
		}
		var status any
		if json.Unmarshal([]byte(body), &status) == nil {
			return newest(status, "last_upload")
		}
	}
	return ""
}

// newest returns the latest of the times that a document has under a key.
func newest(document any, key string) string {
	latest := ""
	inner, isMap := document.(map[string]any)
	if !isMap {
		return ""
	}
	for name, value := range inner {
		found := newest(value, key)
		if text, isText := value.(string); isText && name == key {
			if _, err := time.Parse(time.RFC3339, text); err == nil {
				found = text
			}
		}
		latest = max(latest, found)
	}
	return latest
}
