# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""Calls one database through one instrumented Python library: calls.py LIBRARY."""

import os
import sqlite3
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

HOST = "127.0.0.1"


def port(name):
    return int(os.environ[name])


def statements(connection, mark):
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE rooms (id INTEGER PRIMARY KEY, name VARCHAR(40), price INTEGER)")
    cursor.execute(f"INSERT INTO rooms (id, name, price) VALUES ({mark}, {mark}, {mark})", (1, "Sea view", 120))
    cursor.executemany(f"INSERT INTO rooms (id, name, price) VALUES ({mark}, {mark}, {mark})", [(2, "Garden", 90), (3, "Attic", 70)])
    cursor.execute(f"SELECT id, name FROM rooms WHERE price < {mark} ORDER BY price", (100,))
    cursor.fetchall()
    cursor.execute("SELECT r.name, o.name FROM rooms r JOIN rooms o ON o.price > r.price WHERE r.name = 'O''Brien'")
    cursor.fetchall()
    connection.commit()
    try:
        cursor.execute("SELECT * FROM nowhere")
    except Exception:  # the span of a call that fails is wanted
        connection.rollback()
    cursor.execute("DROP TABLE rooms")
    connection.commit()


def call_sqlite3():
    from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor

    SQLite3Instrumentor().instrument()
    statements(sqlite3.connect(":memory:"), "?")


def call_psycopg2():
    import psycopg2
    from opentelemetry.instrumentation.psycopg2 import Psycopg2Instrumentor

    Psycopg2Instrumentor().instrument()
    statements(psycopg2.connect(host=HOST, port=port("PG_PORT"), user="hotel", dbname="hotel"), "%s")


def call_mysql():
    import mysql.connector
    from opentelemetry.instrumentation.mysql import MySQLInstrumentor

    MySQLInstrumentor().instrument()
    statements(mysql.connector.connect(host=HOST, port=port("MARIADB_PORT"), user="hotel", database="hotel", use_pure=True), "%s")


def call_sqlalchemy():
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
    from sqlalchemy import create_engine, text

    engine = create_engine(f"postgresql+psycopg2://hotel@{HOST}:{port('PG_PORT')}/hotel")
    SQLAlchemyInstrumentor().instrument(engine=engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE guests (id INTEGER PRIMARY KEY, name TEXT)"))
        connection.execute(text("INSERT INTO guests (id, name) VALUES (:id, :name)"), [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Ben"}])
        connection.execute(text("SELECT name FROM guests WHERE id = :id"), {"id": 1}).all()
        connection.execute(text("DROP TABLE guests"))


def call_redis():
    import redis
    from opentelemetry.instrumentation.redis import RedisInstrumentor

    RedisInstrumentor().instrument()
    client = redis.Redis(host=HOST, port=port("REDIS_PORT"), db=2)
    client.set("session:17", "secret", ex=60)
    client.get("session:17")
    client.hset("room:1", mapping={"name": "Sea view", "price": 120})
    with client.pipeline() as pipe:
        pipe.incr("visits").expire("visits", 60)
        pipe.execute()
    client.delete("session:17", "room:1", "visits")


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
globals()["call_" + sys.argv[1]]()
provider.shutdown()
