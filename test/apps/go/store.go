// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"database/sql"

	"github.com/jackc/pgx/v5"
)

// item is a row of the shop's table.
type item struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// store runs the shop's statements, each on its own connection as in the other
// languages.
type store interface {
	// query returns the items that a statement selects.
	query(ctx context.Context, statement string, args ...any) ([]item, error)
	// execute runs a statement without a result.
	execute(ctx context.Context, statement string, args ...any) error
}

// stores are functions that open the shop's database, by the library that traces the
// statements.
var stores = map[string]func(url string) (store, error){
	"otelpgx": func(url string) (store, error) { return pgxStore{url: url}, nil },
	"otelsql": func(url string) (store, error) {
		db, err := open(url)
		if err != nil {
			return nil, err
		}
		db.SetMaxIdleConns(-1)
		return sqlStore{db: db}, nil
	},
}

type pgxStore struct {
	url string
}

func (s pgxStore) query(ctx context.Context, statement string, args ...any) ([]item, error) {
	conn, err := connect(ctx, s.url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[item])
}

func (s pgxStore) execute(ctx context.Context, statement string, args ...any) error {
	conn, err := connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement, args...)
	return err
}

type sqlStore struct {
	db *sql.DB
}

func (s sqlStore) query(ctx context.Context, statement string, args ...any) ([]item, error) {
	rows, err := s.db.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var items []item
	for rows.Next() {
		var i item
		if err := rows.Scan(&i.ID, &i.Name); err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	return items, rows.Err()
}

func (s sqlStore) execute(ctx context.Context, statement string, args ...any) error {
	_, err := s.db.ExecContext(ctx, statement, args...)
	return err
}
