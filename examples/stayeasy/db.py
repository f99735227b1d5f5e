# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""One interface to the database for four database systems.

STAYEASY_DATABASE_URL chooses the driver and the database:

    sqlite:///stayeasy.db (relative to the working directory) or sqlite:////var/lib/stayeasy.db (absolute)
    postgresql://user:password@host:5432/name
    mysql://user:password@host:3306/name       (MySQL and MariaDB)
    oracle://user:password@host:1521/service

Options after a "?" are passed to the driver unchanged, for example sslmode=require or protocol=tcps.

Statements are written once, with named parameters (:room_id). All other differences between the databases are
fields of Dialect.
"""

import contextlib
import functools
import importlib
import os
import re
import sqlite3
import sys
import threading
import time
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

Row = dict[str, Any]

DEFAULT_URL = "sqlite:///stayeasy.db"
POOL_SIZE = 8
POOL_WAIT_SECONDS = 10
# A connection that has been idle for longer is replaced: the server or a firewall may have dropped it.
IDLE_SECONDS = 60
CONNECT_TIMEOUT_SECONDS = 10

_PARAMETER = re.compile(r":([a-z_]+)")

# Replaces Python's own adapter for dates, which is deprecated.
sqlite3.register_adapter(date, date.isoformat)


class ConfigurationError(Exception):
    """STAYEASY_DATABASE_URL cannot be used. The message says what to do and holds no password."""


class DatabaseUnavailable(Exception):
    """The database cannot be reached, or gave up on a connection. The message holds no password."""


class Duplicate(Exception):
    """A row with the same unique value already exists."""


class Deadlock(Exception):
    """The database aborted this transaction so that another one can continue. A retry will most likely succeed."""


@dataclass(frozen=True)
class Dialect:
    """The differences between one database and the others.

    Attributes:
        system: the name of the database in the OpenTelemetry conventions.
        driver: the DB-API module.
        requirements: the file that installs the driver.
        default_port: the port when the URL names none.
        parameter: the driver's syntax of a named parameter.
        upsert_guest: inserts a guest, or gives the guest with this e-mail address the new name.
        lock_row: the end of a SELECT that locks its row until the transaction ends.
        lock_all: if rows cannot be locked, starts a transaction that blocks all other writers.
        month: the month of a date column as YYYY-MM.
        if_not_exists: between CREATE TABLE and the name of the table.
    """

    system: str
    driver: str
    requirements: str
    default_port: int = 0
    parameter: str = ":{}"
    upsert_guest: str = (
        "INSERT INTO guests (id, full_name, email) VALUES (:id, :full_name, :email) "
        "ON CONFLICT (email) DO UPDATE SET full_name = excluded.full_name"
    )
    lock_row: str = " FOR UPDATE"
    lock_all: str = ""
    month: str = "SUBSTR({}, 1, 7)"
    if_not_exists: str = "IF NOT EXISTS "


DIALECTS = {
    "sqlite": Dialect(
        system="sqlite",
        driver="sqlite3",
        requirements="requirements.txt",
        lock_row="",
        lock_all="BEGIN IMMEDIATE",
    ),
    "postgresql": Dialect(
        system="postgresql",
        driver="psycopg2",
        requirements="requirements-postgresql.txt",
        default_port=5432,
        parameter="%({})s",
        month="TO_CHAR({}, 'YYYY-MM')",
    ),
    "mysql": Dialect(
        system="mysql",
        driver="mysql.connector",
        requirements="requirements-mysql.txt",
        default_port=3306,
        parameter="%({})s",
        upsert_guest=(
            "INSERT INTO guests (id, full_name, email) VALUES (:id, :full_name, :email) "
            "ON DUPLICATE KEY UPDATE full_name = :full_name"
        ),
    ),
    "oracle": Dialect(
        system="oracle",
        driver="oracledb",
        requirements="requirements-oracle.txt",
        default_port=1521,
        upsert_guest=(
            "MERGE INTO guests g USING (SELECT :email AS email FROM dual) n ON (g.email = n.email) "
            "WHEN MATCHED THEN UPDATE SET g.full_name = :full_name "
            "WHEN NOT MATCHED THEN INSERT (id, full_name, email) VALUES (:id, :full_name, :email)"
        ),
        month="TO_CHAR({}, 'YYYY-MM')",
        # Oracle Database supports IF NOT EXISTS since 23ai. Earlier versions report an existing table as ORA-00955.
        if_not_exists="",
    ),
}


class Session:
    """The statements of one transaction, all of them through cursor.execute."""

    def __init__(self, connection: Any, cursor: Any, dialect: Dialect) -> None:
        self._connection = connection
        self._cursor = cursor
        self.dialect = dialect

    def begin_writing(self) -> None:
        """Call this first if the transaction's writes depend on its reads. Rows must still be locked."""
        if self.dialect.lock_all:
            self._connection.execute(self.dialect.lock_all)

    def execute(self, sql: str, /, **parameters: Any) -> None:
        """Runs a statement that returns no rows."""
        self._cursor.execute(_driver_text(sql, self.dialect.parameter), parameters)

    def execute_many(self, sql: str, rows: Iterable[Row]) -> None:
        """Runs a statement once for each row of parameters."""
        self._cursor.executemany(_driver_text(sql, self.dialect.parameter), list(rows))

    def query(self, sql: str, /, **parameters: Any) -> list[Row]:
        """Returns all rows: dates as YYYY-MM-DD, whole numbers as int, column names in lower case."""
        self._cursor.execute(_driver_text(sql, self.dialect.parameter), parameters)
        names = [column[0].lower() for column in self._cursor.description]
        return [dict(zip(names, map(_plain, values), strict=True)) for values in self._cursor.fetchall()]

    def query_one(self, sql: str, /, **parameters: Any) -> Row | None:
        """Returns the first row, or None if there is no row."""
        rows = self.query(sql, **parameters)
        return rows[0] if rows else None


