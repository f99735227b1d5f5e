# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The shop in Django: its routes."""

import json
import time

from django.db import DatabaseError, connection
from django.http import JsonResponse
from django.urls import path

from shop.models import Item

SLOW = "SELECT COUNT(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)"


def items(request):
    if request.method == "POST":
        item = Item.objects.create(name=json.loads(request.body)["name"])
        return JsonResponse({"name": item.name}, status=201)
    return JsonResponse(list(Item.objects.order_by("id").values("id", "name")), safe=False)


def get_item(request, item):
    found = Item.objects.get(id=item)
    return JsonResponse({"id": found.id, "name": found.name})


def error(request):
    raise RuntimeError("on purpose")


def broken(request):
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM no_such_table")


def slow(request):
    connection.ensure_connection()
    deadline = time.monotonic() + 1
    connection.connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        with connection.cursor() as cursor:
            cursor.execute(SLOW)
    except DatabaseError:
        return JsonResponse({}, status=504)
    return JsonResponse({})


urlpatterns = [
    path("items", items),
    path("items/<int:item>", get_item),
    path("error", error),
    path("broken", broken),
    path("slow", slow),
]
