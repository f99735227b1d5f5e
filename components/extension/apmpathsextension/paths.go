// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apmpathsextension // import "github.com/ociapm/otelcol-ociapm/components/extension/apmpathsextension"

import (
	"net/url"
	"strings"
)

// The upload paths of an APM domain, as Oracle's documentation has them:
// https://docs.oracle.com/iaas/application-performance-monitoring/doc/configure-open-source-tracing-systems.html
const (
	opentelemetry = "/20200101/opentelemetry/"
	observations  = "/20200101/observations/"
)

// The paths of the OTLP receiver.
const (
	tracesPath  = "/v1/traces"
	metricsPath = "/v1/metrics"
	logsPath    = "/v1/logs"
)

// upload says what becomes of a request to one of APM's upload paths.
type upload struct {
	path    string // the receiver's path
	refusal string // if set, the request is rejected with this text
}

// uploadAt returns what becomes of a request, and whether its URL is one of
// APM's upload paths.
func uploadAt(u *url.URL) (upload, bool) {
	path := "/" + strings.TrimLeft(u.Path, "/") // the endpoint may end with a slash
	if rest, ok := strings.CutPrefix(path, opentelemetry); ok {
		receiver := otlpPath(rest)
		return upload{path: receiver}, receiver != ""
	}
	if rest, ok := strings.CutPrefix(path, observations); ok {
		return observation(strings.TrimSuffix(rest, "/"), u)
	}
	return upload{}, false
}

// otlpPath returns the OTLP receiver's path for what follows opentelemetry/, or
// "" if it is no upload path.
func otlpPath(rest string) string {
	rest, private := strings.CutPrefix(rest, "private/")
	if !private {
		rest = strings.TrimPrefix(rest, "public/")
	}
	switch strings.TrimSuffix(rest, "/") {
	case "v1/traces":
		return tracesPath
	case "v1/metrics":
		return metricsPath
	case "v1/logs":
		return logsPath
	default:
		return ""
	}
}

// observation returns what becomes of a request to one of the older paths, which
// name the format in the query.
func observation(kind string, u *url.URL) (upload, bool) {
	format := u.Query().Get("dataFormat")
	switch kind {
	case "public-span", "private-span":
		switch format {
		case "", "zipkin":
			return upload{path: u.Path}, true // the zipkin receiver takes any path
		case "apm":
			return upload{refusal: "dataFormat=apm is the format of Oracle's own agents, which only OCI APM can read: let them upload to the APM domain directly"}, true
		default:
			return upload{refusal: "this path takes dataFormat=zipkin: send OTLP to /20200101/opentelemetry/v1/traces"}, true
		}
	case "metric":
		if format != "otlp-metric" {
			return upload{refusal: "this path takes dataFormat=otlp-metric: send OTLP to /20200101/opentelemetry/v1/metrics"}, true
		}
		return upload{path: metricsPath}, true
	default:
		return upload{}, false
	}
}
