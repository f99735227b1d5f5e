# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""The shop in Django: its items."""

from django.db import models


class Item(models.Model):
    name = models.CharField(max_length=100)

    class Meta:
        db_table = "items"
        managed = False
