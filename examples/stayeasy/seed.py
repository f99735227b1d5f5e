# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The schema and the demo data.

The data is generated from a fixed seed around the first day of the current month: within one month, every start with
an empty database creates the same rows.
"""

import random
import sys
from datetime import date, timedelta
from functools import cache
from pathlib import Path

from db import ConfigurationError, Database, DatabaseUnavailable, Duplicate, Row, Session

HOTELS = {
    "Amsterdam": ["Canal House", "Herengracht Lodge", "Zuid Suites"],
    "Dublin": ["Liffey View", "Temple Court", "Phoenix Park Inn"],
    "Lisbon": ["Alfama Rooms", "Hotel Baixa", "Tejo Terrace"],
    "Vienna": ["Naschmarkt Stay", "Prater Hof", "Ringstrasse Grand"],
}
# kind, guests, price of a night in cents
ROOMS = [("single", 1, 7900), ("double", 2, 11900), ("twin", 2, 10900), ("family", 4, 16900), ("suite", 4, 24900)]
FIRST_NAMES = ["Ada", "Barbara", "Donald", "Edsger", "Frances", "Grace", "John", "Katherine", "Ken", "Radia"]
LAST_NAMES = ["Allen", "Hamilton", "Hopper", "Johnson", "Knuth", "Liskov", "Perlman", "Ritchie", "Thompson", "Wirth"]
# Bookings range from this long before the first day of the current month to this long after it.
PAST, FUTURE = timedelta(days=450), timedelta(days=90)


@cache
def prepare(database: Database) -> None:
    """Creates the schema and the demo data if they are missing, at the first call for a database.

    Exits with a message if the database cannot be reached.
    """
    try:
        with database.transaction() as session:
            _create_tables(session, database)
        with database.transaction() as session:
            if session.query_one("SELECT COUNT(*) AS hotels FROM hotels")["hotels"] == 0:
                _insert(session, rows(date.today().replace(day=1)))
    except Duplicate:
        # Another instance of the app was faster.
        pass
    except (ConfigurationError, DatabaseUnavailable) as err:
        sys.exit(f"stayeasy: {err}")
    finally:
        database.close()


def rows(month: date) -> dict[str, list[Row]]:
    """Returns the demo data, table by table in the order of insertion, for the month that begins at the given day."""
    draw = random.Random(20200101)
    tables = ("hotels", "rooms", "guests", "bookings", "payments", "calendar")
    data: dict[str, list[Row]] = {table: [] for table in tables}
    for city, names in HOTELS.items():
        for name in names:
            hotel_id, stars = len(data["hotels"]) + 1, draw.randint(3, 5)
            data["hotels"].append({"id": hotel_id, "name": name, "city": city, "stars": stars})
            for number, (kind, capacity, price) in enumerate(ROOMS, start=101):
                data["rooms"].append(
                    {
                        "id": len(data["rooms"]) + 1,
                        "hotel_id": hotel_id,
                        "room_number": str(number),
                        "kind": kind,
                        "capacity": capacity,
                        "price_cents": price + (stars - 3) * 3000,
                    }
                )
    for first in FIRST_NAMES:
        for last in LAST_NAMES:
            data["guests"].append(
                {
                    "id": f"{draw.getrandbits(128):032x}",
                    "full_name": f"{first} {last}",
                    "email": f"{first}.{last}@example.com".lower(),
                }
            )
    for room in data["rooms"]:
        check_in = month - PAST + timedelta(days=draw.randint(0, 6))
        while check_in < month + FUTURE:
            check_out = check_in + timedelta(days=draw.randint(1, 6))
            _add_booking(data, draw, month, room, check_in, check_out)
            check_in = check_out + timedelta(days=draw.randint(0, 8))
    day = date(month.year - 1, 1, 1)
    while day.year <= month.year + 1:
        data["calendar"].append({"stay_date": day})
        day += timedelta(days=1)
    return data


def _add_booking(
    data: dict[str, list[Row]], draw: random.Random, month: date, room: Row, check_in: date, check_out: date
) -> None:
    reference = f"SE{len(data['bookings']) + 1:08d}"
    total = room["price_cents"] * (check_out - check_in).days
    data["bookings"].append(
        {
            "reference": reference,
            "room_id": room["id"],
            "guest_id": draw.choice(data["guests"])["id"],
            "check_in": check_in,
            "check_out": check_out,
            "guest_count": draw.randint(1, room["capacity"]),
            "total_cents": total,
        }
    )
    data["payments"].append(
        {
            "id": f"{draw.getrandbits(128):032x}",
            "booking_reference": reference,
            "amount_cents": total,
            "paid_on": min(month, check_in - timedelta(days=draw.randint(1, 40))),
        }
    )


def _create_tables(session: Session, database: Database) -> None:
    text = Path(__file__).with_name("schema.sql").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    for statement in filter(None, map(str.strip, "\n".join(lines).split(";"))):
        statement = statement.replace("CREATE TABLE ", f"CREATE TABLE {session.dialect.if_not_exists}")
        try:
            session.execute(statement)
        except database.driver.DatabaseError as err:
            if "ORA-00955" not in str(err):
                raise


def _insert(session: Session, data: dict[str, list[Row]]) -> None:
    for table, entries in data.items():
        columns = list(entries[0])
        parameters = ", ".join(f":{column}" for column in columns)
        session.execute_many(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({parameters})", entries)
