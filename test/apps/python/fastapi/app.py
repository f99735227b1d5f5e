# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The shop in FastAPI."""

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

import store

app = FastAPI()


class Item(BaseModel):
    name: str


@app.get("/items")
def list_items():
    return store.list_items()


@app.get("/items/{item}")
def get_item(item: int):
    return store.get_item(item)


@app.post("/items", status_code=201)
def add_item(item: Item):
    return store.add_item(item.name)


@app.get("/error")
def error():
    raise RuntimeError("on purpose")


@app.get("/broken")
def broken():
    return store.broken()


@app.get("/slow")
def slow():
    return JSONResponse({}, 504 if store.slow() else 200)
