// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/uptrace/opentelemetry-go-extra/otelgorm"
	"gorm.io/driver/mysql"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
	"gorm.io/plugin/opentelemetry/tracing"
)

// guest is a row of a table.
type guest struct {
	ID   uint
	Name string
}

// callGormPostgres calls with each form of data source name that the driver accepts. The
// plugin copies parts of them to server.address.
func callGormPostgres(ctx context.Context) error {
	port := os.Getenv("PG_PORT")
	keys := "host=127.0.0.1%[1]suser=hotel%[1]spassword=secret%[1]sdbname=hotel%[1]sport=" + port + "%[1]ssslmode=disable"
	if err := callGorm(ctx, postgres.Open(fmt.Sprintf(keys, " ")), tracing.NewPlugin(tracing.WithoutMetrics())); err != nil {
		return err
	}
	for _, source := range [...]struct{ form, dsn string }{
		{"url", "postgres://hotel:secret@127.0.0.1:" + port + "/hotel?sslmode=disable"},
		{"hosts", "postgres://hotel:secret@127.0.0.1:" + port + ",localhost:" + port + "/hotel?sslmode=disable"},
		{"socket", "host=" + os.Getenv("PG_SOCKET") + " user=hotel password=secret dbname=hotel port=" + port},
		{"lines", fmt.Sprintf(keys, "\n")},
		{"quotes", "host='127.0.0.1' port='" + port + "' user='hotel' password='my secret' dbname='hotel' sslmode=disable"},
	} {
		if err := selectForm(ctx, postgres.Open(source.dsn), source.form); err != nil {
			return err
		}
	}
	return nil
}

// callGormMySQL calls with each form of go-sql-driver's data source names.
func callGormMySQL(ctx context.Context) error {
	at := "night:secret@tcp(127.0.0.1:" + os.Getenv("MARIADB_PORT") + ")/hotel"
	if err := callGorm(ctx, mysql.Open(at+"?parseTime=true"), tracing.NewPlugin(tracing.WithoutMetrics())); err != nil {
		return err
	}
	return selectForm(ctx, mysql.Open("hotel@unix("+os.Getenv("MARIADB_SOCKET")+")/hotel"), "socket")
}

func callGorm(ctx context.Context, dialector gorm.Dialector, plugin gorm.Plugin) error {
	db, err := openGorm(ctx, dialector, plugin)
	if err != nil {
		return err
	}
	for _, call := range []func() *gorm.DB{
		func() *gorm.DB { return db.Exec("CREATE TABLE guests (id INTEGER PRIMARY KEY, name VARCHAR(40))") },
		func() *gorm.DB { return db.Create(&[]guest{{ID: 1, Name: "Ada"}, {ID: 2, Name: "Ben"}}) },
		func() *gorm.DB { return db.First(&guest{}, 1) },
		func() *gorm.DB { return db.Where("name = ? AND id < ?", "O'Brien", 9).Find(&[]guest{}) },
		func() *gorm.DB { return db.Model(&guest{ID: 1}).Update("name", "Eve") },
		func() *gorm.DB {
			return db.Raw("SELECT COUNT(*) FROM guests g JOIN guests o ON o.id = g.id").Scan(new(int))
		},
		func() *gorm.DB { return db.Delete(&guest{}, 2) },
	} {
		if err := call().Error; err != nil {
			return err
		}
	}
	if db.Exec("DELETE FROM nowhere").Error == nil {
		return errors.New("nowhere is a table")
	}
	return db.Exec("DROP TABLE guests").Error
}

// selectForm makes one call whose statement contains the name of the form.
func selectForm(ctx context.Context, dialector gorm.Dialector, form string) error {
	db, err := openGorm(ctx, dialector, tracing.NewPlugin(tracing.WithoutMetrics()))
	if err != nil {
		return fmt.Errorf("%s: %w", form, err)
	}
	return db.Raw("SELECT 1 AS " + form).Scan(new(int)).Error
}

func openGorm(ctx context.Context, dialector gorm.Dialector, plugin gorm.Plugin) (*gorm.DB, error) {
	db, err := gorm.Open(dialector, &gorm.Config{Logger: logger.Discard, SkipDefaultTransaction: true})
	if err != nil {
		return nil, err
	}
	return db.WithContext(ctx), db.Use(plugin)
}

// callUptrace calls through the older plugin.
func callUptrace(ctx context.Context) error {
	dsn := "host=127.0.0.1 user=hotel dbname=hotel sslmode=disable port=" + os.Getenv("PG_PORT")
	return callGorm(ctx, postgres.Open(dsn), otelgorm.NewPlugin(otelgorm.WithDBName("hotel"), otelgorm.WithoutMetrics()))
}
