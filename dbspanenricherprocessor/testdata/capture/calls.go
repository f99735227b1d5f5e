// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/XSAM/otelsql"
	"github.com/exaring/otelpgx"
	_ "github.com/go-sql-driver/mysql" // the driver "mysql"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/extra/redisotel/v9"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// call calls one database through one instrumented library.
func call(ctx context.Context, library string) (err error) {
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return err
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	otel.SetTracerProvider(provider)
	defer func() { err = errors.Join(err, provider.Shutdown(ctx)) }()
	ctx, _ = provider.Tracer("capture").Start(ctx, "calls") // otelpgx requires a parent; it never ends, so it is not sent

	postgres := "postgres://hotel@127.0.0.1:" + os.Getenv("PG_PORT") + "/hotel?sslmode=disable"
	switch library {
	case "otelsql_pgx":
		return callSQL(ctx, "pgx", postgres, attribute.String("db.system.name", "postgresql"), "$1", "$2")
	case "otelsql_mysql":
		mariadb := "hotel@tcp(127.0.0.1:" + os.Getenv("MARIADB_PORT") + ")/hotel"
		return callSQL(ctx, "mysql", mariadb, attribute.String("db.system", "mysql"), "?", "?")
	case "otelpgx":
		return callPgx(ctx, postgres)
	case "gorm_postgres":
		return callGormPostgres(ctx)
	case "gorm_mysql":
		return callGormMySQL(ctx)
	case "gorm_uptrace":
		return callUptrace(ctx)
	case "redisotel":
		return callRedis(ctx)
	case "redisotel_secrets":
		return callRedisSecrets(ctx)
	default:
		return fmt.Errorf("no library %q", library)
	}
}

// callSQL calls through otelsql as its documentation shows: the application sets the
// system, and the address comes from the data source name.
func callSQL(ctx context.Context, driver, dsn string, system attribute.KeyValue, first, second string) error {
	db, err := otelsql.Open(driver, dsn,
		otelsql.WithAttributes(append(otelsql.AttributesFromDSN(dsn), system)...),
		otelsql.WithSpanOptions(otelsql.SpanOptions{DisableErrSkip: true, OmitRows: true}))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(1)
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "CREATE TABLE tags (id INTEGER PRIMARY KEY, room VARCHAR(40))"); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO tags (id, room) VALUES ("+first+", "+second+")", 1, "Sea view"); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	prepared, err := db.PrepareContext(ctx, "SELECT room FROM tags WHERE id = "+first)
	if err != nil {
		return err
	}
	var room string
	if err := prepared.QueryRowContext(ctx, 1).Scan(&room); err != nil {
		return err
	}
	if err := prepared.Close(); err != nil {
		return err
	}
	err = db.QueryRowContext(ctx, "SELECT k.room FROM tags k JOIN tags o ON o.id = k.id WHERE k.room = 'O''Brien'").Scan(&room)
	if !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("not without rows: %w", err)
	}
	if _, err := db.ExecContext(ctx, "DELETE FROM nowhere"); err == nil {
		return errors.New("nowhere is a table")
	}
	_, err = db.ExecContext(ctx, "DROP TABLE tags")
	return err
}

func callPgx(ctx context.Context, dsn string) error {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return err
	}
	cfg.ConnConfig.Tracer = otelpgx.NewTracer()
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	if _, err := pool.Exec(ctx, "CREATE TABLE lockers (id INTEGER PRIMARY KEY, code TEXT)"); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, "INSERT INTO lockers (id, code) VALUES ($1, $2)", 1, "1234"); err != nil {
		return err
	}
	var code string
	if err := pool.QueryRow(ctx, `SELECT code FROM public."lockers" WHERE id = $1`, 1).Scan(&code); err != nil {
		return err
	}
	if _, err := pool.Exec(ctx, "UPDATE nowhere SET code = 'x'"); err == nil {
		return errors.New("nowhere is a table")
	}
	_, err = pool.Exec(ctx, "DROP TABLE lockers")
	return err
}

func callRedis(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + os.Getenv("REDIS_PORT"), DB: 4})
	defer func() { _ = client.Close() }()
	if err := redisotel.InstrumentTracing(client); err != nil {
		return err
	}
	if err := client.Set(ctx, "session:17", "secret", time.Minute).Err(); err != nil {
		return err
	}
	if err := client.Get(ctx, "session:17").Err(); err != nil {
		return err
	}
	if _, err := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Incr(ctx, "visits")
		pipe.Expire(ctx, "visits", time.Minute)
		return nil
	}); err != nil {
		return err
	}
	return client.Del(ctx, "session:17", "visits").Err()
}

// callRedisSecrets makes calls with a password among their arguments.
func callRedisSecrets(ctx context.Context) error {
	client := redis.NewClient(&redis.Options{Addr: "127.0.0.1:" + os.Getenv("REDIS_PORT"), Username: "night", Password: "s3cret", DisableIdentity: true})
	defer func() { _ = client.Close() }()
	if err := redisotel.InstrumentTracing(client); err != nil {
		return err
	}
	for _, args := range [][]any{
		{"AUTH", "night", "s3cret"},
		{"HELLO", "3", "AUTH", "night", "s3cret"},
		{"ACL", "SETUSER", "evening", "on", ">s3cret2", "+@all"},
		{"CONFIG", "SET", "masterauth", "s3cret3"},
		{"ACL", "DELUSER", "evening"},
		{"CONFIG", "SET", "masterauth", ""},
	} {
		if err := client.Do(ctx, args...).Err(); err != nil {
			return fmt.Errorf("%v: %w", args[0], err)
		}
	}
	err := client.Do(ctx, "MIGRATE", "127.0.0.1", "1", "nokey", "0", "10", "AUTH2", "night", "s3cret4").Err() // the key does not exist
	_, pipelined := client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		pipe.Do(ctx, "AUTH", "night", "s3cret")
		pipe.Get(ctx, "session:17")
		return nil
	})
	if errors.Is(pipelined, redis.Nil) {
		pipelined = nil
	}
	return errors.Join(err, pipelined)
}
