// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// With SQLAlchemy the statement has a span, which the collector completes. Without the
// extra in the recipe's last package, pip installs a version of SQLAlchemy that the
// instrumentation does not support.
func TestSQLAlchemy(t *testing.T) {
	r := startOne(t, service{
		name: "flask", recipe: "app flask sqlalchemy", folders: []string{"python/sqlalchemy"},
		tools: python("flask flask-sqlalchemy sqlalchemy", "test/apps/python/sqlalchemy/requirements.txt"),
		ready: `Running on http://`, counted: true, stop: os.Interrupt,
	})
	newClient(r).request(t, http.MethodGet, "/items", "/items", "", http.StatusOK, nil)
	r.end(t)
	statements := 0
	for _, span := range r.sandbox.Spans(t) {
		statement, _ := span.Attributes["db.statement"].(string)
		if !strings.HasPrefix(statement, "SELECT items.id") {
			continue
		}
		statements++
		assert.Equal(t, "CLIENT", span.Kind)
		assert.Equal(t, "sqlite", span.Attributes["db.system"])
		assert.Contains(t, span.Attributes["db.operation"], "SELECT ", "the app's own, with the database")
		assert.Contains(t, span.Attributes["peer.service"], "sqlite:")
	}
	assert.Equal(t, 1, statements)
}
