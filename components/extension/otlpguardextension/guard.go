// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpguardextension // import "github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension"

import (
	"context"
	"fmt"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ociapm/otelcol-ociapm/components/extension/otlpguardextension/internal/metadata"
)

var (
	_ extensionmiddleware.HTTPServer = (*guard)(nil)
	_ extensionmiddleware.GRPCServer = (*guard)(nil)
)

// guard is the extension.
type guard struct {
	maxDepth  int
	telemetry *metadata.TelemetryBuilder
	// refusal is what a client gets. Its code is one that OTLP clients do not
	// retry, over gRPC and, as status 400, over HTTP.
	refusal error
}

func newGuard(maxDepth int, telemetry *metadata.TelemetryBuilder) *guard {
	return &guard{
		maxDepth:  maxDepth,
		telemetry: telemetry,
		refusal: status.Error(codes.InvalidArgument,
			fmt.Sprintf("attribute values are nested more than %d deep; the collector's otlp_guard refuses them", maxDepth)),
	}
}

func (*guard) Start(context.Context, component.Host) error { return nil }

func (g *guard) Shutdown(context.Context) error {
	g.telemetry.Shutdown()
	return nil
}

var (
	viaGRPC         = metric.WithAttributeSet(attribute.NewSet(attribute.String("protocol", "grpc")))
	viaHTTPProtobuf = metric.WithAttributeSet(attribute.NewSet(attribute.String("protocol", "http_protobuf")))
	viaHTTPJSON     = metric.WithAttributeSet(attribute.NewSet(attribute.String("protocol", "http_json")))
)

// refused counts a request and returns what to answer.
func (g *guard) refused(ctx context.Context, via metric.MeasurementOption) error {
	g.telemetry.ExtensionOtlpGuardRefusedRequests.Add(ctx, 1, via)
	return g.refusal
}
