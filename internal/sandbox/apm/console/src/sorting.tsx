// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import type { ComponentChildren } from 'preact'
import { route, setQuery } from './route'
import { Icon } from './ui'

/** A column that a table can be sorted by: by its largest values first, or after another click by its smallest. */
export function SortHeading(props: {
  name: string
  /** The column that the table is sorted by without a choice. */
  initial: string
  /** Text is sorted from A to Z first. */
  text?: boolean
  children: ComponentChildren
}) {
  const query = route.value.query
  const sorted = (query.get('sort') ?? props.initial) === props.name
  const ascending = query.get('order') === 'asc'
  const next = sorted ? !ascending : props.text === true
  return (
    <th
      scope="col"
      class={props.text ? '' : 'number'}
      aria-sort={sorted ? (ascending ? 'ascending' : 'descending') : undefined}
    >
      <button
        type="button"
        onClick={() => setQuery({ sort: props.name, order: next ? 'asc' : '', offset: '' })}
      >
        {props.children}
        {sorted && <Icon name="down" class={ascending ? 'up' : ''} />}
      </button>
    </th>
  )
}

/** A filter in the page's address that a click removes. */
export function FilterChip({ name, label }: { name: string; label: string }) {
  const value = route.value.query.get(name)
  return value ? (
    <button
      type="button"
      class="chip"
      aria-label={`Remove the filter ${label} ${value}`}
      onClick={() => setQuery({ [name]: '', offset: '' })}
    >
      {label} <code>{value}</code> <Icon name="close" />
    </button>
  ) : null
}
