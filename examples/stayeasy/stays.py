# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""StayEasy's database operations. Every function runs inside one transaction, that of its session."""

import secrets
import uuid
from datetime import date
from typing import Any

from db import Row, Session

CURRENCY = "EUR"

_REFERENCE_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

_TAKEN = (
    "SELECT COUNT(*) AS taken FROM bookings "
    "WHERE room_id = :room_id AND check_in < :check_out AND check_out > :check_in"
)


class NotFound(Exception):
    """There is no such hotel, room, booking or guest."""


class Conflict(Exception):
    """The room is taken on one of the nights."""


class Refused(Exception):
    """The request is invalid for this room."""


def count_hotels(session: Session) -> int:
    """Returns the number of hotels: the simplest check that the database works."""
    return session.query_one("SELECT COUNT(*) AS hotels FROM hotels")["hotels"]


def list_hotels(session: Session, city: str | None) -> list[Row]:
    """Returns the hotels of one city or of all, sorted by city and name."""
    if city is None:
        return session.query("SELECT id, name, city, stars FROM hotels ORDER BY city, name")
    return session.query("SELECT id, name, city, stars FROM hotels WHERE city = :city ORDER BY name", city=city)


def get_hotel(session: Session, hotel_id: int) -> Row:
    """Returns a hotel with the number of its rooms and their lowest price for a night."""
    hotel = session.query_one(
        "SELECT h.id, h.name, h.city, h.stars, COUNT(r.id) AS rooms, MIN(r.price_cents) AS from_price_cents "
        "FROM hotels h LEFT JOIN rooms r ON r.hotel_id = h.id WHERE h.id = :hotel_id "
        "GROUP BY h.id, h.name, h.city, h.stars",
        hotel_id=hotel_id,
    )
    if hotel is None:
        raise NotFound(f"there is no hotel {hotel_id}")
    return hotel | {"currency": CURRENCY}


def list_rooms(session: Session, hotel_id: int) -> Row:
    """Returns a hotel's rooms, the cheapest first."""
    hotel = session.query_one("SELECT id, name FROM hotels WHERE id = :hotel_id", hotel_id=hotel_id)
    if hotel is None:
        raise NotFound(f"there is no hotel {hotel_id}")
    rooms = session.query(
        "SELECT id, room_number, kind, capacity, price_cents FROM rooms "
        "WHERE hotel_id = :hotel_id ORDER BY price_cents, id",
        hotel_id=hotel_id,
    )
    return {"hotel": hotel, "rooms": rooms, "currency": CURRENCY}


def search(session: Session, city: str, check_in: date, check_out: date, guest_count: int) -> Row:
    """Returns the free rooms of a city that are large enough, the cheapest first.

    One query finds the rooms and then one more for each room asks whether it is free: the N+1 that a trace makes
    visible at a glance. It is slow on purpose.
    """
    candidates = session.query(
        "SELECT r.id AS room_id, r.room_number, r.kind, r.capacity, r.price_cents, h.id AS hotel_id, h.name AS hotel "
        "FROM rooms r JOIN hotels h ON h.id = r.hotel_id "
        "WHERE h.city = :city AND r.capacity >= :guest_count ORDER BY r.price_cents, r.id",
        city=city,
        guest_count=guest_count,
    )
    nights = (check_out - check_in).days
    free = []
    for room in candidates:
        found = session.query_one(_TAKEN, room_id=room["room_id"], check_in=check_in, check_out=check_out)
        if found["taken"] == 0:
            free.append(room | {"total_cents": room["price_cents"] * nights})
    return {"nights": nights, "candidates": len(candidates), "rooms": free, "currency": CURRENCY}


