// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"encoding/json"
	"io"
	"strings"

	"github.com/ociapm/otelcol-ociapm/cmd/apmctl/internal/report"
)

// Status is the outcome of a check.
type Status string

// The statuses of findings.
const (
	// OK means that nothing is wrong.
	OK Status = "ok"
	// Failed means that something is to be done.
	Failed Status = "failed"
	// Skipped means that the check does not apply, or cannot be made.
	Skipped Status = "skipped"
)

// The ids of findings, in the order of the checks. docs/doctor.md describes each.
const (
	Configuration = "configuration"
	Variables     = "variables"
	Pipelines     = "pipelines"
	Endpoint      = "endpoint"
	DataKey       = "data-key"
	DNS           = "dns"
	TCP           = "tcp"
	Proxy         = "proxy"
	TLS           = "tls"
	UploadTraces  = "upload-traces"
	UploadMetrics = "upload-metrics"
	UploadLogs    = "upload-logs"
	KeyType       = "key-type"
	Clock         = "clock"
	QueueFolder   = "queue-folder"
	QueueSpace    = "queue-space"
	QueueLock     = "queue-lock"
	QueueContent  = "queue-content"
	Ports         = "ports"
	Collector     = "collector"
	Received      = "received"
	Delivered     = "delivered"
	AppExporter   = "app-exporter"
	TestTrace     = "test-trace"
	ReadBack      = "read-back"
	Names         = "names"
	Database      = "database"
	Rule          = "rule"
)

// IDs lists the ids of all findings, in the order of the checks.
func IDs() []string {
	return []string{
		Configuration, Variables, Pipelines, Endpoint, DataKey, DNS, TCP, Proxy, TLS,
		UploadTraces, UploadMetrics, UploadLogs, KeyType, Clock,
		QueueFolder, QueueSpace, QueueLock, QueueContent, Ports, Collector, Received, Delivered,
		AppExporter, TestTrace, ReadBack, Names, Database, Rule,
	}
}

// Finding is the outcome of one check.
type Finding struct {
	// ID names the check.
	ID string `json:"id"`
	// Status is the outcome.
	Status Status `json:"status"`
	// Text says what was found.
	Text string `json:"text"`
	// Advice says what to do; "" if there is nothing to do.
	Advice string `json:"advice,omitempty"`
}

func ok(id, text string) Finding      { return Finding{ID: id, Status: OK, Text: text} }
func skipped(id, text string) Finding { return Finding{ID: id, Status: Skipped, Text: text} }
func failed(id, text, advice string) Finding {
	return Finding{ID: id, Status: Failed, Text: text, Advice: advice}
}

// Report has the findings of all checks.
type Report struct {
	// Subject says which configuration was examined, and of which collector.
	Subject  string    `json:"subject"`
	Findings []Finding `json:"findings"`
}

// Failed returns the number of failed checks.
func (r Report) Failed() int {
	count := 0
	for _, f := range r.Findings {
		if f.Status == Failed {
			count++
		}
	}
	return count
}

// WriteJSON writes the report for machines.
func (r Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(r)
}

// WriteText writes the report for people, optionally in color.
func (r Report) WriteText(w io.Writer, color bool) error {
	symbols := map[Status]string{OK: report.Good, Failed: report.Bad, Skipped: report.Skipped}
	var findings []report.Finding
	for _, f := range r.Findings {
		finding := report.Finding{Symbol: symbols[f.Status], Name: f.ID, Text: f.Text}
		if f.Advice != "" {
			finding.Details = []string{f.Advice}
		}
		findings = append(findings, finding)
	}
	var text strings.Builder
	text.WriteString(strings.Join(report.Wrap(r.Subject, report.Width), "\n") + "\n\n")
	if err := report.Write(&text, findings); err != nil {
		return err
	}
	out := text.String()
	if color {
		out = colored(out)
	}
	_, err := io.WriteString(w, out)
	return err
}

// colored makes the symbols at the start of lines green, red and gray.
func colored(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		for symbol, code := range map[string]string{report.Good: "32", report.Bad: "31", report.Skipped: "90"} {
			if rest, found := strings.CutPrefix(line, "  "+symbol+" "); found {
				line = "  \x1b[" + code + "m" + symbol + "\x1b[0m " + rest
				break
			}
		}
		out.WriteString(line)
	}
	return out.String()
}
