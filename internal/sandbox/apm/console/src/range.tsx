// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { time } from './format'
import { route, setQuery } from './route'
import { Icon, Segments } from './ui'

const allTime = 'all'
const defaultLast = '15m'

const presets = [
  { value: '5m', text: '5 min' },
  { value: defaultLast, text: '15 min' },
  { value: '1h', text: '1 h' },
  { value: allTime, text: 'All' },
]

/** The time range of all views: the last minutes, or between two times in milliseconds. */
export type TimeRange = { last: string } | { from: number; to: number }

/** Reads the time range from the page's address; nonsense there counts as the default. */
export function currentRange(): TimeRange {
  const query = route.value.query
  const [from, to] = [query.get('from') ?? '', query.get('to') ?? '']
  if (/^\d+$/.test(from) && /^\d+$/.test(to)) {
    return { from: Number(from), to: Number(to) }
  }
  const last = query.get('last') ?? ''
  return { last: last === allTime || /^[1-9]\d*[smh]$/.test(last) ? last : defaultLast }
}

export function isAllTime(): boolean {
  const range = currentRange()
  return 'last' in range && range.last === allTime
}

/** Returns the time range as parameters of the API. */
export function rangeQuery(): Record<string, string> {
  const range = currentRange()
  if ('last' in range) {
    return isAllTime() ? {} : { last: range.last }
  }
  return { from: String(range.from), to: String(range.to) }
}

/** Writes the time range: "the last 15 min". */
export function rangeText(): string {
  const range = currentRange()
  if (!('last' in range)) {
    return `${time(new Date(range.from).toISOString())} – ${time(new Date(range.to).toISOString())}`
  }
  if (range.last === allTime) {
    return 'all time'
  }
  return `the last ${presets.find((p) => p.value === range.last)?.text ?? range.last}`
}

/** Chooses one of the presets. */
export function setLast(last: string): void {
  setQuery({ last: last === defaultLast ? '' : last, from: '', to: '', offset: '' }, false)
}

/** Chooses the time between two others. */
export function setBetween(from: Date, to: Date): void {
  setQuery({ last: '', from: String(from.getTime()), to: String(Math.ceil(to.getTime())), offset: '' }, false)
}

/** Shows all that is stored. */
export function setAllTime(): void {
  setLast(allTime)
}

/** The choice of the time range, for the head of a view. */
export function RangePicker() {
  const range = currentRange()
  const last = 'last' in range ? range.last : ''
  return (
    <div class="range">
      {!presets.some((p) => p.value === last) && (
        <button
          type="button"
          class="chip"
          aria-label={`Remove the time range ${rangeText()}`}
          onClick={() => setLast(defaultLast)}
        >
          {rangeText()} <Icon name="close" />
        </button>
      )}
      <Segments label="Time range" options={presets} value={last} onChange={setLast} />
    </div>
  )
}
