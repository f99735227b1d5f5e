// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { Waterfall, WaterfallSpan } from '../api'
import { serviceClass } from '../colors'
import { count, duration, plural, time, visible } from '../format'
import { useMoves } from '../keys'
import { useLive } from '../live'
import { link, linkBack, route, setQuery } from '../route'
import { Copy, Empty, Failed, Icon, Loading, Service, Stat, Text } from '../ui'
import { NotStored } from './files'
import { SpanPanel } from './span'
import { TraceLogs } from './tracelogs'
import { Kept } from './usage'

const rowHeight = 32
const overscan = 12
const ticks = [0, 0.25, 0.5, 0.75]

interface Row {
  span: WaterfallSpan
  index: number
}

/** The rows that are not inside a closed one. */
function openRows(spans: WaterfallSpan[], closed: Set<string>): Row[] {
  const rows: Row[] = []
  for (let i = 0; i < spans.length; i++) {
    const span = spans[i]
    if (!span) {
      break
    }
    rows.push({ span, index: i })
    if (closed.has(span.span_id)) {
      i += span.descendants ?? 0
    }
  }
  return rows
}

/** Where the text of a bar is: behind it, unless there is no room. Both are percents. */
function labelPlace(left: number, width: number): string {
  if (left + width < 80) {
    return ''
  }
  return width > 25 ? 'inside' : 'ahead'
}

function SpanRow(props: {
  row: Row
  trace: Waterfall
  top: number
  selected: boolean
  closed: boolean
  critical: boolean
  onSelect: () => void
  onToggle: () => void
}) {
  const { span } = props.row
  const total = Math.max(1, props.trace.duration_ns)
  const left = (100 * span.start_ns) / total
  const width = (100 * span.duration_ns) / total
  const parent = (span.descendants ?? 0) > 0
  const service = props.trace.services[span.service] ?? ''
  return (
    <div
      id={`span-${span.span_id}`}
      class={`row ${serviceClass(service)} ${props.selected ? 'selected' : ''} ${span.error ? 'error' : ''}`}
      role="treeitem"
      tabIndex={-1}
      aria-level={span.depth + 1}
      aria-expanded={parent ? !props.closed : undefined}
      aria-selected={props.selected}
      style={{ top: `${props.top}px` }}
      onClick={props.onSelect}
    >
      <div class="name" style={{ paddingLeft: `${8 + Math.min(span.depth, 24) * 14}px` }}>
        {parent ? (
          <span
            class="twist"
            onClick={(event) => {
              event.stopPropagation()
              props.onToggle()
            }}
          >
            <Icon name={props.closed ? 'right' : 'down'} />
          </span>
        ) : (
          <span class="twist" />
        )}
        {span.error && <Icon name="error" class="bad" />}
        <span class="title">
          <span class="hidden">
            <Text>{service}</Text>
            {span.error && ', error'}
          </span>{' '}
          <b>
            <Text>{span.name || '(no name)'}</Text>
          </b>
          {span.detail && span.detail !== span.name && (
            <small>
              <Text>{span.detail}</Text>
            </small>
          )}
        </span>
      </div>
      <div class="lane">
        <div class={`span-bar ${labelPlace(left, width)}`} style={{ left: `${left}%`, width: `${width}%` }}>
          <i class="fill" />
          <em>
            {duration(span.duration_ns)}
            {span.events ? <Icon name="event" /> : null}
            {span.links ? <Icon name="link" /> : null}
            {span.folded ? (
              <span class="badge" title="Equal calls that span_folding made one span">
                <Icon name="scissors" /> {count(span.folded.spans)} calls,{' '}
                {duration(span.folded.total_duration_ns)} in all
              </span>
            ) : null}
            {span.n_plus_one ? (
              <span class="badge warn" title="One statement is called many times below this span">
                N+1: {count(span.n_plus_one)} calls
              </span>
            ) : null}
            {span.orphan ? <span class="badge warn">no parent</span> : null}
          </em>
        </div>
        {props.critical &&
          span.critical?.map(([from, to]) => (
            <i
              key={from}
              class="critical"
              style={{ left: `${(100 * from) / total}%`, width: `${(100 * (to - from)) / total}%` }}
            />
          ))}
      </div>
    </div>
  )
}

