# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""Calls one database through one instrumented Python library: calls.py LIBRARY."""

import http.server
import os
import sqlite3
import sys
import threading
import types

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


class StandInCursor:
    """Takes any statement, as a cursor of a server that is not there would. What has "nowhere" in it fails."""

    description = None
    rowcount = 1
    arraysize = 1

    def execute(self, statement, parameters=None):
        if "nowhere" in statement:
            raise RuntimeError("no such table: nowhere")

    def executemany(self, statement, parameters):
        self.execute(statement)

    def callproc(self, name, parameters=()):
        return parameters

    def fetchall(self):
        return []

    def close(self):
        pass


class StandInConnection:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def cursor(self, *args, **kwargs):
        return StandInCursor()

    def commit(self):
        pass

    rollback = close = commit


def call_oracledb():
    from opentelemetry.instrumentation.dbapi import trace_integration

    def connect(system, attributes, dsn, **names):
        """Connects as an application that has its driver's module traced; the attributes are those that a connection of python-oracledb has."""
        module = types.SimpleNamespace(__name__="oracledb")
        module.connect = lambda user, password, dsn: StandInConnection(username=user, dsn=dsn, **names)
        trace_integration(connect_module=module, connect_method_name="connect", database_system=system, connection_attributes=attributes)
        return module.connect(user="HOTEL", password="secret", dsn=dsn)

    # As the monitoring guide has it.
    cursor = connect("oracle", None, "dbhost:1521/orclpdb1").cursor()
    cursor.execute("CREATE TABLE rooms (id NUMBER PRIMARY KEY, name VARCHAR2(40), price NUMBER)")
    cursor.execute("INSERT INTO rooms (id, name, price) VALUES (:1, :2, :3)", (1, "Sea view", 120))
    cursor.executemany("INSERT INTO rooms (id, name, price) VALUES (:1, :2, :3)", [(2, "Garden", 90), (3, "Attic", 70)])
    cursor.execute("SELECT id, name FROM rooms WHERE hotel_id = :1 AND price < :max_price", {"1": 1, "max_price": 100})
    cursor.execute("BEGIN hotel.book_room(:1, :2); END;", (1, 2))
    cursor.callproc("hotel.book_room", (1, 2))
    cursor.execute("SELECT r.name FROM rooms r JOIN guests@crm g ON g.room = r.id WHERE g.name = q'[O'Brien]'")
    cursor.execute("MERGE INTO rooms r USING offers o ON (r.id = o.room) WHEN MATCHED THEN UPDATE SET r.price = o.price")
    cursor.execute("SELECT sysdate FROM dual")
    try:
        cursor.execute("SELECT * FROM nowhere")
    except RuntimeError as wanted:
        print("as wanted:", wanted)

    # With the attributes of a connection that tell the database, and with its data source name.
    statement = "SELECT name FROM rooms WHERE id = :1"
    named = {"database": "service_name", "host": "host", "port": "port", "user": "username"}
    service = {"service_name": "g1_hotel_high.adb.oraclecloud.com", "host": "adb.eu-frankfurt-1.oraclecloud.com", "port": 1522}
    connect("oracle", named, "hotel_high", **service).cursor().execute(statement, (1,))
    described = {"database": "dsn", "user": "username"}
    descriptor = (
        "(description=(retry_count=20)(address=(protocol=tcps)(port=1522)(host=adb.eu-frankfurt-1.oraclecloud.com))"
        "(connect_data=(service_name=g1_hotel_high.adb.oraclecloud.com)))"
    )
    for system in "oracle", "oracledb":
        for dsn in "dbhost:1521/orclpdb1", "tcps://dbhost.example.com:2484/orclpdb1", "hotel_high", descriptor:
            connect(system, described, dsn).cursor().execute(statement, (1,))


def call_pymssql():
    import pymssql
    from opentelemetry.instrumentation.pymssql import PyMSSQLInstrumentor

    pymssql.connect = lambda **_: StandInConnection()
    PyMSSQLInstrumentor().instrument()
    cursor = pymssql.connect(server="db1.example.com:1433", user="hotel", password="secret", database="hotel").cursor()
    cursor.execute("CREATE TABLE [guest list] (id INT PRIMARY KEY, name NVARCHAR(40))")
    cursor.execute("INSERT INTO [guest list] (id, name) VALUES (%d, %s)", (1, "Ada"))
    cursor.executemany("INSERT INTO dbo.rooms (id, name) VALUES (%d, %s)", [(1, "Garden"), (2, "Attic")])
    cursor.execute("SELECT TOP 1 [name] FROM [hotel].[dbo].[guest list] WHERE name = N'O''Brien'")
    cursor.execute("EXEC dbo.book_room @room = %d", (17,))
    cursor.callproc("dbo.book_room", (17,))
    try:
        cursor.execute("SELECT * FROM nowhere")
    except RuntimeError as wanted:
        print("as wanted:", wanted)


