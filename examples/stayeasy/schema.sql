-- Copyright The otelcol-ociapm Authors
-- SPDX-License-Identifier: Apache-2.0
--
-- The same text for SQLite, PostgreSQL, MySQL, MariaDB and Oracle Database. Money is in cents.
-- Indexes are unique constraints, which every one of these databases can declare in place.

CREATE TABLE hotels (
    id INTEGER NOT NULL PRIMARY KEY,
    name VARCHAR(100) NOT NULL,
    city VARCHAR(60) NOT NULL,
    stars INTEGER NOT NULL
);

CREATE TABLE rooms (
    id INTEGER NOT NULL PRIMARY KEY,
    hotel_id INTEGER NOT NULL,
    room_number VARCHAR(10) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    capacity INTEGER NOT NULL,
    price_cents INTEGER NOT NULL,
    UNIQUE (hotel_id, room_number),
    FOREIGN KEY (hotel_id) REFERENCES hotels (id)
);

CREATE TABLE guests (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    full_name VARCHAR(400) NOT NULL,
    email VARCHAR(254) NOT NULL UNIQUE
);

CREATE TABLE bookings (
    reference VARCHAR(10) NOT NULL PRIMARY KEY,
    room_id INTEGER NOT NULL,
    guest_id VARCHAR(32) NOT NULL,
    check_in DATE NOT NULL,
    check_out DATE NOT NULL,
    guest_count INTEGER NOT NULL,
    total_cents INTEGER NOT NULL,
    UNIQUE (room_id, check_in),
    UNIQUE (guest_id, check_in, reference),
    CHECK (check_out > check_in),
    FOREIGN KEY (room_id) REFERENCES rooms (id),
    FOREIGN KEY (guest_id) REFERENCES guests (id)
);

CREATE TABLE payments (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    booking_reference VARCHAR(10) NOT NULL UNIQUE,
    amount_cents INTEGER NOT NULL,
    paid_on DATE NOT NULL,
    FOREIGN KEY (booking_reference) REFERENCES bookings (reference)
);

CREATE TABLE calendar (
    stay_date DATE NOT NULL PRIMARY KEY
);
