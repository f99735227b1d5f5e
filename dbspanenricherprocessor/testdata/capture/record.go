// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"github.com/open-telemetry/opentelemetry-collector-contrib/pkg/golden"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// record runs a program with an OTLP endpoint on loopback and writes the spans that it
// sends. Times, IDs and the process are normalized; names and attributes of spans are not
// changed.
func record(file string, command []string) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var spans recorder
	go func() { _ = http.Serve(listener, &spans) }() //nolint:gosec // on loopback, for one program only
	program := exec.Command(command[0], command[1:]...)
	program.Stdout, program.Stderr = os.Stderr, os.Stderr
	program.Env = append(os.Environ(),
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://"+listener.Addr().String(), "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf")
	if err := program.Run(); err != nil {
		return fmt.Errorf("%s: %w", command[0], err)
	}
	spans.mu.Lock()
	defer spans.mu.Unlock()
	return golden.WriteTracesToFile(file, spans.merged())
}

// recorder is an OTLP endpoint that keeps the spans that it receives.
type recorder struct {
	mu   sync.Mutex
	sent []ptrace.Traces
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	request := ptraceotlp.NewExportRequest()
	if err == nil {
		err = request.UnmarshalProto(body)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sent = append(r.sent, request.Traces())
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// merged returns all spans that were sent, under one resource, in the order of arrival.
func (r *recorder) merged() ptrace.Traces {
	out := ptrace.NewTraces()
	resource := out.ResourceSpans().AppendEmpty()
	scopes := map[string]ptrace.ScopeSpans{}
	for _, td := range r.sent {
		for _, rs := range td.ResourceSpans().All() {
			rs.Resource().Attributes().CopyTo(resource.Resource().Attributes())
			for _, ss := range rs.ScopeSpans().All() {
				scoped, ok := scopes[ss.Scope().Name()]
				if !ok {
					scoped = resource.ScopeSpans().AppendEmpty()
					ss.Scope().CopyTo(scoped.Scope())
					scopes[ss.Scope().Name()] = scoped
				}
				ss.Spans().MoveAndAppendTo(scoped.Spans())
			}
		}
	}
	for _, ss := range resource.ScopeSpans().All() {
		if ss.Scope().Name() == springBoot {
			ss.Spans().Sort(func(a, b ptrace.Span) bool { return a.EndTimestamp() < b.EndTimestamp() })
		}
		for place, span := range ss.Spans().All() {
			settle(span, place)
		}
	}
	resource.Resource().Attributes().RemoveIf(func(name string, _ pcommon.Value) bool {
		return !strings.HasPrefix(name, "telemetry.")
	})
	return out
}

// springBoot is the scope of Spring Boot's spans, whose exporter sends them in no
// particular order. All others arrive in the order in which they ended, even if the
// clocks of their programs differ.
const springBoot = "org.springframework.boot"

// settle gives a span IDs and times that depend only on its position, and removes what
// depends on the machine.
func settle(span ptrace.Span, place int) {
	span.SetTraceID(pcommon.TraceID{15: 1})
	span.SetSpanID(pcommon.SpanID{7: byte(place + 1)})
	span.SetParentSpanID(pcommon.SpanID{})
	span.SetStartTimestamp(0)
	span.SetEndTimestamp(0)
	for _, event := range span.Events().All() {
		event.SetTimestamp(0)
		event.Attributes().Remove("exception.stacktrace")
	}
	span.Attributes().RemoveIf(func(name string, _ pcommon.Value) bool {
		return strings.HasPrefix(name, "thread.") || name == "code.filepath" || name == "code.lineno"
	})
	if id, ok := span.Attributes().Get("aws.request_id"); ok {
		id.SetStr("REQUEST")
	}
	// The Java agent sends them in another order each time.
	sorted := pcommon.NewMap()
	for _, name := range slices.Sorted(maps.Keys(span.Attributes().AsRaw())) {
		value, _ := span.Attributes().Get(name)
		value.CopyTo(sorted.PutEmpty(name))
	}
	sorted.MoveTo(span.Attributes())
}