def book(
    session: Session, room_id: int, check_in: date, check_out: date, guest_count: int, full_name: str, email: str
) -> Row:
    """Books a room, in six statements."""
    session.begin_writing()
    # Concurrent bookings of the same room wait here until this transaction ends.
    room = session.query_one(
        f"SELECT capacity, price_cents FROM rooms WHERE id = :room_id{session.dialect.lock_row}", room_id=room_id
    )
    if room is None:
        raise NotFound(f"there is no room {room_id}")
    if guest_count > room["capacity"]:
        raise Refused(f"room {room_id} is for {room['capacity']} at most")
    if session.query_one(_TAKEN, room_id=room_id, check_in=check_in, check_out=check_out)["taken"] > 0:
        raise Conflict(f"room {room_id} is taken on one of these nights")

    # The id is for a new guest. A known guest keeps the old id.
    session.execute(session.dialect.upsert_guest, id=uuid.uuid4().hex, full_name=full_name, email=email)
    guest = session.query_one("SELECT id FROM guests WHERE email = :email", email=email)
    booking: dict[str, Any] = {
        "reference": "".join(secrets.choice(_REFERENCE_ALPHABET) for _ in range(10)),
        "room_id": room_id,
        "guest_id": guest["id"],
        "check_in": check_in,
        "check_out": check_out,
        "guest_count": guest_count,
        "total_cents": room["price_cents"] * (check_out - check_in).days,
    }
    session.execute(
        "INSERT INTO bookings (reference, room_id, guest_id, check_in, check_out, guest_count, total_cents) "
        "VALUES (:reference, :room_id, :guest_id, :check_in, :check_out, :guest_count, :total_cents)",
        **booking,
    )
    session.execute(
        "INSERT INTO payments (id, booking_reference, amount_cents, paid_on) "
        "VALUES (:id, :booking_reference, :amount_cents, :paid_on)",
        id=uuid.uuid4().hex,
        booking_reference=booking["reference"],
        amount_cents=booking["total_cents"],
        paid_on=date.today(),
    )
    return booking | {"check_in": check_in.isoformat(), "check_out": check_out.isoformat(), "currency": CURRENCY}


def get_booking(session: Session, reference: str) -> Row:
    """Returns a booking with its guest, room and hotel."""
    booking = session.query_one(
        "SELECT b.reference, b.check_in, b.check_out, b.guest_count, b.total_cents, g.id AS guest_id, "
        "g.full_name AS guest, r.room_number, r.kind, h.name AS hotel, h.city "
        "FROM bookings b JOIN guests g ON g.id = b.guest_id JOIN rooms r ON r.id = b.room_id "
        "JOIN hotels h ON h.id = r.hotel_id WHERE b.reference = :reference",
        reference=reference,
    )
    if booking is None:
        raise NotFound(f"there is no booking {reference}")
    return booking | {"currency": CURRENCY}


def guest_history(session: Session, guest_id: str) -> Row:
    """Returns a guest's bookings, the latest stay first."""
    guest = session.query_one("SELECT id, full_name FROM guests WHERE id = :guest_id", guest_id=guest_id)
    if guest is None:
        raise NotFound(f"there is no guest {guest_id}")
    bookings = session.query(
        "SELECT b.reference, b.check_in, b.check_out, b.total_cents, h.name AS hotel, h.city "
        "FROM bookings b JOIN rooms r ON r.id = b.room_id JOIN hotels h ON h.id = r.hotel_id "
        "WHERE b.guest_id = :guest_id ORDER BY b.check_in DESC, b.reference",
        guest_id=guest_id,
    )
    return {"guest": guest, "bookings": bookings, "currency": CURRENCY}


def occupancy(session: Session, year: int) -> list[Row]:
    """Returns how many room nights each hotel had and sold, month by month.

    It looks at every room on every night of the year, and that is slow on purpose.
    """
    month = session.dialect.month.format("c.stay_date")
    rows = session.query(
        f"SELECT h.id AS hotel_id, h.name AS hotel, h.city, {month} AS stay_month, "
        "COUNT(*) AS room_nights, COUNT(b.reference) AS sold_nights "
        "FROM hotels h JOIN rooms r ON r.hotel_id = h.id CROSS JOIN calendar c "
        "LEFT JOIN bookings b ON b.room_id = r.id AND b.check_in <= c.stay_date AND b.check_out > c.stay_date "
        "WHERE c.stay_date >= :first_day AND c.stay_date <= :last_day "
        f"GROUP BY h.id, h.name, h.city, {month} ORDER BY h.id, {month}",
        first_day=date(year, 1, 1),
        last_day=date(year, 12, 31),
    )
    return [row | {"percent": round(100 * row["sold_nights"] / row["room_nights"], 1)} for row in rows]


def revenue(session: Session) -> list[Row]:
    """Returns the payments of each month: how many and how much."""
    month = session.dialect.month.format("paid_on")
    return session.query(
        f"SELECT {month} AS paid_month, COUNT(*) AS payments, SUM(amount_cents) AS revenue_cents "
        f"FROM payments GROUP BY {month} ORDER BY {month}"
    )
