# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""StayEasy, a hotel-booking service. It returns JSON and contains no tracing code."""

import asyncio
import contextlib
import json
import logging
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from quart import Quart, Response, jsonify, request
from werkzeug.exceptions import HTTPException

import db
import seed
import stays

MAX_INTEGER = 2**31 - 1
MAX_NIGHTS = 30
MAX_AHEAD = timedelta(days=730)
ATTEMPTS = 3

_EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_REFERENCE = re.compile(r"[0-9A-Z]{10}")
_GUEST_ID = re.compile(r"[0-9a-f]{32}")

log = logging.getLogger("stayeasy")

database = db.from_environment()

app = Quart(__name__)
app.config["MAX_CONTENT_LENGTH"] = 16 * 1024


class Invalid(Exception):
    """A parameter of the request cannot be used. The message names it."""


@app.before_serving
async def start() -> None:
    await asyncio.to_thread(seed.prepare, database)


@app.after_serving
async def stop() -> None:
    await asyncio.to_thread(database.close)


@app.get("/health")
async def health() -> Response:
    return jsonify(status="ok", database=database.dialect.system, hotels=await transact(stays.count_hotels))


@app.get("/api/hotels")
async def hotels() -> Response:
    city = request.args.get("city")
    found = await transact(stays.list_hotels, city if city is None else text("city", city, 60))
    return jsonify(hotels=found)


@app.get(f"/api/hotels/<int(max={MAX_INTEGER}):hotel_id>")
async def hotel(hotel_id: int) -> Response:
    return jsonify(await transact(stays.get_hotel, hotel_id))


@app.get(f"/api/hotels/<int(max={MAX_INTEGER}):hotel_id>/rooms")
async def rooms(hotel_id: int) -> Response:
    return jsonify(await transact(stays.list_rooms, hotel_id))


@app.get("/api/search")
async def search() -> Response:
    city = text("city", request.args.get("city"), 60)
    check_in, check_out = nights(request.args.get("check_in"), request.args.get("check_out"))
    guests = digits("guests", request.args.get("guests", "1"), 1, 10)
    return jsonify(await transact(stays.search, city, check_in, check_out, guests))


@app.post("/api/bookings")
async def book() -> tuple[Response, int, dict[str, str]]:
    try:
        body = json.loads(await request.get_data())
    except (ValueError, RecursionError) as err:
        raise Invalid("the body is no JSON") from err
    if not isinstance(body, dict):
        raise Invalid("the body must be a JSON object")
    guest = body.get("guest")
    if not isinstance(guest, dict):
        raise Invalid("guest must be an object with name and email")
    check_in, check_out = nights(body.get("check_in"), body.get("check_out"))
    booking = await transact(
        stays.book,
        integer("room_id", body.get("room_id"), 1, MAX_INTEGER),
        check_in,
        check_out,
        integer("guests", body.get("guests"), 1, 10),
        text("guest.name", guest.get("name"), 100),
        email("guest.email", guest.get("email")),
    )
    return jsonify(booking), 201, {"Location": f"/api/bookings/{booking['reference']}"}


@app.get("/api/bookings/<reference>")
async def booking(reference: str) -> Response:
    if not _REFERENCE.fullmatch(reference):
        raise stays.NotFound("this is no booking reference")
    return jsonify(await transact(stays.get_booking, reference))


@app.get("/api/guests/<guest_id>/bookings")
async def guest_history(guest_id: str) -> Response:
    if not _GUEST_ID.fullmatch(guest_id):
        raise stays.NotFound("this is no guest id")
    return jsonify(await transact(stays.guest_history, guest_id))


@app.get("/api/reports/occupancy")
async def occupancy() -> Response:
    year = digits("year", request.args.get("year", str(date.today().year)), 2000, 2100)
    return jsonify(year=year, hotels=await transact(stays.occupancy, year))


