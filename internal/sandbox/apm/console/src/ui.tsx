// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { serviceClass } from './colors'
import { bytes, count, percent, visible } from './format'
import type { Live } from './live'

const icons = {
  traces: 'M4 6h9M7 12h11M11 18h9',
  topology:
    'M9 6a3 3 0 1 1-6 0 3 3 0 0 1 6 0ZM21 6a3 3 0 1 1-6 0 3 3 0 0 1 6 0ZM15 18a3 3 0 1 1-6 0 3 3 0 0 1 6 0ZM9 6h6M7.5 8.6l3 6.8M16.5 8.6l-3 6.8',
  services: 'M4 5h16v5H4V5ZM4 14h16v5H4v-5ZM7.5 7.5v.01M7.5 16.5v.01',
  sql: 'M5 6c0-1.7 3.1-3 7-3s7 1.3 7 3-3.1 3-7 3-7-1.3-7-3Zm0 0v12c0 1.7 3.1 3 7 3s7-1.3 7-3V6M5 12c0 1.7 3.1 3 7 3s7-1.3 7-3',
  check: 'M9 11.5l3 3 8-8M20 12v6a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2h9',
  metrics: 'M4 19V5M4 19h16M8 15l3.5-4 3 2.5L20 7',
  usage: 'M4 20V10h4v10H4ZM10 20V4h4v16h-4ZM16 20v-7h4v7h-4Z',
  deliveries: 'M12 15V4M8 8l4-4 4 4M4 14v4a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-4',
  search: 'M17 11a6 6 0 1 1-12 0 6 6 0 0 1 12 0ZM20 20l-4.7-4.7',
  close: 'M6 6l12 12M18 6 6 18',
  passed: 'M5 12.5l4.5 4.5L19 7.5',
  failed: 'M7 7l10 10M17 7 7 17',
  none: 'M7 12h10',
  error:
    'M12 8v5M12 16.5v.01M10.3 3.9 2.6 17.2A2 2 0 0 0 4.3 20h15.4a2 2 0 0 0 1.7-2.8L13.7 3.9a2 2 0 0 0-3.4 0Z',
  pause: 'M9 6v12M15 6v12',
  play: 'M8 5.5v13l10.5-6.5L8 5.5Z',
  light:
    'M16 12a4 4 0 1 1-8 0 4 4 0 0 1 8 0ZM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M5.6 18.4 7 17M17 7l1.4-1.4',
  dark: 'M20 14.5A8 8 0 1 1 9.5 4a6.5 6.5 0 0 0 10.5 10.5Z',
  auto: 'M20 12a8 8 0 1 1-16 0 8 8 0 0 1 16 0ZM12 4v16M12 8l4-2.5M12 13l7-4.5M12 18l7.5-4.5',
  down: 'M6 9l6 6 6-6',
  right: 'M9 6l6 6-6 6',
  collector: 'M12 4v16M4 12h16',
  app: 'M8 7l-5 5 5 5M16 7l5 5-5 5',
  link: 'M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7L12 7M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7L12 17',
  file: 'M13 4H7a1 1 0 0 0-1 1v14a1 1 0 0 0 1 1h10a1 1 0 0 0 1-1V9l-5-5Zm0 0v5h5',
  download: 'M12 4v11M8 11l4 4 4-4M4 19h16',
  scissors: 'M9 7a3 3 0 1 1-6 0 3 3 0 0 1 6 0ZM9 17a3 3 0 1 1-6 0 3 3 0 0 1 6 0ZM8.5 8.8 20 17M8.5 15.2 20 7',
  event: 'M12 4l5 8-5 8-5-8 5-8Z',
}

export type IconName = keyof typeof icons

