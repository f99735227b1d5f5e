// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package startup // import "github.com/ociapm/otelcol-ociapm/internal/startup"

import (
	"errors"
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
	return portTaken(address, "set "+setting+" to another address in a second --config file", cause)
}

// ExplainListen returns the Problem of a listener whose address another socket has, with
// what to do instead of ending that process. Any other error is returned unchanged.
func ExplainListen(err error, alternative string) error {
	if address, ok := takenAddress(err); ok {
		return portTaken(address, alternative, err)
	}
	return err
}

// takenAddress returns the address, host:port, that a listener could not get because
// another socket has it.
func takenAddress(err error) (string, bool) {
	var operation *net.OpError
	if errors.As(err, &operation) && operation.Op == "listen" && addressInUse(operation.Err) {
		return operation.Addr.String(), true
	}
	return "", false
}

func portTaken(address, alternative string, cause error) *Problem {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		port = address
	}
	by := fmt.Sprintf("another process (as root, `ss -ltnp 'sport = :%s'` shows which): stop it", port)
	if owner, ok := listener(address); ok {
		by = owner.String() + ": stop that process"
	}
	return &Problem{
		sentence: fmt.Sprintf("%s is already in use by %s, or %s", address, by, alternative),
		cause:    cause,
	}
}
