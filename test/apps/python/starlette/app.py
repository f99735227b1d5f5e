# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The shop in Starlette."""

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse
from starlette.routing import Route

import store


async def list_items(request):
    return JSONResponse(await run_in_threadpool(store.list_items))


async def get_item(request):
    return JSONResponse(await run_in_threadpool(store.get_item, request.path_params["item"]))


async def add_item(request):
    body = await request.json()
    return JSONResponse(await run_in_threadpool(store.add_item, body["name"]), 201)


async def error(request):
    raise RuntimeError("on purpose")


async def broken(request):
    return JSONResponse(await run_in_threadpool(store.broken))


async def slow(request):
    return JSONResponse({}, 504 if await run_in_threadpool(store.slow) else 200)


app = Starlette(
    routes=[
        Route("/items", list_items, methods=["GET"]),
        Route("/items", add_item, methods=["POST"]),
        Route("/items/{item:int}", get_item),
        Route("/error", error),
        Route("/broken", broken),
        Route("/slow", slow),
    ]
)
