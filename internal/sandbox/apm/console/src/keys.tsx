// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { effect, signal } from '@preact/signals'
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'

const stored = 'apmsandbox.keys'

function wereOn(): boolean {
  try {
    return localStorage.getItem(stored) !== 'off'
  } catch {
    return true // a browser that keeps nothing
  }
}

/** Whether single keys do something: who speaks to the computer may not want that. */
const on = signal(wereOn())

effect(() => {
  try {
    localStorage.setItem(stored, on.value ? 'on' : 'off')
  } catch {
    // It lasts as long as the page.
  }
})

const helping = signal(false)

type Move = (step: 1 | -1) => void
const movers: Move[] = []

/** Makes j and k move through a list as long as the component is on the page. */
export function useMoves(move: Move): void {
  const latest = useRef(move)
  latest.current = move
  useLayoutEffect(() => {
    const mover: Move = (step) => latest.current(step)
    movers.push(mover)
    return () => {
      movers.splice(movers.indexOf(mover), 1)
    }
  }, [])
}

function pressed(event: KeyboardEvent): void {
  const target = event.target instanceof HTMLElement ? event.target : null
  if (
    !on.value ||
    helping.value ||
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    target?.closest('input, select, textarea')
  ) {
    return
  }
  switch (event.key) {
    case '/':
      document.querySelector<HTMLInputElement>('[type=search]')?.focus()
      break
    case 'j':
      movers.at(-1)?.(1)
      break
    case 'k':
      movers.at(-1)?.(-1)
      break
    case '?':
      helping.value = true
      break
    default:
      return
  }
  event.preventDefault()
}

addEventListener('keydown', pressed)

const keys: [string, string][] = [
  ['/', 'Search'],
  ['j', 'Next trace or span'],
  ['k', 'Previous trace or span'],
  ['Enter', 'Open the trace'],
  ['Esc', 'Close the span'],
  ['← →', 'Close and open the children of a span'],
  ['?', 'This list'],
]

/** The button that lists the keys, and the list. */
export function KeyboardHelp() {
  const dialog = useRef<HTMLDialogElement>(null)
  const open = helping.value
  useEffect(() => {
    if (open) {
      dialog.current?.showModal()
    } else {
      dialog.current?.close()
    }
  }, [open])
  return (
    <>
      <button
        type="button"
        class="quiet keys-button"
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts"
        onClick={() => {
          helping.value = true
        }}
      >
        ?
      </button>
      <dialog
        ref={dialog}
        class="card keys"
        aria-labelledby="keys"
        onClose={() => {
          helping.value = false
        }}
      >
        <h2 id="keys">Keyboard shortcuts</h2>
        <dl>
          {keys.map(([key, what]) => (
            <div key={key}>
              <dt>
                <kbd>{key}</kbd>
              </dt>
              <dd>{what}</dd>
            </div>
          ))}
        </dl>
        <label class="toggle">
          <input
            type="checkbox"
            checked={on.value}
            onChange={(event) => {
              on.value = event.currentTarget.checked
            }}
          />
          Single keys are on
        </label>
        <button type="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
      </dialog>
    </>
  )
}