function Tree(props: {
  trace: Waterfall
  selected: string
  critical: boolean
  onSelect: (id: string) => void
}) {
  const { trace, selected, onSelect } = props
  const [closed, setClosed] = useState<Set<string>>(new Set())
  const [view, setView] = useState({ top: 0, height: 600 })
  const scroller = useRef<HTMLDivElement>(null)
  const rows = useMemo(() => openRows(trace.spans, closed), [trace, closed])
  const at = rows.findIndex((row) => row.span.span_id === selected)

  useEffect(() => {
    const element = scroller.current
    if (!element) {
      return undefined
    }
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight })
    const resized = new ResizeObserver(measure)
    resized.observe(element)
    measure()
    return () => resized.disconnect()
  }, [])

  // A span that a link leads to, or a key, comes into sight.
  useEffect(() => {
    const element = scroller.current
    if (!element || at < 0) {
      return
    }
    const top = at * rowHeight
    if (top < element.scrollTop) {
      element.scrollTop = top
    } else if (top + rowHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = top + rowHeight - element.clientHeight
    }
  }, [at])

  const toggle = (span: WaterfallSpan, close = !closed.has(span.span_id)) => {
    if (!span.descendants) {
      return
    }
    const next = new Set(closed)
    if (close) {
      next.add(span.span_id)
    } else {
      next.delete(span.span_id)
    }
    setClosed(next)
  }

  useMoves((step) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, at + step))]
    if (row) {
      onSelect(row.span.span_id)
      scroller.current?.focus({ preventScroll: true })
    }
  })

  const key = (event: KeyboardEvent) => {
    const current = rows[at]
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 1)
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: rows.length - 1,
    }
    const to = moves[event.key]
    if (to !== undefined) {
      event.preventDefault()
      const row = rows[Math.max(0, Math.min(rows.length - 1, to))]
      if (row) {
        onSelect(row.span.span_id)
      }
    } else if (current && event.key === 'ArrowLeft') {
      event.preventDefault()
      if (current.span.descendants && !closed.has(current.span.span_id)) {
        toggle(current.span, true)
      } else {
        const parent = rows.slice(0, at).findLast((row) => row.span.depth < current.span.depth)
        if (parent) {
          onSelect(parent.span.span_id)
        }
      }
    } else if (current && event.key === 'ArrowRight') {
      event.preventDefault()
      toggle(current.span, false)
    } else if (event.key === 'Escape') {
      onSelect('')
    }
  }

  const first = Math.max(0, Math.floor(view.top / rowHeight) - overscan)
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / rowHeight) + overscan)
  return (
    <div class="waterfall card">
      <div class="ruler" aria-hidden="true">
        <div class="name">Service and operation</div>
        <div class="lane">
          {ticks.map((tick) => (
            <span key={tick} style={{ left: `${tick * 100}%` }}>
              {duration(Math.round(trace.duration_ns * tick))}
            </span>
          ))}
        </div>
      </div>
      <div
        class="rows"
        ref={scroller}
        role="tree"
        aria-label={`${plural(trace.spans.length, 'span')} of the trace`}
        aria-activedescendant={at >= first && at < last ? `span-${selected}` : undefined}
        tabIndex={0}
        onKeyDown={key}
        onScroll={(event) =>
          setView({ top: event.currentTarget.scrollTop, height: event.currentTarget.clientHeight })
        }
      >
        <div class="space" role="presentation" style={{ height: `${rows.length * rowHeight}px` }}>
          {rows.slice(first, last).map((row, i) => (
            <SpanRow
              key={row.span.span_id}
              row={row}
              trace={trace}
              top={(first + i) * rowHeight}
              selected={row.span.span_id === selected}
              closed={closed.has(row.span.span_id)}
              critical={props.critical}
              onSelect={() => {
                onSelect(row.span.span_id)
                scroller.current?.focus({ preventScroll: true })
              }}
              onToggle={() => toggle(row.span)}
            />
          ))}
        </div>
      </div>
    </div>
  )
}