class Database:
    """A small pool of connections to one database, safe to use from many threads."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        scheme = {"postgres": "postgresql", "mariadb": "mysql"}.get(parts.scheme, parts.scheme)
        if scheme not in DIALECTS:
            raise ConfigurationError(
                f"STAYEASY_DATABASE_URL must start with sqlite://, postgresql://, mysql:// or oracle://, not {scheme!r}"
            )
        self.dialect = DIALECTS[scheme]
        self.name = unquote(parts.path.removeprefix("/"))
        if not self.name:
            raise ConfigurationError("STAYEASY_DATABASE_URL names no database after the last slash")
        self._host = parts.hostname or "localhost"
        try:
            self._port = parts.port or self.dialect.default_port
        except ValueError as err:
            raise ConfigurationError("STAYEASY_DATABASE_URL has a port that is no number up to 65535") from err
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._options = {key: _option(value) for key, value in parse_qsl(parts.query)}
        try:
            self.driver = importlib.import_module(self.dialect.driver)
        except ModuleNotFoundError as err:
            raise ConfigurationError(
                f"the driver {self.dialect.driver} is not installed: pip install -r {self.dialect.requirements}"
            ) from err
        self._slots = threading.BoundedSemaphore(POOL_SIZE)
        self._idle: deque[tuple[Any, float]] = deque()

    def __str__(self) -> str:
        if self.dialect.system == "sqlite":
            return f"sqlite:///{self.name}"
        return f"{self.dialect.system}://{self._user}@{self._host}:{self._port}/{self.name}"

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Session]:
        """Lends a session: commits when the block ends, rolls back when it raises.

        Raises:
            DatabaseUnavailable: no connection became free within the pool's waiting time, or the connection broke.
            Duplicate: a unique constraint rejected a row.
            Deadlock: the transaction was the victim of one.
        """
        if not self._slots.acquire(timeout=POOL_WAIT_SECONDS):
            raise DatabaseUnavailable(f"all {POOL_SIZE} connections to {self} are in use")
        try:
            connection = self._take()
            healthy = False
            try:
                with contextlib.closing(connection.cursor()) as cursor:
                    yield Session(connection, cursor, self.dialect)
                connection.commit()
                healthy = True
            except self.driver.Error as err:
                if _is_deadlock(err):
                    healthy = self._rolled_back(connection)
                    raise Deadlock(_one_line(err)) from err
                if isinstance(err, self.driver.IntegrityError):
                    healthy = self._rolled_back(connection)
                    raise Duplicate(_one_line(err)) from err
                if isinstance(err, (self.driver.OperationalError, self.driver.InterfaceError)):
                    # The idle connections are most likely broken too.
                    self.close()
                    raise DatabaseUnavailable(f"{self}: {_one_line(err)}") from err
                healthy = self._rolled_back(connection)
                raise
            except BaseException:
                healthy = self._rolled_back(connection)
                raise
            finally:
                if healthy:
                    self._idle.append((connection, time.monotonic()))
                else:
                    self._discard(connection)
        finally:
            self._slots.release()

    def close(self) -> None:
        """Closes the idle connections. The database can be used again afterwards."""
        while self._idle:
            with contextlib.suppress(IndexError):
                self._discard(self._idle.pop()[0])

    def _take(self) -> Any:
        with contextlib.suppress(IndexError):
            while True:
                connection, since = self._idle.pop()
                if time.monotonic() - since < IDLE_SECONDS:
                    return connection
                self._discard(connection)
        try:
            return self._connect()
        except self.driver.Error as err:
            raise DatabaseUnavailable(f"cannot connect to {self}: {_one_line(err)}") from err
        except (AttributeError, TypeError, ValueError) as err:
            raise ConfigurationError(f"the driver rejects the options of {self}: {_one_line(err)}") from err

    def _connect(self) -> Any:
        login = {"host": self._host, "port": self._port, "user": self._user, "password": self._password}
        match self.dialect.system:
            case "sqlite":
                # Several threads use a connection, but only one at a time.
                options = {"check_same_thread": False, "isolation_level": "IMMEDIATE"} | self._options
                connection = self.driver.connect(self.name, **options)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA foreign_keys = ON")
                return connection
            case "postgresql":
                options = {"dbname": self.name, "connect_timeout": CONNECT_TIMEOUT_SECONDS} | self._options
                return self.driver.connect(**login, **options)
            case "mysql":
                options = {
                    "database": self.name,
                    "connection_timeout": CONNECT_TIMEOUT_SECONDS,
                    # MariaDB does not support the driver's default collation.
                    "charset": "utf8mb4",
                    "collation": "utf8mb4_general_ci",
                    # With REPEATABLE READ, the default, the check for an overlap would read the state before the room
                    # was locked, and miss the booking that held the lock.
                    "init_command": "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                }
                # The driver would like to send the trace id too, and warns that MariaDB does not support that.
                warnings.filterwarnings("ignore", message=".* does not support Query Attributes")
                return self.driver.connect(**login, **(options | self._options))
            case _:
                options = {"service_name": self.name, "tcp_connect_timeout": CONNECT_TIMEOUT_SECONDS} | self._options
                return self.driver.connect(**login, **options)

    def _rolled_back(self, connection: Any) -> bool:
        try:
            connection.rollback()
        except self.driver.Error:
            return False
        return True

    def _discard(self, connection: Any) -> None:
        # Closing a broken connection fails.
        with contextlib.suppress(self.driver.Error):
            connection.close()


@functools.cache
def from_environment() -> Database:
    """Returns the database that STAYEASY_DATABASE_URL names, the same object at every call.

    Exits with a message if the URL cannot be used.
    """
    try:
        return Database(os.environ.get("STAYEASY_DATABASE_URL") or DEFAULT_URL)
    except ConfigurationError as err:
        sys.exit(f"stayeasy: {err}")


@functools.lru_cache(maxsize=256)
def _driver_text(sql: str, parameter: str) -> str:
    return _PARAMETER.sub(lambda match: parameter.format(match[1]), sql)


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.date().isoformat()
        case date():
            return value.isoformat()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case _:
            return value


def _is_deadlock(err: Exception) -> bool:
    # psycopg2 calls the SQL state pgcode; python-oracledb has only Oracle's own error number.
    state = getattr(err, "pgcode", None) or getattr(err, "sqlstate", None)
    return state in ("40001", "40P01") or "ORA-00060" in str(err)


def _option(value: str) -> str | bool:
    return {"true": True, "false": False}.get(value.lower(), value)


def _one_line(err: BaseException) -> str:
    return " ".join(str(err).split())
