// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { effect, signal } from '@preact/signals'
import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { APIError, type Changes, request, type ServiceFacet } from './api'
import { rangeQuery } from './range'

const pollInterval = 1000
// The last minutes pass also if nothing arrives.
const tickInterval = 10_000

/** The change counters as last seen; null before the first answer. */
export const changes = signal<Changes | null>(null)

/** Whether the sandbox answered the last time it was asked. */
export const connected = signal(true)

/** A user who reads does not want the page to move. */
export const paused = signal(false)

/** Counts the time that passed. */
const ticks = signal(0)

/** The services in the time range, in order of their names. */
export const services = signal<ServiceFacet[]>([])

async function poll(): Promise<void> {
  if (document.visibilityState === 'visible') {
    try {
      const seen = await request<Changes>('/api/v1/changes')
      connected.value = true
      if (!paused.value && JSON.stringify(seen) !== JSON.stringify(changes.value)) {
        changes.value = seen
      }
    } catch {
      connected.value = false
    }
  }
  setTimeout(poll, pollInterval)
}

/** Starts to follow the sandbox. */
export function follow(): void {
  void poll()
  setInterval(() => {
    if (!paused.value && document.visibilityState === 'visible') {
      ticks.value++
    }
  }, tickInterval)
  let asked = ''
  effect(() => {
    const traces = changes.value?.traces
    const path = `/api/v1/services?${new URLSearchParams(rangeQuery())}`
    const wanted = `${traces} ${ticks.value} ${path}`
    if (traces === undefined || wanted === asked) {
      return
    }
    asked = wanted
    request<{ services: ServiceFacet[] }>(path).then(
      (answer) => {
        if (wanted === asked) {
          services.value = answer.services
        }
      },
      () => undefined, // the banner of a lost connection says it
    )
  })
}

export interface Live<T> {
  data: T | undefined
  error: string | undefined
  /** Of an API error: its HTTP status. */
  status: number | undefined
  reload: () => void
}

function resource(path: string): string {
  return path.split('?', 1)[0] ?? path
}

/**
 * Reads a path of the API, and reads it again when what the sandbox counts as one of the kinds has
 * changed, or now and then if the path asks for the last minutes. What was read last stays while it
 * is read again, with another query, or in vain.
 */
export function useLive<T>(path: string, ...kinds: (keyof Changes)[]): Live<T> {
  const [state, setState] = useState<{ path: string; data?: T; error?: string; status?: number }>({ path })
  const [again, setAgain] = useState(0)
  const passing = path.includes('last=') ? ticks.value : 0
  const version = [...kinds.map((kind) => changes.value?.[kind] ?? 0), passing].join()
  const wanted = useRef(path)
  const running = useRef('')
  const late = useRef(false)
  wanted.current = path
  // The first request of a view is sent before the browser replaces the one before it, so that the
  // sandbox and the browser work at the same time.
  const [first] = useState<{ path: string; answer?: Promise<T> }>(() => ({ path, answer: request<T>(path) }))
  useLayoutEffect(() => {
    // While an answer is under way, further changes wait for it.
    if (running.current === path) {
      late.current = true
      return
    }
    running.current = path
    const answered = (next: typeof state) => {
      if (wanted.current === path) {
        setState((before) => {
          const keep = next.error && next.status !== 404 && resource(before.path) === resource(path)
          return keep && before.data !== undefined ? { ...next, data: before.data } : next
        })
      }
    }
    const sent = first.path === path ? first.answer : undefined
    delete first.answer
    ;(sent ?? request<T>(path))
      .then(
        (data) => answered({ path, data }),
        (error: unknown) =>
          answered(
            error instanceof APIError
              ? { path, error: error.message, status: error.status }
              : { path, error: 'The sandbox does not answer.' },
          ),
      )
      .finally(() => {
        if (running.current !== path) {
          return
        }
        running.current = ''
        if (late.current) {
          late.current = false
          setAgain((n) => n + 1)
        }
      })
  }, [path, version, again])

  const reload = useCallback(() => setAgain((n) => n + 1), [])
  const current = resource(state.path) === resource(path) ? state : undefined
  return {
    data: current?.data,
    error: current?.error,
    status: current?.status,
    reload,
  }
}
