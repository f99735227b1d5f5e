// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	// testService and testDatabase are the names of the test trace.
	testService  = "apmctl-doctor"
	testDatabase = "apmctl-doctor-db"
	testQuery    = "SELECT name FROM doctor WHERE id = :1"

	firstPoll = 200 * time.Millisecond
	maxPoll   = 5 * time.Second
)

// traceCheck sends a test trace through the collector, and reads it back from APM.
type traceCheck struct{}

func (traceCheck) run(ctx context.Context, p *patient) []Finding {
	rest := func(reason string) []Finding {
		return []Finding{skipped(ReadBack, reason), skipped(Names, reason), skipped(Database, reason), skipped(Rule, reason)}
	}
	if !p.running.healthy {
		const reason = "the collector does not run"
		return append([]Finding{skipped(TestTrace, reason)}, rest(reason)...)
	}
	if p.settings == nil {
		const reason = "the configuration cannot be read"
		return append([]Finding{skipped(TestTrace, reason)}, rest(reason)...)
	}
	id, traces := testTrace()
	where, err := p.sendTrace(ctx, traces)
	switch {
	case where == "":
		return append([]Finding{skipped(TestTrace, "no pipeline for traces has an OTLP receiver on a TCP port without TLS and authentication")}, rest("no test trace")...)
	case err != nil:
		return append([]Finding{failed(TestTrace, where+" does not accept a test trace: "+err.Error(), "see received, queue-space and ports")}, rest("no test trace")...)
	}
	sent := ok(TestTrace, fmt.Sprintf("%s has accepted trace %s", where, id))
	if p.settings.exporter == nil {
		return append([]Finding{sent}, rest("this collector does not upload to APM")...)
	}
	if !p.uploads() {
		return append([]Finding{sent}, rest("APM does not accept uploads: it waits in the queue")...)
	}
	source, reason := p.traceReader(ctx)
	if source == nil {
		return append([]Finding{sent}, rest(reason)...)
	}
	defer source.close()
	span, err := p.await(ctx, source, id)
	if err != nil {
		return append([]Finding{sent, failed(ReadBack, err.Error(), "look for it in Trace Explorer; a sampler or filter may drop it, and uploads may wait in the queue")},
			rest("the test trace was not read back")[1:]...)
	}
	return append([]Finding{sent, ok(ReadBack, source.String()+" has the trace, with its database call")}, span.findings()...)
}

// testTrace returns the spans of a request with one database call, as an app with
// OpenTelemetry's instrumentation sends them.
func testTrace() (pcommon.TraceID, ptrace.Traces) {
	var id pcommon.TraceID
	var ids [2]pcommon.SpanID
	for _, part := range [][]byte{id[:], ids[0][:], ids[1][:]} {
		_, _ = rand.Read(part) // never fails
	}
	traces := ptrace.NewTraces()
	resource := traces.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", testService)
	scope := resource.ScopeSpans().AppendEmpty()
	scope.Scope().SetName(testService)
	end := time.Now()
	server := scope.Spans().AppendEmpty()
	server.SetTraceID(id)
	server.SetSpanID(ids[0])
	server.SetName("GET /apmctl/doctor")
	server.SetKind(ptrace.SpanKindServer)
	server.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-20 * time.Millisecond)))
	server.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	server.Attributes().PutStr("http.request.method", http.MethodGet)
	server.Attributes().PutInt("http.response.status_code", http.StatusOK)

	call := scope.Spans().AppendEmpty()
	call.SetTraceID(id)
	call.SetSpanID(ids[1])
	call.SetParentSpanID(ids[0])
	call.SetName("SELECT doctor")
	call.SetKind(ptrace.SpanKindClient)
	call.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-10 * time.Millisecond)))
	call.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	call.Attributes().PutStr("db.system.name", "postgresql")
	call.Attributes().PutStr("db.namespace", testDatabase)
	call.Attributes().PutStr("db.query.text", testQuery)
	call.Attributes().PutStr(marker, testService)
	return id, traces
}

