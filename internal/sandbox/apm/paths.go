// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"path"
	"strings"
)

// The upload paths of OCI APM. TracesPath is not in Oracle's manual, but in
// use. The others are documented, LogsPath by its prefix only.
const (
	TracesPath        = "/20200101/opentelemetry/v1/traces"
	PrivateTracesPath = "/20200101/opentelemetry/private/v1/traces"
	PublicTracesPath  = "/20200101/opentelemetry/public/v1/traces"
	MetricsPath       = "/20200101/opentelemetry/v1/metrics"
	LogsPath          = "/20200101/opentelemetry/v1/logs"
	PublicSpanPath    = observationsPrefix + "public-span"
	PrivateSpanPath   = observationsPrefix + "private-span"
)

const (
	uploadPrefix       = "/20200101/opentelemetry"
	observationsPrefix = "/20200101/observations/"
)

// uploadPath describes the signal of a path, and the kind of key that it
// requires.
type uploadPath struct {
	path   string
	signal Signal
	key    KeyKind
	// zipkin is true for the paths that accept Zipkin's format, with the key in
	// the query, instead of OTLP.
	zipkin bool
}

var uploadPaths = []uploadPath{
	{path: TracesPath, signal: SignalTraces, key: KeyPrivate},
	{path: PrivateTracesPath, signal: SignalTraces, key: KeyPrivate},
	{path: PublicTracesPath, signal: SignalTraces, key: KeyPublic},
	{path: MetricsPath, signal: SignalMetrics, key: KeyPrivate},
	{path: LogsPath, signal: SignalLogs, key: KeyPrivate},
	{path: PublicSpanPath, signal: SignalTraces, key: KeyPublic, zipkin: true},
	{path: PrivateSpanPath, signal: SignalTraces, key: KeyPrivate, zipkin: true},
}

func findUploadPath(requested string) (uploadPath, bool) {
	for _, p := range uploadPaths {
		if p.path == requested {
			return p, true
		}
	}
	return uploadPath{}, false
}

// pathHint returns what is probably wrong with a path that accepts no uploads,
// and what to do.
func pathHint(requested string) string {
	if cleaned := path.Clean(requested); cleaned != requested {
		if _, ok := findUploadPath(cleaned); ok {
			return "the path has an extra slash: the right one is " + cleaned
		}
		requested = cleaned
	}
	if strings.HasPrefix(requested, "/opentelemetry.proto.collector.") {
		return "this is an OTLP/gRPC method: APM accepts OTLP over HTTP only"
	}
	for _, version := range []string{"/v1/", "/v1development/"} {
		rest, ok := strings.CutPrefix(requested, version)
		if !ok {
			continue
		}
		if p, found := findUploadPath(uploadPrefix + "/v1/" + rest); found {
			return "the path lacks APM's prefix: the right one is " + p.path
		}
	}
	for _, p := range uploadPaths {
		if rest, ok := strings.CutPrefix(requested, p.path+"/"); ok && strings.Contains(rest, "v1/") {
			return "the path is doubled: a full upload URL was given in place of the endpoint without a path; the right path is " + p.path
		}
	}
	if strings.Count(requested, uploadPrefix) > 1 {
		return "the path is doubled: give the endpoint without " + uploadPrefix + "; the paths are " + listPaths()
	}
	rest, ok := strings.CutPrefix(requested, uploadPrefix)
	if !ok {
		if strings.HasPrefix(requested, observationsPrefix) {
			return "the sandbox accepts spans in Zipkin's format at " + PublicSpanPath + " and " + PrivateSpanPath + ", and nothing else below " + observationsPrefix
		}
		return "nothing is here; uploads go to " + listPaths()
	}
	for _, p := range uploadPaths {
		if p.signal != SignalTraces && (rest == "/private/v1/"+string(p.signal) || rest == "/public/v1/"+string(p.signal)) {
			return string(p.signal) + " have one path, without private or public in it, and take a private key: " + p.path
		}
	}
	switch rest {
	case "", "/v1", "/private", "/public", "/private/v1", "/public/v1":
		return "the path has no signal; uploads go to " + listPaths()
	}
	return "no signal has this path; uploads go to " + listPaths()
}

func listPaths() string {
	paths := make([]string, 0, len(uploadPaths))
	for _, p := range uploadPaths {
		paths = append(paths, p.path)
	}
	return strings.Join(paths, ", ")
}
