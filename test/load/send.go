// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package load // import "github.com/ociapm/otelcol-ociapm/test/load"

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

const exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

var errRejected = errors.New("the collector has answered with a partial success")

// sender is the connection of one app.
type sender interface {
	// send exports one encoded request.
	send(ctx context.Context, body []byte) error
	close()
}

// encoded is a codec for requests that are already encoded, and for responses that are
// not decoded.
type encoded struct{}

var _ encoding.CodecV2 = encoded{}

// Name returns the name by which the server selects its own codec.
func (encoded) Name() string { return "proto" }

// Marshal returns the bytes that v points to.
func (encoded) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil
}

// Unmarshal copies the bytes to the slice that v points to.
func (encoded) Unmarshal(data mem.BufferSlice, v any) error {
	*v.(*[]byte) = data.Materialize()
	return nil
}

type grpcSender struct{ conn *grpc.ClientConn }

func newGRPCSender(address string) (sender, error) {
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(encoded{})))
	if err != nil {
		return nil, err
	}
	return &grpcSender{conn}, nil
}

func (s *grpcSender) send(ctx context.Context, body []byte) error {
	var answer []byte
	if err := s.conn.Invoke(ctx, exportMethod, &body, &answer, grpc.WaitForReady(true)); err != nil {
		return err
	}
	return checkAnswer(answer)
}

func (s *grpcSender) close() { _ = s.conn.Close() }

// checkAnswer reads an export response. On full success, the partial success field is
// absent or empty (two bytes).
func checkAnswer(answer []byte) error {
	if len(answer) > 2 {
		return fmt.Errorf("%w: %q", errRejected, answer)
	}
	return nil
}

type httpSender struct {
	url    string
	client *http.Client
}

func newHTTPSender(address string) (sender, error) {
	return &httpSender{"http://" + address + "/v1/traces", &http.Client{Transport: &http.Transport{}}}, nil
}

func (s *httpSender) send(ctx context.Context, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %q", resp.Status, answer)
	}
	return checkAnswer(answer)
}

func (s *httpSender) close() { s.client.CloseIdleConnections() }
