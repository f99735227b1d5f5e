# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The shop in Flask."""

from flask import Flask, request

import store

app = Flask(__name__)


@app.get("/items")
def list_items():
    return store.list_items()


@app.get("/items/<int:item>")
def get_item(item):
    return store.get_item(item)


@app.post("/items")
def add_item():
    return store.add_item(request.json["name"]), 201


@app.get("/error")
def error():
    raise RuntimeError("on purpose")


@app.get("/broken")
def broken():
    return store.broken()


@app.get("/slow")
def slow():
    return {}, 504 if store.slow() else 200
