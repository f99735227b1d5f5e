# Copyright The otelcol-ociapm Authors
# SPDX-License-Identifier: Apache-2.0
"""Prints the text that V$SQL has for each SQL_ID of a JSON list on stdin, as a JSON object. What it lacks is left out.

ORACLE_DSN is an URL: oracle://user:password@host:port/service. The user needs SELECT on V_$SQL.
"""

import json
import os
import sys
from urllib.parse import parse_qsl, unquote, urlsplit

import oracledb


def main() -> None:
    url = urlsplit(os.environ["ORACLE_DSN"])
    oracledb.defaults.fetch_lobs = False
    texts = {}
    with (
        oracledb.connect(
            user=unquote(url.username or ""),
            password=unquote(url.password or ""),
            host=url.hostname,
            port=url.port or 1521,
            service_name=url.path.removeprefix("/"),
            **dict(parse_qsl(url.query)),
        ) as connection,
        connection.cursor() as cursor,
    ):
        for sql_id in json.load(sys.stdin):
            cursor.execute("SELECT sql_fulltext FROM v$sql WHERE sql_id = :sql_id AND ROWNUM = 1", sql_id=sql_id)
            for (text,) in cursor:
                texts[sql_id] = text
    json.dump(texts, sys.stdout)


if __name__ == "__main__":
    main()
