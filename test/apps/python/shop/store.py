# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The shop's statements, with the DB-API driver for DATABASE_URL. It contains no tracing code."""

import importlib
import os
import time
from contextlib import closing
from urllib.parse import unquote, urlsplit

URL = urlsplit(os.environ["DATABASE_URL"])
DRIVERS = {"sqlite": "sqlite3", "postgresql": "psycopg2", "mysql": "mysql.connector", "oracle": "oracledb"}
PLACEHOLDER = {"sqlite": "?", "oracle": ":1"}.get(URL.scheme, "%s")
SLOW = {
    "sqlite": "SELECT COUNT(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)",
    "postgresql": "SELECT pg_sleep(30)",
    "mysql": "UPDATE items SET name = name WHERE SLEEP(30)",
    "oracle": "SELECT DBMS_SESSION.SLEEP(30) FROM dual",
}[URL.scheme]

driver = importlib.import_module(DRIVERS[URL.scheme])


def connect():
    if URL.scheme == "sqlite":
        connection = driver.connect(URL.path)
        deadline = time.monotonic() + 1
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        return connection
    account = {"host": URL.hostname, "port": URL.port, "user": unquote(URL.username), "password": unquote(URL.password)}
    if URL.scheme == "oracle":
        return driver.connect(**account, service_name=URL.path[1:])
    return driver.connect(**account, database=URL.path[1:])


def _execute(statement, *parameters):
    with closing(connect()) as connection, closing(connection.cursor()) as cursor:
        cursor.execute(statement, parameters)
        rows = cursor.fetchall() if cursor.description else []
        connection.commit()
        return rows


def list_items():
    return [{"id": i, "name": name} for i, name in _execute("SELECT id, name FROM items ORDER BY id")]


def get_item(item):
    ((i, name),) = _execute(f"SELECT id, name FROM items WHERE id = {PLACEHOLDER}", item)
    return {"id": i, "name": name}


def add_item(name):
    _execute(f"INSERT INTO items (name) VALUES ({PLACEHOLDER})", name)
    return {"name": name}


def broken():
    _execute("SELECT name FROM no_such_table")


def slow():
    """Reports whether the statement timed out."""
    try:
        _execute(SLOW)
    except driver.Error:
        return True
    return False
