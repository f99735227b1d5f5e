// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { computed, effect, signal } from '@preact/signals'

/** Where the page is: what stands behind # in its address. */
export interface Route {
  /** The view and what follows it, such as ["traces", "<trace id>"]. */
  path: string[]
  query: URLSearchParams
}

/** The parameters of the time range, which all views share. */
export const rangeNames = ['last', 'from', 'to'] as const

const hash = signal(location.hash)

addEventListener('hashchange', () => {
  hash.value = location.hash
})

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** The current route. */
export const route = computed<Route>(() => {
  const [path = '', query = ''] = hash.value.replace(/^#\/?/, '').split('?', 2)
  return { path: path.split('/').filter(Boolean).map(decode), query: new URLSearchParams(query) }
})

// The last query of every view, for links back to it.
const remembered = new Map<string, URLSearchParams>()

effect(() => {
  const { path, query } = route.value
  if (path.length < 2) {
    remembered.set(path[0] ?? 'traces', query)
  }
})

function address(path: string, query: URLSearchParams): string {
  const text = query.toString()
  return `#/${path}${text && `?${text}`}`
}

function withRange(query: URLSearchParams): URLSearchParams {
  const current = route.value.query
  if (!rangeNames.some((name) => query.has(name))) {
    for (const name of rangeNames) {
      const value = current.get(name)
      if (value) {
        query.set(name, value)
      }
    }
  }
  return query
}

/** Returns the address of a view with the current time range. */
export function link(path: string, query: Record<string, string> = {}): string {
  return address(path, withRange(new URLSearchParams(query)))
}

/** Returns the address of a view as it was left, with the current time range. */
export function linkBack(view: string): string {
  const query = new URLSearchParams(remembered.get(view))
  for (const name of rangeNames) {
    query.delete(name)
  }
  return address(view, withRange(query))
}

/** Goes to a view; with replace set, the back button does not lead back. */
export function go(to: string, replace = false): void {
  if (replace) {
    history.replaceState(null, '', to)
    hash.value = location.hash
    return
  }
  location.hash = to
}

/** Changes parameters of the current view; empty values are removed. */
export function setQuery(values: Record<string, string>, replace = true): void {
  const query = new URLSearchParams(route.peek().query)
  for (const [name, value] of Object.entries(values)) {
    if (value) {
      query.set(name, value)
    } else {
      query.delete(name)
    }
  }
  go(address(route.peek().path.map(encodeURIComponent).join('/'), query), replace)
}
