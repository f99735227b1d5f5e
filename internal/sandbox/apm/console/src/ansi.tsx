// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { visible } from './format'

/** A piece of text in one style; the style is the name of its class, empty for none. */
interface Piece {
  text: string
  style: string
}

const colors = ['', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', '']

// A control sequence of ECMA-48, as programs write to a terminal.
const sequence = /\u001b\[([0-9;:?]*)[ -/]*([@-~])/g

/** Returns the style after the codes of a sequence that ends in m. */
function styled(before: { color: string; bold: boolean }, codes: string): { color: string; bold: boolean } {
  let { color, bold } = before
  const numbers = codes.split(/[;:]/).map(Number)
  for (let i = 0; i < numbers.length; i++) {
    const code = numbers[i] ?? 0
    if (code === 0) {
      color = ''
      bold = false
    } else if (code === 1) {
      bold = true
    } else if (code === 22) {
      bold = false
    } else if (code >= 30 && code <= 37) {
      color = colors[code - 30] ?? ''
    } else if (code >= 90 && code <= 97) {
      color = colors[code - 90] ?? ''
    } else if (code === 38 || code === 48) {
      i += numbers[i + 1] === 2 ? 4 : 2 // one of 256, or of all colors
    } else if (code === 39) {
      color = ''
    }
  }
  return { color, bold }
}

/** Splits text at its control sequences, which are left out. */
function pieces(text: string): Piece[] {
  const found: Piece[] = []
  let style = { color: '', bold: false }
  let from = 0
  const add = (to: number) => {
    if (to > from) {
      const names = [style.color && `ansi-${style.color}`, style.bold && 'ansi-bold'].filter(Boolean)
      found.push({ text: text.slice(from, to), style: names.join(' ') })
    }
  }
  for (const match of text.matchAll(sequence)) {
    add(match.index)
    from = match.index + match[0].length
    if (match[2] === 'm') {
      style = styled(style, match[1] ?? '')
    }
  }
  add(text.length)
  return found
}

/** A line of a log in the colors that its program gave it. */
export function Colored(text: string) {
  return (
    <span class="foreign">
      {pieces(text).map((piece, i) => (
        <span key={i} class={piece.style}>
          {visible(piece.text)}
        </span>
      ))}
    </span>
  )
}