/** A drawing that says nothing by itself: text stands beside it, or a label on what holds it. */
export function Icon({ name, class: className = '' }: { name: IconName; class?: string }) {
  return (
    <svg class={`icon ${className}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={icons[name]} />
    </svg>
  )
}

/** Text from outside. It is always a text node. */
export function Text({ children }: { children: string }) {
  return <span class="foreign">{visible(children)}</span>
}

/** A service's name beside its color. */
export function Service({ name }: { name: string }) {
  return (
    <span class="service">
      <i class={`dot ${serviceClass(name)}`} />
      <Text>{name}</Text>
    </span>
  )
}

const clip = 2000

/** A value that may be long: its start, and the rest on demand. */
export function Value({ children, render }: { children: string; render?: (text: string) => JSX.Element }) {
  const [all, setAll] = useState(false)
  const shown = all ? children : children.slice(0, clip)
  return (
    <>
      <span class="value">{render ? render(shown) : <Text>{shown}</Text>}</span>
      {children.length > clip && (
        <button type="button" class="small" onClick={() => setAll(!all)}>
          {all ? 'Show less' : `Show all of ${bytes(children.length)}`}
        </button>
      )}
    </>
  )
}

/** A button that copies a text. */
export function Copy({ text, label = 'Copy' }: { text: string; label?: string }) {
  const [done, setDone] = useState('')
  const copy = () => {
    const say = (word: string) => {
      setDone(word)
      setTimeout(() => setDone(''), 1500)
    }
    // There is no clipboard on pages that came over plain HTTP from another machine.
    if (!navigator.clipboard) {
      say('Select and copy by hand')
      return
    }
    navigator.clipboard.writeText(text).then(
      () => say('Copied'),
      () => say('Not allowed'),
    )
  }
  return (
    <button type="button" class="small" onClick={copy}>
      <span aria-live="polite">{done || label}</span>
    </button>
  )
}

/** Lines to copy into a file or a terminal. */
export function Code({ text, label }: { text: string; label: string }) {
  return (
    <div class="code">
      <pre tabIndex={0} role="region" aria-label={label}>
        <Text>{text}</Text>
      </pre>
      <Copy text={text} />
    </div>
  )
}

/** What stands where nothing is, and what to do about it; alone, without a heading above it. */
export function Empty(props: { title: string; alone?: boolean; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <svg viewBox="0 0 120 64" aria-hidden="true">
        <path d="M14 14h56M30 32h66M46 50h38" />
      </svg>
      {props.alone ? <h1>{props.title}</h1> : <h2>{props.title}</h2>}
      <div>{props.children}</div>
    </div>
  )
}

export function Loading({ what }: { what: string }) {
  return (
    <div class="loading" role="status">
      <i />
      <i />
      <i />
      <span>Loading {what}…</span>
    </div>
  )
}

export function Failed({ message, retry }: { message: string; retry?: () => void }) {
  return (
    <div class="failure" role="alert">
      <Icon name="error" />
      <div>
        {message.split('\n').map((line) => (
          <p key={line}>
            <Text>{line}</Text>
          </p>
        ))}
      </div>
      {retry && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  )
}

/**
 * Shows what was read, or that it is under way, or why it is not there. If a parameter is invalid,
 * what was read before stays below the reason.
 */
export function Loaded<T>({
  live,
  what,
  children,
}: {
  live: Live<T>
  what: string
  children: (data: T) => ComponentChildren
}) {
  const invalid = live.status === 400
  if (live.data === undefined && !invalid) {
    return live.error ? <Failed message={live.error} retry={live.reload} /> : <Loading what={what} />
  }
  return (
    <>
      {invalid && live.error && <Failed message={live.error} />}
      {live.data !== undefined && children(live.data)}
    </>
  )
}

// No row of a table is lower, in pixels.
const rowHeight = 40

/**
 * Returns the rows of a table that are drawn now: first those that a window shows, and all of them
 * as soon as these are on the screen.
 */
export function useRows<T>(rows: T[]): T[] {
  const [all, setAll] = useState(false)
  useEffect(() => {
    // The second frame begins when the first is drawn.
    let frame = requestAnimationFrame(() => {
      frame = requestAnimationFrame(() => setAll(true))
    })
    return () => cancelAnimationFrame(frame)
  }, [])
  return all ? rows : rows.slice(0, Math.ceil(innerHeight / rowHeight))
}

/** A choice of a few. */
export function Segments<T extends string>(props: {
  label: string
  options: { value: T; text: string }[]
  value: T
  onChange: (value: T) => void
}) {
  return (
    <div class="segments" role="group" aria-label={props.label}>
      {props.options.map((option) => (
        <button
          key={option.value}
          type="button"
          aria-pressed={option.value === props.value}
          onClick={() => props.onChange(option.value)}
        >
          {option.text}
        </button>
      ))}
    </div>
  )
}

/** What share of the calls failed, and how many. */
export function Errors({ errors, calls }: { errors: number; calls: number }) {
  return (
    <>
      {percent(errors, calls)}
      {errors > 0 && <small class="share">{count(errors)}</small>}
    </>
  )
}

export function Stat({
  label,
  children,
  bad,
}: {
  label: string
  children: ComponentChildren
  bad?: boolean
}) {
  return (
    <div class="stat">
      <dt>{label}</dt>
      <dd class={bad ? 'bad' : ''}>{children}</dd>
    </div>
  )
}
