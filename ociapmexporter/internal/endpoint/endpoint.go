// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package endpoint // import "github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
)

const (
	// apiPath is the root of APM's OpenTelemetry paths.
	apiPath = "/20200101/opentelemetry"

	// Form shows the form of a Data Upload Endpoint.
	Form = "https://<prefix>.apm-agt.<region>.oci.oraclecloud.com"
	help = "write the Data Upload Endpoint of the APM domain, " + Form +
		" (OCI Console > Observability & Management > APM > Administration > your domain)"
)

// controlPlaneHosts are the first labels of the OCI hosts that serve APM's
// management and query APIs. They answer uploads with 404.
var controlPlaneHosts = []string{"apm-trace", "apm-cp", "apm-config", "apm-synthetic", "apm-attributes"}

// URLs are the upload URLs of an APM domain.
type URLs struct {
	Traces  string
	Metrics string
	Logs    string
	// TracesFallback is tried if Traces answers 404; "" if there is none.
	TracesFallback string
	// DataKeyType is the type of the data key for these URLs.
	DataKeyType DataKeyType
}

// Parse derives the upload URLs from the endpoint in the configuration.
// An error names the field and says what to write instead.
func Parse(endpoint string, keyType DataKeyType) (URLs, error) {
	if err := keyType.Check(); err != nil {
		return URLs{}, err
	}

	base, pastedType, err := parseEndpoint(endpoint)
	if err != nil {
		return URLs{}, fmt.Errorf("endpoint: %w", err)
	}
	if pastedType != DataKeyTypeUnset {
		if keyType != DataKeyTypeUnset && keyType != pastedType {
			return URLs{}, fmt.Errorf("endpoint: its path is the one for %s data keys, but data_key_type is %s; write endpoint: %s://%s", pastedType, keyType, base.Scheme, shownHost(base.Host))
		}
		keyType = pastedType
	}

	urls := URLs{
		Traces:      base.JoinPath(apiPath, string(keyType), "v1/traces").String(),
		Metrics:     base.JoinPath(apiPath, "v1/metrics").String(),
		Logs:        base.JoinPath(apiPath, "v1/logs").String(),
		DataKeyType: keyType,
	}
	if keyType == DataKeyTypeUnset {
		urls.TracesFallback = base.JoinPath(apiPath, string(DataKeyTypePrivate), "v1/traces").String()
	}
	return urls, nil
}

// parseEndpoint returns the scheme and host of the endpoint, and the type of data key
// that a pasted upload path implies.
func parseEndpoint(endpoint string) (*url.URL, DataKeyType, error) {
	endpoint = strings.TrimSpace(endpoint)
	switch {
	case endpoint == "":
		return nil, "", errors.New("it is empty; " + help + ", or set the environment variable that it is read from")
	case strings.ContainsAny(endpoint, "<>"):
		return nil, "", errors.New("it still has a <placeholder> in it; " + help)
	case !strings.Contains(endpoint, "://"):
		host, _, _ := strings.Cut(strings.TrimLeft(endpoint, "/"), "/")
		return nil, "", fmt.Errorf("it has no scheme; write https://%s", shownHost(host))
	}

	u, err := url.Parse(endpoint)
	if err != nil {
		// The error of url.Parse repeats its input. Like every error here, this
		// one does not: a key may have been pasted into the URL.
		return nil, "", errors.New("it is not a URL; " + help)
	}
	host := strings.ToLower(u.Hostname())
	switch {
	case u.User != nil:
		return nil, "", errors.New("it has a user name or password in it; write only the scheme and host, the data key goes into data_key or data_key_file")
	case host == "":
		return nil, "", errors.New("it names no host; " + help)
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, "", fmt.Errorf("its scheme is not supported, OCI APM accepts OTLP over HTTPS; write https://%s", shownHost(u.Host))
	case isControlPlane(host):
		return nil, "", fmt.Errorf("%s is a management host of OCI, which accepts no uploads; %s", shown(u.Host, managementHost, "its host"), help)
	case u.Scheme == "http" && !isLoopback(host):
		return nil, "", fmt.Errorf("it would send the data key unencrypted over the network; write https://%s (plain http is accepted for this machine only)", shownHost(u.Host))
	case u.RawQuery != "" || u.Fragment != "":
		return nil, "", fmt.Errorf("OCI APM accepts no query or fragment on its upload paths; write %s://%s", u.Scheme, shownHost(u.Host))
	}

	base := &url.URL{Scheme: u.Scheme, Host: u.Host}
	keyType, ok := pastedKeyType(u.Path)
	if !ok {
		return nil, "", fmt.Errorf("%s is not one of OCI APM's upload paths; write %s://%s, the exporter adds the path", shown("path "+u.Path, otherPath, "its path"), u.Scheme, shownHost(u.Host))
	}
	return base, keyType, nil
}

// The parts of an endpoint that an error may show. Other parts are hidden, since a key can
// have been pasted into any of them. Prefixes are in lower case, and much shorter than a
// data key.
var (
	uploadHost     = regexp.MustCompile(`^[a-z0-9-]{1,32}\.apm-agt\.[a-z0-9-]{1,24}\.oci\.[a-z0-9.-]{1,40}$`)
	managementHost = regexp.MustCompile(`^([a-z-]{1,16}\.[a-z0-9-]{1,24}\.oci\.oraclecloud\.com|cloud\.oracle\.com)$`)
	otherPath      = regexp.MustCompile(`^path (/[a-z0-9-]{1,16}){1,5}$`)
)

// shown returns a part of an endpoint for an error message if it has the form, and
// otherwise the given text.
func shown(part string, form *regexp.Regexp, otherwise string) string {
	if form.MatchString(part) {
		return part
	}
	return otherwise
}

// shownHost returns the host for an error message, or a placeholder.
func shownHost(host string) string {
	name := host
	if cut, _, err := net.SplitHostPort(host); err == nil {
		name = cut
	}
	if uploadHost.MatchString(name) || isLoopback(name) {
		return host
	}
	return "<host of the Data Upload Endpoint>"
}

// pastedKeyType recognizes the upload paths that users paste from the manual or
// from the configuration of an SDK.
func pastedKeyType(path string) (keyType DataKeyType, ok bool) {
	path = strings.TrimRight(path, "/")
	switch path {
	case "", "/20200101", apiPath, apiPath + "/v1", apiPath + "/v1/traces", apiPath + "/v1/metrics", apiPath + "/v1/logs":
		return DataKeyTypeUnset, true
	case apiPath + "/private", apiPath + "/private/v1", apiPath + "/private/v1/traces":
		return DataKeyTypePrivate, true
	case apiPath + "/public", apiPath + "/public/v1", apiPath + "/public/v1/traces":
		return DataKeyTypePublic, true
	}
	return "", false
}

func isControlPlane(host string) bool {
	if host == "cloud.oracle.com" || strings.HasSuffix(host, ".cloud.oracle.com") {
		return true // the OCI Console
	}
	label, _, _ := strings.Cut(host, ".")
	for _, name := range controlPlaneHosts {
		if label == name {
			return true
		}
	}
	return false
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}