// sendTrace sends spans to the collector's first OTLP receiver that an app can use
// without TLS and authentication. It returns its address, or "".
func (p *patient) sendTrace(ctx context.Context, traces ptrace.Traces) (where string, err error) {
	ctx, cancel := context.WithTimeout(ctx, localTimeout)
	defer cancel()
	if p.options.OTLP != "" {
		return p.options.OTLP, postTrace(ctx, p.options.OTLP, traces)
	}
	for _, pipe := range p.settings.pipelines {
		if pipe.signal != "traces" || p.settings.exporterID != "" && !slices.Contains(pipe.exporters, p.settings.exporterID) {
			continue
		}
		for _, id := range pipe.receivers {
			for _, protocol := range []string{"http", "grpc"} {
				path := "receivers::" + id + "::protocols::" + protocol
				address := p.settings.otlpEndpoint(id, protocol)
				if typeOf(id) != "otlp" || address == "" || p.settings.conf.Get(path+"::tls") != nil || p.settings.conf.Get(path+"::auth") != nil {
					continue
				}
				address = reachable(address)
				if protocol == "http" {
					return address, postTrace(ctx, address, traces)
				}
				return address, callTrace(ctx, address, traces)
			}
		}
	}
	return "", nil
}

func postTrace(ctx context.Context, address string, traces ptrace.Traces) error {
	body, err := ptraceotlp.NewExportRequestFromTraces(traces).MarshalProto()
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/traces", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := localClient().Do(req)
	if err != nil {
		return rootOf(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	return nil
}

func callTrace(ctx context.Context, address string, traces ptrace.Traces) error {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = ptraceotlp.NewGRPCClient(conn).Export(ctx, ptraceotlp.NewExportRequestFromTraces(traces))
	return err
}

// await polls until the trace has its database call.
func (p *patient) await(ctx context.Context, source traceReader, id pcommon.TraceID) (*readSpan, error) {
	ctx, cancel := context.WithTimeout(ctx, p.options.Wait)
	defer cancel()
	pause := firstPoll
	var last error
	for {
		span, err := source.read(ctx, id)
		switch {
		case err == nil && span != nil:
			return span, nil
		case isFinal(err):
			return nil, err
		case ctx.Err() == nil:
			last = err
		}
		select {
		case <-ctx.Done():
			if last != nil {
				return nil, fmt.Errorf("%s does not have the trace after %s: %w", source, p.options.Wait, last)
			}
			return nil, fmt.Errorf("%s does not have the trace after %s", source, p.options.Wait)
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPoll)
	}
}

// readSpan is the database call of the test trace as APM has it.
type readSpan struct {
	// tags has the names as APM shows them.
	tags map[string]string
	// converted reports whether APM's naming rule was applied, if that is known.
	converted *bool
}

// neededNames are the names that APM needs on a database call, as the collector sends
// them and as APM's rule converts them.
var neededNames = [][2]string{
	{"db.system", "DbSystem"}, {"db.statement", "DbStatement"}, {"db.operation", "DbOperation"}, {"peer.service", "PeerService"},
}

// marker is an attribute whose conversion shows that APM's rule is on, as in Oracle's
// quickstart: convertedNames are its name there and those of others that the collector
// does not send in this form.
const marker = "k8s.deployment.name"

var convertedNames = []string{"K8sDeploymentName", "PeerService", "DbSystem"}

func (s *readSpan) tag(names [2]string) string { return orElse(s.tags[names[1]], s.tags[names[0]]) }

// findings says which names are on the span, what the database is called, and whether
// APM's rule is on.
func (s *readSpan) findings() []Finding {
	var present, missing []string
	for _, names := range neededNames {
		if s.tag(names) == "" {
			missing = append(missing, names[0])
		} else {
			present = append(present, names[0])
		}
	}
	var findings []Finding
	if len(missing) > 0 {
		findings = append(findings, failed(Names, "the database call lacks "+strings.Join(missing, ", "), "see pipelines: db_span_enricher and peer_service set them"))
	} else {
		findings = append(findings, ok(Names, "the database call has "+strings.Join(present, ", ")))
	}
	database := s.tag(neededNames[3])
	switch {
	case database == "":
		findings = append(findings, failed(Database, "the database has no name: APM shows it as \"External Unknown\"", "see pipelines: peer_service sets it"))
	case s.converted != nil && !*s.converted:
		findings = append(findings, failed(Database, "the database has the name "+database+", but APM does not read it: it shows \"External Unknown\"", "see rule"))
	default:
		findings = append(findings, ok(Database, "APM shows the database as "+database))
	}
	switch {
	case s.converted == nil:
		findings = append(findings, skipped(Rule, "cannot be seen from here"))
	case *s.converted:
		findings = append(findings, ok(Rule, "the rule \"OpenTelemetry to APM naming conversion\" is on"))
	default:
		findings = append(findings, failed(Rule, "the rule \"OpenTelemetry to APM naming conversion\" is off: databases are \"External Unknown\"",
			"apmctl setup --apply creates it; it changes new spans only"))
	}
	return findings
}
