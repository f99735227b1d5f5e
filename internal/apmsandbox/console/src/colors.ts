// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

/** The number of --service-N colors in style.css. */
const palette = 10
const given = new Map<string, number>()

/** Returns the class that gives a service its color; it stays the same while the page is open. */
export function serviceClass(service: string): string {
  let index = given.get(service)
  if (index === undefined) {
    index = given.size % palette
    given.set(service, index)
  }
  return `service-${index}`
}