def call_pyodbc():
    from opentelemetry.instrumentation.dbapi import trace_integration

    module = types.SimpleNamespace(__name__="pyodbc", connect=lambda text: StandInConnection())
    trace_integration(connect_module=module, connect_method_name="connect", database_system="mssql")
    cursor = module.connect("Driver={ODBC Driver 18 for SQL Server};Server=tcp:db1.example.com,1433;Database=hotel;Uid=hotel;Pwd=secret").cursor()
    cursor.execute("SELECT name FROM dbo.rooms WITH (NOLOCK) WHERE id = ?", (1,))
    cursor.execute("{CALL dbo.book_room (?)}", (17,))


def call_sqlalchemy_oracle():
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
    from sqlalchemy import create_engine, text

    engine = create_engine(
        "oracle+oracledb://hotel:secret@db1.example.com:1521/?service_name=orclpdb1", creator=lambda: StandInConnection(stmtcachesize=0, autocommit=False)
    )
    engine.dialect.initialize = lambda connection: None  # which asks the server for its version
    SQLAlchemyInstrumentor().instrument(engine=engine)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO guests (id, name) VALUES (:id, :name)"), {"id": 1, "name": "Ada"})
        connection.execute(text("UPDATE guests SET name = :name WHERE id = :id"), {"id": 1, "name": "Ben"})


def call_pymongo():
    from opentelemetry.instrumentation.pymongo import PymongoInstrumentor
    from pymongo import MongoClient
    from pymongo.errors import OperationFailure

    PymongoInstrumentor().instrument(capture_statement=True)
    hotel = MongoClient(HOST, port("MONGO_PORT")).hotel
    hotel.orders.insert_many([{"_id": 1, "state": "new", "price": 120}, {"_id": 2, "state": "paid", "price": 90}])
    hotel.orders.find_one({"state": "new", "price": {"$gt": 100}})
    hotel.orders.update_many({"state": "new"}, {"$set": {"state": "paid"}})
    list(hotel.orders.aggregate([{"$match": {"state": "paid"}}, {"$group": {"_id": "$state", "sum": {"$sum": "$price"}}}]))
    hotel.orders.delete_one({"state": "paid"})
    try:
        hotel.command("nothing")
    except OperationFailure as wanted:
        print("as wanted:", wanted)
    hotel.orders.drop()


def call_dynamodb():
    import boto3
    from botocore.exceptions import ClientError
    from opentelemetry.instrumentation.botocore import BotocoreInstrumentor

    BotocoreInstrumentor().instrument()
    client = boto3.client(
        "dynamodb", endpoint_url=f"http://{HOST}:{port('DYNAMODB_PORT')}", region_name="eu-central-1", aws_access_key_id="none", aws_secret_access_key="none"
    )
    client.create_table(
        TableName="rooms",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName="rooms", Item={"id": {"S": "1"}, "name": {"S": "Sea view"}})
    client.get_item(TableName="rooms", Key={"id": {"S": "1"}})
    client.query(TableName="rooms", KeyConditionExpression="id = :id", ExpressionAttributeValues={":id": {"S": "1"}})
    client.batch_get_item(RequestItems={"rooms": {"Keys": [{"id": {"S": "1"}}]}})
    client.execute_statement(Statement="SELECT name FROM rooms WHERE id = '1'")
    try:
        client.get_item(TableName="nowhere", Key={"id": {"S": "1"}})
    except ClientError as wanted:
        print("as wanted:", wanted)
    client.delete_table(TableName="rooms")


class Elasticsearch(http.server.BaseHTTPRequestHandler):
    """Answers as Elasticsearch does when it finds nothing."""

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"hits": {"total": {"value": 0, "relation": "eq"}, "hits": []}}'
        self.send_response(404 if "nowhere" in self.path else 200)
        self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=9")
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = answer

    def log_message(self, *args):
        pass


def call_elasticsearch():
    from elasticsearch import Elasticsearch as Client
    from elasticsearch import NotFoundError

    server = http.server.ThreadingHTTPServer((HOST, port("ELASTICSEARCH_PORT")), Elasticsearch)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["OTEL_PYTHON_INSTRUMENTATION_ELASTICSEARCH_CAPTURE_SEARCH_QUERY"] = "raw"
    client = Client(f"http://{HOST}:{port('ELASTICSEARCH_PORT')}")
    client.index(index="rooms", id="1", document={"name": "Sea view"})
    client.search(index="rooms", query={"match": {"name": "O'Brien"}})
    client.get(index="rooms", id="1")
    client.bulk(operations=[{"delete": {"_index": "rooms", "_id": "1"}}])
    try:
        client.get(index="nowhere", id="1")
    except NotFoundError as wanted:
        print("as wanted:", wanted)
    client.close()
    server.shutdown()


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
globals()["call_" + sys.argv[1]]()
provider.shutdown()
