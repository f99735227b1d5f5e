// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package startup // import "github.com/ociapm/otelcol-ociapm/internal/startup"

import (
	"fmt"
	"net"
)

// portSettings names the settings of the ready configurations' ports.
var portSettings = map[string]string{
	"4317":  "receivers::otlp::protocols::grpc::endpoint",
	"4318":  "receivers::otlp::protocols::http::endpoint",
	"8888":  "service::telemetry::metrics::readers",
	"13133": "extensions::health_check::endpoint",
	"13134": "extensions::healthcheckv2::http::endpoint",
}

// PortInUse returns the problem of a listener whose address, host:port, another socket
// has. The cause may be nil.
func PortInUse(address string, cause error) *Problem {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		port = address
	}
	setting := portSettings[port]
	if setting == "" {
		setting = "the endpoint"
	}
	by := fmt.Sprintf("another process (as root, `ss -ltnp 'sport = :%s'` shows which): stop it", port)
	if owner, ok := listener(address); ok {
		by = owner.String() + ": stop that process"
	}
	return &Problem{
		sentence: fmt.Sprintf("%s is already in use by %s, or set %s to another address in a second --config file", address, by, setting),
		cause:    cause,
	}
}
