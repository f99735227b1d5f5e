// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/ociapm/otelcol-ociapm/internal/otlpscan"
)

// retryDelay is the delay after which a refused sender is asked to retry.
const retryDelay = time.Second

// protocol is the protocol of a request.
type protocol string

const (
	overGRPC  protocol = "grpc"
	protobuf  protocol = "http_protobuf"
	inJSON    protocol = "http_json"
	otherHTTP protocol = "http_other"
)

var (
	forRequests  = metric.WithAttributeSet(attribute.NewSet(attribute.String("use", "requests")))
	forReceiving = metric.WithAttributeSet(attribute.NewSet(attribute.String("use", "receiving")))
)

// reason is the reason for which a request is refused or rejected.
type reason string

const (
	tooDeep         reason = "too_deep"
	tooManyMessages reason = "too_many_messages"
	tooLarge        reason = "too_large"
	tooLong         reason = "body_too_large"
	noMemory        reason = "memory"
)

// reasonOf returns the reason that corresponds to a scanner's verdict.
func reasonOf(verdict otlpscan.Verdict) reason {
	switch verdict {
	case otlpscan.TooDeep:
		return tooDeep
	case otlpscan.TooManyMessages:
		return tooManyMessages
	default:
		return tooLarge
	}
}

// httpStatus returns the HTTP status of the answer.
func (r reason) httpStatus() int {
	switch r {
	case tooDeep:
		return http.StatusBadRequest
	case noMemory:
		return http.StatusServiceUnavailable
	default:
		return http.StatusRequestEntityTooLarge
	}
}

// refuse counts a request that is refused or rejected, and returns the answer. OTLP
// senders retry only the status for a shortage of memory.
// Source: OTLP 1.x, "Failures" of OTLP/gRPC and OTLP/HTTP.
func (g *guard) refuse(ctx context.Context, why reason, how protocol) error {
	g.telemetry.ExtensionOtlpGuardRefusedRequests.Add(ctx, 1, metric.WithAttributeSet(attribute.NewSet(
		attribute.String("protocol", string(how)), attribute.String("reason", string(why)))))
	switch why {
	case tooDeep:
		return status.Error(codes.InvalidArgument,
			fmt.Sprintf("attribute values are nested more than %d deep; the collector's otlp_guard rejects them", g.limits.Depth))
	case tooManyMessages:
		return status.Error(codes.ResourceExhausted,
			fmt.Sprintf("the request holds more than %d messages, which the collector's otlp_guard rejects: send less at a time", g.limits.Messages))
	case tooLarge:
		return status.Error(codes.ResourceExhausted,
			fmt.Sprintf("the request would take more than %d MiB of memory, which the collector's otlp_guard rejects: send less at a time", g.limits.Size>>20))
	case tooLong:
		return status.Error(codes.ResourceExhausted,
			fmt.Sprintf("the request is larger than %d MiB after decompression, the max_request_body_size of the collector's otlp_guard: send less at a time", g.maxBody>>20))
	default:
		return shortOfMemory(how)
	}
}

// shortOfMemory returns the answer to a request for which no memory is free.
func shortOfMemory(how protocol) error {
	code := codes.ResourceExhausted
	if how != overGRPC {
		code = codes.Unavailable // the code that the receiver maps to 503
	}
	answer := status.New(code, "the collector is short of memory for requests under way: try again later")
	detailed, err := answer.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryDelay)})
	if err != nil {
		return answer.Err()
	}
	return detailed.Err()
}
