// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { computed, signal } from '@preact/signals'

/** Where the page is: what stands behind # in its address. */
export interface Route {
  /** The view and what follows it, such as ["traces", "<trace id>"]. */
  path: string[]
  query: URLSearchParams
}

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

/** Returns the address of a view. */
export function link(path: string, query?: Record<string, string> | URLSearchParams): string {
  const text = query ? new URLSearchParams(query).toString() : ''
  return `#/${path}${text && `?${text}`}`
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

/** Changes parameters of the current view; empty values leave. */
export function setQuery(values: Record<string, string>, replace = true): void {
  const query = new URLSearchParams(route.peek().query)
  for (const [name, value] of Object.entries(values)) {
    if (value) {
      query.set(name, value)
    } else {
      query.delete(name)
    }
  }
  go(link(route.peek().path.map(encodeURIComponent).join('/'), query), replace)
}
