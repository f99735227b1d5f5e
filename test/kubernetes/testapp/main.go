// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Testapp is what the pods of the tests run that are no collector:
//
//	testapp pause   holds the namespaces of a pod, and nothing else
//	testapp send    an app that sends spans to OTLP_ADDRESS (host:port) as APP_ID,
//	                over OTLP_PROTOCOL (grpc or http) with OTEL_RESOURCE_ATTRIBUTES,
//	                and serves what became of them on port 8080: GET /report, POST
//	                /stop
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ociapm/otelcol-ociapm/test/otlpload"
)

var errUsage = errors.New("usage: testapp pause|send")

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "testapp:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	if len(os.Args) != 2 {
		return errUsage
	}
	switch os.Args[1] {
	case "pause":
		pause(ctx)
		return nil
	case "send":
		return send(ctx)
	}
	return errUsage
}

// pause waits, and reaps the orphans of its pid namespace meanwhile.
func pause(ctx context.Context) {
	children := make(chan os.Signal, 8)
	signal.Notify(children, syscall.SIGCHLD)
	for {
		select {
		case <-ctx.Done():
			return
		case <-children:
			for {
				pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
				if pid <= 0 || err != nil {
					break
				}
			}
		}
	}
}

func send(ctx context.Context) error {
	id, err := strconv.Atoi(os.Getenv("APP_ID"))
	if err != nil {
		return fmt.Errorf("APP_ID: %w", err)
	}
	address := os.Getenv("OTLP_ADDRESS")
	sender := otlpload.NewHTTPSender(address)
	if os.Getenv("OTLP_PROTOCOL") == "grpc" {
		sender, err = otlpload.NewGRPCSender(address)
		if err != nil {
			return err
		}
	}
	app := otlpload.NewApp(id, sender, otlpload.Options{Pause: 50 * time.Millisecond, Resource: resource(os.Getenv("OTEL_RESOURCE_ATTRIBUTES"))})

	stop := make(chan struct{})
	end := sync.OnceFunc(func() { close(stop) })
	var sending sync.WaitGroup
	sending.Go(func() { app.Run(context.WithoutCancel(ctx), stop) })

	mux := http.NewServeMux()
	report := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(app.Report())
	}
	mux.HandleFunc("GET /report", report)
	mux.HandleFunc("POST /stop", func(w http.ResponseWriter, r *http.Request) {
		end()
		sending.Wait()
		report(w, r)
	})
	server := http.Server{Addr: ":8080", Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	select {
	case err = <-failed:
		return err
	case <-ctx.Done():
	}
	end()
	sending.Wait()
	return server.Close()
}

// resource returns the attributes that are written as NAME=VALUE,NAME=VALUE.
func resource(text string) map[string]string {
	attributes := map[string]string{}
	for _, pair := range strings.Split(text, ",") {
		if name, value, found := strings.Cut(pair, "="); found {
			attributes[name] = value
		}
	}
	return attributes
}