@app.get("/api/reports/revenue")
async def revenue() -> Response:
    return jsonify(months=await transact(stays.revenue), currency=stays.CURRENCY)


@app.errorhandler(Invalid)
@app.errorhandler(stays.Refused)
async def bad_request(err: Exception) -> tuple[Response, int]:
    return jsonify(error=str(err)), 400


@app.errorhandler(stays.NotFound)
async def not_found(err: stays.NotFound) -> tuple[Response, int]:
    return jsonify(error=str(err)), 404


@app.errorhandler(stays.Conflict)
async def conflict(err: stays.Conflict) -> tuple[Response, int]:
    return jsonify(error=str(err)), 409


@app.errorhandler(db.Duplicate)
@app.errorhandler(db.Deadlock)
async def outrun(err: Exception) -> tuple[Response, int]:
    log.warning("refused by the database: %s", err)
    return jsonify(error="someone else was faster, please try again"), 409


@app.errorhandler(db.DatabaseUnavailable)
async def unavailable(err: db.DatabaseUnavailable) -> tuple[Response, int, dict[str, str]]:
    log.error("database unavailable: %s", err)
    return jsonify(error="the database is not available, please try again"), 503, {"Retry-After": "5"}


@app.errorhandler(HTTPException)
async def http_error(err: HTTPException) -> tuple[Response, int, list[tuple[str, str]]]:
    # Keeps headers such as Allow, but not those that describe the replaced HTML body.
    headers = [(name, value) for name, value in err.get_headers() if not name.lower().startswith("content-")]
    return jsonify(error=err.description or err.name), err.code or 500, headers


async def transact(work: Callable[..., Any], *args: Any) -> Any:
    """Runs work(session, *args) as one transaction, in a thread because the drivers block.

    The victim of a deadlock retries.
    """

    def run() -> Any:
        for _ in range(ATTEMPTS - 1):
            with contextlib.suppress(db.Deadlock), database.transaction() as session:
                return work(session, *args)
        with database.transaction() as session:
            return work(session, *args)

    return await asyncio.to_thread(run)


def text(name: str, value: Any, longest: int) -> str:
    """Returns a text that is not empty, not too long and has no control characters."""
    if not isinstance(value, str) or not value.strip() or len(value) > longest or not value.isprintable():
        raise Invalid(f"{name} must be a text of 1 to {longest} characters")
    return value.strip()


def integer(name: str, value: Any, lowest: int, highest: int) -> int:
    """Returns an integer of the JSON body that is in range."""
    if type(value) is not int or not lowest <= value <= highest:
        raise Invalid(f"{name} must be a whole number from {lowest} to {highest}")
    return value


def digits(name: str, value: str, lowest: int, highest: int) -> int:
    """Returns the number of a query parameter."""
    number = int(value) if re.fullmatch(r"[0-9]{1,9}", value) else None
    return integer(name, number, lowest, highest)


def email(name: str, value: Any) -> str:
    """Returns an e-mail address, in lower case."""
    if not isinstance(value, str) or len(value) > 254 or not _EMAIL.fullmatch(value):
        raise Invalid(f"{name} must be an e-mail address")
    return value.lower()


def nights(check_in: Any, check_out: Any) -> tuple[date, date]:
    """Returns the two days of a stay that is in the future and not too long."""
    first, last = day("check_in", check_in), day("check_out", check_out)
    if first < date.today():
        raise Invalid("check_in must not be in the past")
    if not timedelta(days=1) <= last - first <= timedelta(days=MAX_NIGHTS):
        raise Invalid(f"check_out must be 1 to {MAX_NIGHTS} nights after check_in")
    if last > date.today() + MAX_AHEAD:
        raise Invalid(f"check_out must be within the next {MAX_AHEAD.days} days")
    return first, last


def day(name: str, value: Any) -> date:
    """Returns a date that is written as YYYY-MM-DD."""
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise Invalid(f"{name} must be a date such as 2030-01-31")
