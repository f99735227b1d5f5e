// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Command go is the shop on net/http. It listens on the port in PORT. The variable
// TRACED_BY names the library that traces its statements.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/trace"
)

func main() {
	if err := run(os.Getenv("PORT")); err != nil {
		log.Fatal(err)
	}
}

func run(port string) (err error) {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	stop, err := startTracing(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop(context.Background())) }()
	if file := os.Getenv("SPAN_COUNT_FILE"); file != "" {
		if err := countSpans(file); err != nil {
			return err
		}
	}

	newStore, found := stores[os.Getenv("TRACED_BY")]
	if !found {
		return fmt.Errorf("TRACED_BY is %q", os.Getenv("TRACED_BY"))
	}
	items, err := newStore(os.Getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	server := &http.Server{
		Addr:              net.JoinHostPort("127.0.0.1", port),
		Handler:           otelhttp.NewHandler(routes(items), "shop"),
		ReadHeaderTimeout: time.Second,
	}
	stopped := make(chan error, 1)
	go func() {
		<-ctx.Done()
		stopped <- server.Shutdown(context.Background())
	}()
	log.Println("listening")
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// routes are the shop's routes.
func routes(items store) http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, handler func(r *http.Request) (status int, answer any, err error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			status, answer, err := handler(r)
			if err != nil {
				// Go has no exceptions for an instrumentation to record.
				trace.SpanFromContext(r.Context()).RecordError(err)
				status, answer = http.StatusInternalServerError, struct{}{}
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			if err := json.NewEncoder(w).Encode(answer); err != nil {
				log.Println(err)
			}
		})
	}
	handle("GET /items", func(r *http.Request) (int, any, error) {
		found, err := items.query(r.Context(), "SELECT id, name FROM items ORDER BY id")
		return http.StatusOK, found, err
	})
	handle("GET /items/{id}", func(r *http.Request) (int, any, error) {
		found, err := items.query(r.Context(), "SELECT id, name FROM items WHERE id = $1", r.PathValue("id"))
		if err != nil || len(found) == 0 {
			return http.StatusNotFound, struct{}{}, err
		}
		return http.StatusOK, found[0], nil
	})
	handle("POST /items", func(r *http.Request) (int, any, error) {
		var i item
		if err := json.NewDecoder(r.Body).Decode(&i); err != nil {
			return http.StatusBadRequest, struct{}{}, nil
		}
		return http.StatusCreated, i, items.execute(r.Context(), "INSERT INTO items (name) VALUES ($1)", i.Name)
	})
	handle("GET /error", func(*http.Request) (int, any, error) {
		return 0, nil, errors.New("on purpose")
	})
	handle("GET /broken", func(r *http.Request) (int, any, error) {
		found, err := items.query(r.Context(), "SELECT name FROM no_such_table")
		return http.StatusOK, found, err
	})
	handle("GET /slow", func(r *http.Request) (int, any, error) {
		if err := items.execute(r.Context(), "SELECT pg_sleep(30)"); err != nil {
			return http.StatusGatewayTimeout, struct{}{}, nil
		}
		return http.StatusOK, struct{}{}, nil
	})
	return mux
}
