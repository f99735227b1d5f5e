// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { count } from './format'
import { setQuery } from './route'

/** The number of rows on a page of a list. */
export const pageSize = 100

/** Which rows of a list are shown, and the buttons that turn the pages. */
export function Pages(props: {
  offset: number
  shown: number
  total: number
  previous: string
  next: string
}) {
  const { offset, shown, total } = props
  return (
    <div class="pages">
      <span>
        {count(total === 0 ? 0 : offset + 1)}–{count(offset + shown)} of {count(total)}
      </span>
      <button
        type="button"
        disabled={offset === 0}
        onClick={() => setQuery({ offset: offset > pageSize ? String(offset - pageSize) : '' }, false)}
      >
        {props.previous}
      </button>
      <button
        type="button"
        disabled={offset + shown >= total}
        onClick={() => setQuery({ offset: String(offset + pageSize) }, false)}
      >
        {props.next}
      </button>
    </div>
  )
}
