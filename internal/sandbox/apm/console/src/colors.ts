// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

/** The number of --service-N colors in style.css. */
const palette = 10
const given = new Map<string, number>()

function hash(text: string): number {
  let h = 0
  for (const c of text) {
    h = (h * 53 + (c.codePointAt(0) ?? 0)) % 65_521
  }
  return h
}

/**
 * Returns the class that gives a service its color: by its name, so that it is the same tomorrow,
 * or the next one that no other service has.
 */
export function serviceClass(service: string): string {
  let index = given.get(service)
  if (index === undefined) {
    index = hash(service) % palette
    const taken = new Set(given.values())
    while (taken.has(index) && taken.size < palette) {
      index = (index + 1) % palette
    }
    given.set(service, index)
  }
  return `service-${index}`
}
