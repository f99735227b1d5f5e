// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef } from 'preact/hooks'
import type { TraceList, TraceSummary } from '../api'
import { Histogram } from '../chart'
import { count, duration, plural, time } from '../format'
import { useMoves } from '../keys'
import { useLive } from '../live'
import { Pages, pageSize } from '../pages'
import { currentRange, RangePicker, rangeQuery, rangeText, setAllTime, setBetween } from '../range'
import { link, route, setQuery } from '../route'
import { Empty, Icon, Loaded, Service, Text } from '../ui'
import { OpenFile } from './files'
import { Filters, isFiltered, traceQuery } from './filters'
import { Kept } from './usage'

const buckets = 60

function Heading({ name, children }: { name: string; children: string }) {
  const sorted = (route.value.query.get('sort') ?? 'start') === name
  return (
    <th scope="col" aria-sort={sorted ? 'descending' : undefined} class={`number col-${name}`}>
      <button type="button" onClick={() => setQuery({ sort: name === 'start' ? '' : name, offset: '' })}>
        {children}
        {sorted && <Icon name="down" />}
      </button>
    </th>
  )
}

function Row({ trace, longest, selected }: { trace: TraceSummary; longest: number; selected: boolean }) {
  const opener = useRef<HTMLAnchorElement>(null)
  // A key moves here, or the way back from the trace leads here.
  useEffect(() => {
    if (selected && !document.activeElement?.matches('input, select')) {
      opener.current?.focus()
    }
  }, [selected])
  const others = trace.services.filter((s) => s !== trace.root_service)
  return (
    <tr class={`${trace.errors ? 'with-errors' : ''} ${selected ? 'selected' : ''}`}>
      <td class="col-service">
        <Service name={trace.root_service} />
        {others.length > 0 && (
          <span class="more" title={others.join(', ')}>
            +{others.length}
          </span>
        )}
      </td>
      <td class="col-operation">
        <a
          ref={opener}
          class="row-link"
          href={link(`traces/${trace.trace_id}`)}
          onClick={() => setQuery({ row: trace.trace_id })}
        >
          <span>
            <Text>{trace.root_operation || '(no name)'}</Text>
            {trace.root_detail && trace.root_detail !== trace.root_operation && (
              <small>
                <Text>{trace.root_detail}</Text>
              </small>
            )}
            {trace.reason && (
              <small>
                Kept: <Kept reason={trace.reason} standsFor={trace.stands_for} />
              </small>
            )}
          </span>
        </a>
      </td>
      <td class="number col-duration">
        <span class="meter">
          <i style={{ width: `${Math.max(1, (100 * trace.duration_ns) / longest)}%` }} />
        </span>
        <b>{duration(trace.duration_ns)}</b>
      </td>
      <td class="number col-spans">
        {count(trace.spans)} <span class="unit">{trace.spans === 1 ? 'span' : 'spans'}</span>
      </td>
      <td class="number col-errors">
        {trace.errors > 0 ? (
          <span class="badge bad">{plural(trace.errors, 'error')}</span>
        ) : (
          <span class="muted">–</span>
        )}
      </td>
      <td class="number col-start">
        <time dateTime={trace.start_time} title={new Date(trace.start_time).toLocaleString()}>
          {time(trace.start_time)}
        </time>
      </td>
    </tr>
  )
}

function Table({ list }: { list: TraceList }) {
  const offset = Number(route.value.query.get('offset') ?? 0)
  const longest = Math.max(1, ...list.traces.map((t) => t.duration_ns))
  const selected = route.value.query.get('row') ?? ''
  useMoves((step) => {
    const at = list.traces.findIndex((t) => t.trace_id === selected)
    const next = list.traces[at < 0 ? 0 : at + step]
    if (next) {
      setQuery({ row: next.trace_id })
    }
  })
  return (
    <>
      <div class="scroll">
        <table class="traces">
          <caption class="hidden">Traces</caption>
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th scope="col">Operation</th>
              <Heading name="duration">Duration</Heading>
              <Heading name="spans">Spans</Heading>
              <Heading name="errors">Errors</Heading>
              <Heading name="start">Start</Heading>
            </tr>
          </thead>
          <tbody>
            {list.traces.map((trace) => (
              <Row
                key={trace.trace_id}
                trace={trace}
                longest={longest}
                selected={trace.trace_id === selected}
              />
            ))}
          </tbody>
        </table>
      </div>
      <Pages offset={offset} shown={list.traces.length} total={list.total} previous="Newer" next="Older" />
    </>
  )
}

/** What an app needs to know to send its first span here. */
function FirstSteps() {
  return (
    <Empty title="No traces yet">
      <p>
        Send spans to the collector, where every OpenTelemetry SDK sends by default. The list fills by itself.
      </p>
      <dl class="ports">
        <div>
          <dt>HTTP</dt>
          <dd>
            <code>http://localhost:4318</code>
          </dd>
        </div>
        <div>
          <dt>gRPC</dt>
          <dd>
            <code>localhost:4317</code>
          </dd>
        </div>
      </dl>
      <p>
        No traces? <a href={link('deliveries')}>Deliveries</a> shows every upload, including rejected ones.
      </p>
    </Empty>
  )
}

function Outside({ traces }: { traces: number }) {
  return (
    <Empty title={'last' in currentRange() ? `No traces in ${rangeText()}` : 'No traces in the chosen time'}>
      <p>{plural(traces, 'trace')} outside of this time.</p>
      <p>
        <button type="button" onClick={setAllTime}>
          Show all time
        </button>
      </p>
    </Empty>
  )
}

/** The list of traces. */
export function Explorer() {
  const query = traceQuery()
  for (const [name, value] of Object.entries(rangeQuery())) {
    query.set(name, value)
  }
  query.set('limit', String(pageSize))
  query.set('buckets', String(buckets))
  const live = useLive<TraceList>(`/api/v1/traces?${query}`, 'traces')
  const filtered = isFiltered()
  return (
    <section class="view" aria-labelledby="title">
      <div class="head">
        <h1 id="title">Trace Explorer</h1>
        {live.data && (
          <p class="muted" aria-live="polite">
            {plural(live.data.total, 'trace')}
            {filtered && ' found'}
          </p>
        )}
        <OpenFile />
        <RangePicker />
      </div>
      <Filters />
      <Loaded live={live} what="traces">
        {(list) =>
          list.total === 0 ? (
            list.outside ? (
              <Outside traces={list.outside} />
            ) : filtered ? (
              <Empty title="No trace matches">
                <p>Remove some of the filters above.</p>
              </Empty>
            ) : (
              <FirstSteps />
            )
          ) : (
            <>
              {list.histogram && (
                <figure class="card histogram">
                  <figcaption>
                    <span>
                      <i class="key bar" /> traces
                    </span>
                    <span>
                      <i class="key bad" /> with errors
                    </span>
                    <span class="hint">Drag to choose a time</span>
                  </figcaption>
                  <Histogram histogram={list.histogram} onSelect={setBetween} />
                </figure>
              )}
              <div class="card table">
                <Table list={list} />
              </div>
            </>
          )
        }
      </Loaded>
    </section>
  )
}
