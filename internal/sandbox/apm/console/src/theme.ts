// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { effect, signal } from '@preact/signals'

export type Theme = 'auto' | 'light' | 'dark'

const key = 'apmsandbox.theme'
const themes: Theme[] = ['auto', 'light', 'dark']

function stored(): Theme {
  try {
    const text = localStorage.getItem(key)
    return themes.find((t) => t === text) ?? 'auto'
  } catch {
    return 'auto' // a browser that keeps nothing
  }
}

/** The chosen theme; auto is what the system says. */
export const theme = signal<Theme>(stored())

/** Counts the changes of colors, for what is drawn and not styled. */
export const repaint = signal(0)

effect(() => {
  document.documentElement.dataset.theme = theme.value
  try {
    localStorage.setItem(key, theme.value)
  } catch {
    // It lasts as long as the page.
  }
  repaint.value = repaint.peek() + 1
})

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  repaint.value++
})

export function nextTheme(): void {
  theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? 'auto'
}

/** Returns a color of style.css as it is now. */
export function color(name: string): string {
  const probe = document.createElement('i')
  probe.style.color = `var(--${name})`
  document.body.append(probe)
  const found = getComputedStyle(probe).color
  probe.remove()
  return found
}
