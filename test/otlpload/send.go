// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package otlpload // import "github.com/ociapm/otelcol-ociapm/test/otlpload"

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// Sender sends requests. The errors of Send are ErrRetryable or ErrRefused.
type Sender interface {
	Send(ctx context.Context, request ptraceotlp.ExportRequest) error
	Close()
}

type grpcSender struct {
	conn   *grpc.ClientConn
	client ptraceotlp.GRPCClient
}

// NewGRPCSender returns a sender to host:port over gRPC without TLS.
func NewGRPCSender(address string) (Sender, error) {
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstBackoff, Multiplier: 1.6, Jitter: 0.2, MaxDelay: maxBackoff},
			MinConnectTimeout: time.Second,
		}))
	if err != nil {
		return nil, fmt.Errorf("client of %s: %w", address, err)
	}
	return &grpcSender{conn, ptraceotlp.NewGRPCClient(conn)}, nil
}

func (s *grpcSender) Send(ctx context.Context, request ptraceotlp.ExportRequest) error {
	resp, err := s.client.Export(ctx, request)
	if err == nil {
		return checkPartialSuccess(resp)
	}
	// https://opentelemetry.io/docs/specs/otlp/#failures
	switch status.Code(err) {
	case codes.Canceled, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted, codes.OutOfRange, codes.Unavailable, codes.DataLoss:
		return fmt.Errorf("%w: %w", ErrRetryable, err)
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}

func (s *grpcSender) Close() { _ = s.conn.Close() }

type httpSender struct {
	url    string
	client *http.Client
}

// NewHTTPSender returns a sender to host:port over plain HTTP.
func NewHTTPSender(address string) Sender {
	return &httpSender{"http://" + address + "/v1/traces", &http.Client{Transport: &http.Transport{}}}
}

func (s *httpSender) Send(ctx context.Context, request ptraceotlp.ExportRequest) error {
	body, err := request.MarshalProto()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRetryable, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRetryable, err)
	}
	// https://opentelemetry.io/docs/specs/otlp/#failures-1
	switch resp.StatusCode {
	case http.StatusOK:
		exported := ptraceotlp.NewExportResponse()
		if err := exported.UnmarshalProto(answer); err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		return checkPartialSuccess(exported)
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return fmt.Errorf("%w: %s: %q", ErrRetryable, resp.Status, answer)
	}
	return fmt.Errorf("%w: %s: %q", ErrRefused, resp.Status, answer)
}

func (s *httpSender) Close() { s.client.CloseIdleConnections() }

func checkPartialSuccess(resp ptraceotlp.ExportResponse) error {
	if n := resp.PartialSuccess().RejectedSpans(); n > 0 {
		return fmt.Errorf("%w: %d spans: %s", ErrRefused, n, resp.PartialSuccess().ErrorMessage())
	}
	return nil
}
