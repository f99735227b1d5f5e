# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for python-oracledb that uses SQLite, because no Oracle Database is available here.

It has the parts of the driver that the shop and the instrumentation use: connect, cursors, the attributes of a
connection, and its exceptions. The instrumentation around it is the real one.
"""

import sqlite3
import time

DatabaseError = sqlite3.DatabaseError
Error = sqlite3.Error


class Cursor:
    def __init__(self, cursor):
        self._cursor = cursor

    def execute(self, statement, parameters=()):
        self._cursor.execute(
            SLEEP if "DBMS_SESSION" in statement else statement, {str(i + 1): p for i, p in enumerate(parameters)}
        )

    def __getattr__(self, name):
        return getattr(self._cursor, name)


SLEEP = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"


class Connection:
    def __init__(self, user, service_name):
        self.username = user
        self.service_name = service_name
        self._connection = sqlite3.connect("oracle.db")
        deadline = time.monotonic() + 1  # simulates call_timeout
        self._connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS items (id INTEGER PRIMARY KEY DEFAULT 1, name TEXT NOT NULL)"
        )
        self._connection.execute("INSERT OR IGNORE INTO items VALUES (1, 'tea')")
        self._connection.commit()

    def cursor(self):
        return Cursor(self._connection.cursor())

    def __getattr__(self, name):
        return getattr(self._connection, name)


def connect(*, user, password, host, port, service_name):
    return Connection(user, service_name)
