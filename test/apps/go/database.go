// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"

	"github.com/XSAM/otelsql"
	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx" of database/sql
	semconv "go.opentelemetry.io/otel/semconv/v1.40.0"
)

// connect is for pgx: otelpgx traces the connection.
func connect(ctx context.Context, url string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.Tracer = otelpgx.NewTracer()
	return pgx.ConnectConfig(ctx, config)
}

// open is for database/sql: otelsql traces any driver. It must be told what the
// database is.
func open(url string) (*sql.DB, error) {
	return otelsql.Open("pgx", url, otelsql.WithAttributes(append(otelsql.AttributesFromDSN(url),
		semconv.DBSystemNamePostgreSQL, semconv.DBNamespace("shop"))...))
}
