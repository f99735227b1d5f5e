// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

/** A piece of a statement; the kind is the name of its class, empty for the rest. */
export interface Token {
  text: string
  kind: '' | 'keyword' | 'string' | 'number' | 'comment' | 'bind'
}

const keywords = new Set(
  (
    'ADD ALL ALTER AND ANY AS ASC BEGIN BETWEEN BY CALL CASE CAST COMMIT CREATE CROSS DELETE DESC DISTINCT DO DROP ELSE END ' +
    'EXCEPT EXISTS EXPLAIN FALSE FETCH FIRST FOR FROM FULL GRANT GROUP HAVING IF IN INNER INSERT INTERSECT INTO IS JOIN KEY ' +
    'LEFT LIKE LIMIT LOCK MATCHED MERGE MINUS NATURAL NEXT NOT NULL OFFSET ON ONLY OR ORDER OUTER OVER PARTITION PRAGMA ' +
    'REPLACE RETURNING RIGHT ROLLBACK ROW ROWS SELECT SET TABLE THEN TRUE TRUNCATE UNION UNIQUE UPDATE USING VALUES VIEW ' +
    'WHEN WHERE WITH CONFLICT NOTHING DUPLICATE'
  ).split(' '),
)

// One alternative a kind, in the order in which they are tried. Strings may lack their end: the
// statement may have been cut. Nothing in it backtracks.
const pattern =
  /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*(?:'|$))|("(?:[^"]|"")*(?:"|$))|(:\w+|@\w+|\$\d+|%\(\w+\)s|%s|\?)|(\b\d+(?:\.\d+)?\b)|([A-Za-z_][\w$#]*)|([\s\S]?)/g

/** Splits a statement, whatever it is, into pieces to color. */
export function tokens(text: string): Token[] {
  const found: Token[] = []
  for (const match of text.matchAll(pattern)) {
    const [all, comment, string, , bind, number, word] = match
    if (!all) {
      continue
    }
    let kind: Token['kind'] = ''
    if (comment) {
      kind = 'comment'
    } else if (string) {
      kind = 'string'
    } else if (bind) {
      kind = 'bind'
    } else if (number) {
      kind = 'number'
    } else if (word && keywords.has(word.toUpperCase())) {
      kind = 'keyword'
    }
    const last = found.at(-1)
    if (last && last.kind === kind && kind === '') {
      last.text += all
    } else {
      found.push({ text: all, kind })
    }
  }
  return found
}
