// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef, useState } from 'preact/hooks'
import { visible } from '../format'
import { services } from '../live'
import { route, setQuery } from '../route'
import { FilterChip } from '../sorting'
import { Icon, Segments } from '../ui'

// Names of attributes that are worth searching for; any other can be typed.
const wellKnown = [
  'db.system',
  'db.statement',
  'db.operation',
  'peer.service',
  'DbOracleSqlId',
  'http.method',
  'http.target',
  'http.status_code',
  'http.route',
  'host.name',
]

const filters = [
  'service',
  'operation',
  'status',
  'min_duration',
  'max_duration',
  'attribute',
  'text',
  'statement',
]

function durationProblem(text: string): string {
  const plain = text.replace(/\s/g, '')
  return /^(\d+(\.\d+)?|(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+)$/.test(plain)
    ? ''
    : 'Not a duration: write 100, 250ms or 2s. A number alone is milliseconds.'
}

function attributeProblem(text: string): string {
  return /^\s*[=~]/.test(text) ? 'The name is missing: write name, name=value or name~part.' : ''
}

const problems: Record<string, (text: string) => string> = {
  min_duration: durationProblem,
  max_duration: durationProblem,
  attribute: attributeProblem,
}

/** Whether the list of traces is filtered. */
export function isFiltered(): boolean {
  return filters.some((name) => route.value.query.has(name))
}

/** Returns the filters of the page's address that are valid, and what sorts and divides the list. */
export function traceQuery(): URLSearchParams {
  const valid = new URLSearchParams()
  for (const [name, value] of route.value.query) {
    if ([...filters, 'sort', 'offset'].includes(name) && !(value && problems[name]?.(value))) {
      valid.append(name, value)
    }
  }
  return valid
}

/** A field of a filter that is applied a moment after the last key, unless it is invalid. */
export function Field(props: {
  name: string
  label: string
  placeholder?: string
  suggestions?: string[]
  class?: string
}) {
  const applied = route.value.query.get(props.name) ?? ''
  const [text, setText] = useState(applied)
  const problem = text.trim() ? (problems[props.name]?.(text) ?? '') : ''
  // What was typed since the filter was applied must stay.
  const sent = useRef(applied)
  useEffect(() => {
    if (applied !== sent.current) {
      sent.current = applied
      setText(applied)
    }
  }, [applied])
  useEffect(() => {
    if (text === applied || problem) {
      return undefined
    }
    const timer = setTimeout(() => {
      sent.current = text.trim()
      setQuery({ [props.name]: sent.current, offset: '' })
    }, 350)
    return () => clearTimeout(timer)
  }, [text, applied, problem, props.name])
  const id = `filter-${props.name}`
  return (
    <div class={`field ${props.class ?? ''}`}>
      <label for={id}>{props.label}</label>
      <input
        id={id}
        value={text}
        placeholder={props.placeholder}
        list={props.suggestions ? `${id}-list` : undefined}
        autocomplete="off"
        spellcheck={false}
        aria-invalid={problem !== ''}
        aria-describedby={problem ? `${id}-problem` : undefined}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      {problem && (
        <p id={`${id}-problem`} class="problem" role="alert">
          {problem}
        </p>
      )}
      {props.suggestions && (
        <datalist id={`${id}-list`}>
          {props.suggestions.map((s) => (
            <option key={s} value={s} />
          ))}
        </datalist>
      )}
    </div>
  )
}

/** The filters of the list of traces. */
export function Filters() {
  const query = route.value.query
  const service = query.get('service') ?? ''
  const operations = [
    ...new Set(
      services.value.filter((s) => !service || s.name === service).flatMap((s) => s.operations.slice(0, 200)),
    ),
  ]
  return (
    <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
      <label class="field">
        <span>Service</span>
        <select
          value={service}
          onChange={(event) => setQuery({ service: event.currentTarget.value, operation: '', offset: '' })}
        >
          <option value="">All services</option>
          {services.value.map((s) => (
            <option key={s.name} value={s.name}>
              {visible(s.name)}
            </option>
          ))}
          {service && !services.value.some((s) => s.name === service) && (
            <option value={service}>{visible(service)}</option>
          )}
        </select>
      </label>
      <Field name="operation" label="Operation" placeholder="Any" suggestions={operations} />
      <div class="field">
        <span>Status</span>
        <Segments
          label="Status"
          value={query.get('status') ?? ''}
          options={[
            { value: '', text: 'All' },
            { value: 'error', text: 'Errors' },
            { value: 'ok', text: 'OK' },
          ]}
          onChange={(value) => setQuery({ status: value, offset: '' })}
        />
      </div>
      <Field class="narrow" name="min_duration" label="Longer than" placeholder="100 ms" />
      <Field class="narrow" name="max_duration" label="Shorter than" placeholder="2 s" />
      <Field
        class="wide"
        name="attribute"
        label="Attribute"
        placeholder="name, name=value or name~part"
        suggestions={wellKnown}
      />
      <Field class="wide" name="text" label="Text" placeholder="In statements, names, attributes" />
      <FilterChip name="statement" label="Statement" />
      {isFiltered() && (
        <button
          type="button"
          class="quiet clear"
          onClick={() => setQuery(Object.fromEntries([...filters, 'offset'].map((name) => [name, ''])))}
        >
          <Icon name="close" /> Clear
        </button>
      )}
    </form>
  )
}
