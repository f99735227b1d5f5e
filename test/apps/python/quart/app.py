# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The shop in Quart."""

from asyncio import to_thread

from quart import Quart, request

import store

app = Quart(__name__)


@app.get("/items")
async def list_items():
    return await to_thread(store.list_items)


@app.get("/items/<int:item>")
async def get_item(item):
    return await to_thread(store.get_item, item)


@app.post("/items")
async def add_item():
    body = await request.get_json()
    return await to_thread(store.add_item, body["name"]), 201


@app.get("/error")
async def error():
    raise RuntimeError("on purpose")


@app.get("/broken")
async def broken():
    return await to_thread(store.broken)


@app.get("/slow")
async def slow():
    return {}, 504 if await to_thread(store.slow) else 200
