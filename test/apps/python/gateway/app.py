# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""A Flask service that forwards every request to another service, with a short timeout."""

import os

import requests
from flask import Flask, request

UPSTREAM = os.environ["UPSTREAM_URL"]

app = Flask(__name__)


@app.route("/<path:path>", methods=["GET", "POST"])
def forward(path):
    try:
        answer = requests.request(
            request.method,
            f"{UPSTREAM}/{path}",
            data=request.get_data(),
            headers={"Content-Type": "application/json"},
            timeout=0.5 if path == "slow" else 30,
        )
    except requests.Timeout:
        return {}, 504
    return answer.content, answer.status_code
