// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

const numbers = new Intl.NumberFormat('en-US')
const shortNumbers = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 })

export function count(n: number): string {
  return numbers.format(n)
}

export function compact(n: number): string {
  return Math.abs(n) < 10_000 ? numbers.format(Number(n.toPrecision(4))) : shortNumbers.format(n)
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`
}

/** Writes a duration with three digits that matter: 12.3 ms. */
export function duration(ns: number): string {
  const units: [number, string][] = [
    [3.6e12, 'h'],
    [6e10, 'min'],
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'µs'],
  ]
  for (const [size, unit] of units) {
    if (ns >= size) {
      const value = ns / size
      return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(3))} ${unit}`
    }
  }
  return `${ns} ns`
}

/** Returns the nanoseconds from one time to another: a Date has milliseconds only. */
export function since(earlier: string, later: string): number {
  const fraction = (text: string) => Number((/\.(\d+)/.exec(text)?.[1] ?? '').padEnd(9, '0'))
  const seconds = (text: string) => Date.parse(text.replace(/\.\d+/, '')) / 1000
  return Math.max(0, (seconds(later) - seconds(earlier)) * 1e9 + fraction(later) - fraction(earlier))
}

export function bytes(n: number): string {
  const units = ['B', 'KB', 'MB', 'GB']
  let at = 0
  let value = n
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024
    at++
  }
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`
}

const clockFormat = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 3,
})
const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' })

/** Writes the time of day, and the day where it is not today. */
export function time(text: string): string {
  const at = new Date(text)
  const today = dayFormat.format(new Date()) === dayFormat.format(at)
  return today ? clockFormat.format(at) : `${dayFormat.format(at)}, ${clockFormat.format(at)}`
}

/** Writes requests over a time as a rate: per second, or per minute where that is less than one. */
export function rate(requests: number, windowNS: number): string {
  const perSecond = requests / Math.max(windowNS / 1e9, 1)
  return perSecond >= 1
    ? `${compact(Number(perSecond.toPrecision(2)))}/s`
    : `${compact(Number((perSecond * 60).toPrecision(2)))}/min`
}

export function percent(part: number, whole: number): string {
  const value = whole === 0 ? 0 : (100 * part) / whole
  return `${value === 0 || value >= 10 ? Math.round(value) : Number(value.toPrecision(2))} %`
}

/** Writes an attribute's value. */
export function value(v: unknown): string {
  return typeof v === 'string' ? v : (JSON.stringify(v) ?? '')
}

// Control characters that a browser would not show, and those that turn the direction of text or
// take no room: what looks like one text must not be another.
const invisible =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g

/** Makes characters visible that would not be seen. */
export function visible(text: string): string {
  return text.replace(invisible, (c) => {
    const code = c.charCodeAt(0)
    if (code < 0x20) {
      return String.fromCharCode(0x2400 + code)
    }
    return code === 0x7f ? '\u2421' : `\u27e8U+${code.toString(16).toUpperCase().padStart(4, '0')}\u27e9`
  })
}
