# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""Sends requests to every route of StayEasy, including those that must fail.

Prints a count for each route and status. Exits with code 1 if a response was unexpected.
Needs only Python.
"""

import argparse
import http.client
import json
import random
import sys
from collections import Counter
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

TIMEOUT_SECONDS = 60
GUESTS = ["Ada Lovelace", "Alan Turing", "Grace Hopper", "Edsger Dijkstra", "Barbara Liskov"]


class Client:
    """A kept-alive connection that counts the responses and records the unexpected ones."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        connection = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}[parts.scheme]
        self._connection = connection(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
        self._prefix = parts.path.rstrip("/")
        self.counts: Counter[tuple[str, str, int]] = Counter()
        self.surprises: list[str] = []
        self.status = 0  # of the last response

    def get(self, route: str, expected: int = 200, **query: Any) -> Any:
        """Sends a GET; names in braces in the route take their values from the query."""
        path = route.format(**query)
        rest = {name: value for name, value in query.items() if f"{{{name}}}" not in route}
        return self._send("GET", route, f"{path}?{urlencode(rest)}" if rest else path, None, expected)

    def post(self, route: str, body: Any, expected: int) -> Any:
        return self._send("POST", route, route, json.dumps(body), expected)

    def _headers(self) -> dict[str, str]:
        """Headers of every request, for subclasses."""
        return {}

    def _send(self, method: str, route: str, target: str, body: str | None, expected: int) -> Any:
        headers = self._headers() | ({"Content-Type": "application/json"} if body else {})
        self._connection.request(method, self._prefix + target, body, headers)
        response = self._connection.getresponse()
        payload = response.read()
        self.status = response.status
        self.counts[method, route, response.status] += 1
        if response.status != expected:
            self.surprises.append(f"{method} {target}: {response.status} instead of {expected}: {payload[:200]!r}")
        try:
            return json.loads(payload)
        except ValueError:
            self.surprises.append(f"{method} {target}: no JSON: {payload[:200]!r}")
            return {}


def run_round(client: Client, draw: random.Random) -> None:
    """Requests every route once, as a guest and then the hotel's office would."""
    client.get("/health")
    hotels = client.get("/api/hotels")["hotels"]
    hotel = draw.choice(hotels)
    client.get("/api/hotels", city=hotel["city"])
    client.get("/api/hotels/{hotel_id}", hotel_id=hotel["id"])
    client.get("/api/hotels/{hotel_id}/rooms", hotel_id=hotel["id"])

    booking = book(client, draw, hotel["city"])
    client.get("/api/bookings/{reference}", reference=booking["reference"])
    client.get("/api/guests/{guest_id}/bookings", guest_id=booking["guest_id"])

    client.get("/api/reports/occupancy")
    client.get("/api/reports/revenue")

    client.get("/api/hotels/{hotel_id}", expected=404, hotel_id=999_999)
    client.get("/api/bookings/{reference}", expected=404, reference="ZZZZZZZZZZ")
    client.get("/api/no-such-page", expected=404)
    client.get("/api/search", expected=400, city=hotel["city"], check_in="yesterday", check_out="tomorrow")
    client.post("/api/bookings", {"room_id": "one"}, 400)


def book(client: Client, draw: random.Random, city: str) -> dict[str, Any]:
    """Searches until there is a free room, books it, and then tries to book it again."""
    guests = draw.randint(1, 4)
    for _ in range(20):
        check_in = date.today() + timedelta(days=draw.randint(7, 600))
        stay = {
            "check_in": check_in.isoformat(),
            "check_out": (check_in + timedelta(days=draw.randint(1, 5))).isoformat(),
        }
        rooms = client.get("/api/search", city=city, guests=guests, **stay)["rooms"]
        if rooms:
            break
    else:
        raise SystemExit(f"traffic: {city} is booked out")
    name = draw.choice(GUESTS)
    request = {
        "room_id": draw.choice(rooms)["room_id"],
        "guests": guests,
        "guest": {"name": name, "email": f"{name.replace(' ', '.')}@example.com".lower()},
        **stay,
    }
    booking = client.post("/api/bookings", request, 201)
    client.post("/api/bookings", request, 409)
    return booking


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--base-url", default="http://localhost:8080", help="where StayEasy listens (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=10, help="how often to go over all routes (default: %(default)s)")
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed draws the same requests (default: %(default)s)"
    )
    options = parser.parse_args()
    if urlsplit(options.base_url).scheme not in ("http", "https"):
        parser.error("--base-url must start with http:// or https://")

    client = Client(options.base_url)
    draw = random.Random(options.seed)
    try:
        for _ in range(options.rounds):
            run_round(client, draw)
    except (OSError, http.client.HTTPException) as err:
        raise SystemExit(f"traffic: {options.base_url}: {err}") from err
    except (KeyError, IndexError):
        # An incomplete response was unexpected and is already among the surprises.
        if not client.surprises:
            raise
    finally:
        print(f"{'method':<6}  {'route':<32}  {'status':>6}  {'count':>5}")
        for (method, route, status), count in sorted(client.counts.items(), key=lambda item: (item[0][1], item[0])):
            print(f"{method:<6}  {route:<32}  {status:>6}  {count:>5}")
    for surprise in client.surprises:
        print(f"unexpected: {surprise}", file=sys.stderr)
    if client.surprises:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
