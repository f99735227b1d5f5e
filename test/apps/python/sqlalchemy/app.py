# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""One route of the shop in Flask with SQLAlchemy."""

import os

from flask import Flask
from flask_sqlalchemy import SQLAlchemy

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)


class Item(db.Model):
    __tablename__ = "items"
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String)


@app.get("/items")
def list_items():
    return [item.name for item in db.session.scalars(db.select(Item))]