/** One trace: its waterfall, and a panel with all that is known about one span. */
export function Trace({ id, file }: { id: string; file?: string }) {
  const place = file === undefined ? 'traces' : `files/${file}`
  const path = `/api/v1/${file === undefined ? '' : `files/${file}/`}traces/${encodeURIComponent(id)}`
  const live = useLive<Waterfall>(`${path}/waterfall`, 'traces', 'logs')
  const critical = route.value.query.get('critical') !== 'off'
  const selected = route.value.query.get('span') ?? ''
  const trace = live.data
  const back = (
    <a class="back" href={file === undefined ? linkBack('traces') : link(place)}>
      {file === undefined ? 'Trace Explorer' : 'Traces of the file'}
    </a>
  )
  if (!trace) {
    return (
      <section class="view">
        {back}
        {live.status === 404 ? (
          <Empty title="This trace is not here" alone>
            <p>
              {file === undefined
                ? 'It has not arrived, or it was evicted.'
                : 'The file is no longer open: open it again.'}
            </p>
            <p>
              <code>{visible(id)}</code>
            </p>
          </Empty>
        ) : live.error ? (
          <Failed message={live.error} retry={live.reload} />
        ) : (
          <Loading what="the trace" />
        )}
      </section>
    )
  }
  const select = (span: string) => setQuery({ span })
  return (
    <section class={`view trace ${selected ? 'with-panel' : ''}`} aria-labelledby="title">
      <div class="trace-main">
        <div class="head">
          <div>
            {back}
            <h1 id="title">
              <Text>{trace.root_operation || '(no name)'}</Text>
            </h1>
            <p class="id">
              <Service name={trace.root_service} />
              <code>{trace.trace_id}</code>
              <Copy text={trace.trace_id} label="Copy id" />
              <a class="button small" href={`${path}/otlp`} download={`trace-${trace.trace_id}.json`}>
                <Icon name="download" /> Download JSON
              </a>
              {file !== undefined && <NotStored />}
            </p>
          </div>
          <dl class="stats">
            <Stat label="Start">{time(trace.start_time)}</Stat>
            <Stat label="Duration">{duration(trace.duration_ns)}</Stat>
            <Stat label="Spans">{count(trace.spans.length)}</Stat>
            <Stat label="Errors" bad={trace.errors > 0}>
              {count(trace.errors)}
            </Stat>
            {trace.reason && (
              <Stat label="Kept because">
                <Kept reason={trace.reason} standsFor={trace.stands_for} />
              </Stat>
            )}
          </dl>
        </div>
        <div class="legend">
          {trace.services.map((service) => (
            <Service key={service} name={service} />
          ))}
          <label class="toggle">
            <input
              type="checkbox"
              checked={critical}
              onChange={(event) => setQuery({ critical: event.currentTarget.checked ? '' : 'off' })}
            />
            <i class="key critical" /> Critical path
          </label>
        </div>
        {trace.missing_parents > 0 && (
          <p class="note warn">
            <Icon name="error" />
            <span>
              {trace.missing_parents === 1
                ? 'The parent of one span is'
                : `The parents of ${trace.missing_parents} spans are`}{' '}
              not here: in transit, or never sent. <a href={link('check')}>Check</a> says what to do.
            </span>
          </p>
        )}
        <Tree trace={trace} selected={selected} critical={critical} onSelect={select} />
        {trace.logs > 0 && <TraceLogs id={trace.trace_id} />}
      </div>
      {selected && (
        <SpanPanel
          path={path}
          place={place}
          span={selected}
          start={trace.start_time}
          onClose={() => select('')}
        />
      )}
    </section>
  )
}
