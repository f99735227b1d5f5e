// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { count, duration, plural, rate } from '../format'
import { useLive } from '../live'
import { RangePicker, rangeQuery, rangeText } from '../range'
import { link, route, setQuery } from '../route'
import { FilterChip, SortHeading } from '../sorting'
import type { RequestList, RequestStats } from '../statements'
import { Errors, Loaded, Service, Text, useRows } from '../ui'
import { REDTables } from './red'
import { NoneInRange } from './sql'

const limit = 200

function Headings({ name, children }: { name: string; children: string }) {
  return (
    <SortHeading name={name} initial="requests" text={name === 'name'}>
      {children}
    </SortHeading>
  )
}

function Numbers({ stats, window }: { stats: RequestStats; window: number }) {
  const none = stats.requests === 0
  const time = (ns: number) => (none ? '–' : duration(ns))
  return (
    <>
      <td class="number">{count(stats.requests)}</td>
      <td class="number">{none ? '–' : rate(stats.requests, window)}</td>
      <td class={`number ${stats.errors ? 'bad-text' : ''}`}>
        {none ? '–' : <Errors errors={stats.errors} calls={stats.requests} />}
      </td>
      <td class="number">{time(stats.p50_ns)}</td>
      <td class="number">{time(stats.p95_ns)}</td>
      <td class="number">{time(stats.p99_ns)}</td>
    </>
  )
}

function NumberHeadings() {
  return (
    <>
      <Headings name="requests">Requests</Headings>
      <th scope="col" class="number">
        Rate
      </th>
      <Headings name="errors">Errors</Headings>
      <Headings name="p50">p50</Headings>
      <Headings name="p95">p95</Headings>
      <Headings name="p99">p99</Headings>
    </>
  )
}

function ServiceTable({ list, chosen }: { list: RequestList; chosen: string }) {
  const rows = useRows(list.services)
  return (
    <section class="card table" aria-labelledby="by-service">
      <h2 id="by-service">By service</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of services">
        <table class="requests">
          <thead>
            <tr>
              <Headings name="name">Service</Headings>
              <NumberHeadings />
              <th scope="col">Look at</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((service) => (
              <tr key={service.name} class={service.name === chosen ? 'chosen' : ''}>
                <td>
                  <button
                    type="button"
                    class="choose"
                    aria-pressed={service.name === chosen}
                    title="Show only its operations below"
                    onClick={() => setQuery({ service: service.name === chosen ? '' : service.name }, false)}
                  >
                    <Service name={service.name} />
                  </button>
                </td>
                <Numbers stats={service.stats} window={list.window_ns} />
                <td class="links">
                  <a href={link('traces', { service: service.name })}>Traces</a>{' '}
                  <a href={link('sql', { service: service.name })}>SQL</a>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function OperationTable({ list }: { list: RequestList }) {
  const rows = useRows(list.operations)
  return (
    <section class="card table" aria-labelledby="by-operation">
      <h2 id="by-operation">
        By operation{' '}
        {list.operations.length < list.total && (
          <small>
            the first {count(list.operations.length)} of {count(list.total)}
          </small>
        )}
      </h2>
      {list.operations.length === 0 ? (
        <p class="muted pad">
          No requests. A request is a SERVER or CONSUMER span, or the span that begins a trace.
        </p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of operations">
          <table class="requests">
            <thead>
              <tr>
                <Headings name="name">Operation</Headings>
                <NumberHeadings />
                <th scope="col">Look at</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((operation) => (
                <tr key={`${operation.service}\n${operation.name}\n${operation.kind}`}>
                  <td class="col-name">
                    <Text>{operation.name || '(no name)'}</Text>
                    <p class="tags">
                      <Service name={operation.service} /> {operation.kind.toLowerCase()}
                    </p>
                  </td>
                  <Numbers stats={operation.stats} window={list.window_ns} />
                  <td class="links">
                    <a href={link('traces', { service: operation.service, operation: operation.name })}>
                      Traces
                    </a>{' '}
                    <a
                      href={link(`traces/${operation.slowest.trace_id}`, { span: operation.slowest.span_id })}
                      aria-label={`Slowest trace, ${duration(operation.slowest.duration_ns)}`}
                    >
                      Slowest
                    </a>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

/** The requests of services and of their operations. */
export function Services() {
  const query = route.value.query
  const chosen = query.get('service') ?? ''
  const wanted = new URLSearchParams({ ...rangeQuery(), limit: String(limit) })
  for (const name of ['service', 'sort', 'order']) {
    const value = query.get(name)
    if (value) {
      wanted.set(name, value)
    }
  }
  const live = useLive<RequestList>(`/api/v1/requests?${wanted}`, 'traces')
  return (
    <section class="view" aria-labelledby="title">
      <div class="head">
        <h1 id="title">Services</h1>
        {live.data && live.data.services.length > 0 && (
          <p class="muted" aria-live="polite">
            {plural(live.data.services.length, 'service')}, rates over {rangeText()}
          </p>
        )}
        <RangePicker />
      </div>
      <Loaded live={live} what="services">
        {(list) =>
          list.services.length === 0 ? (
            <NoneInRange title="No services" />
          ) : (
            <>
              <ServiceTable list={list} chosen={chosen} />
              <div>
                <FilterChip name="service" label="Operations of" />
              </div>
              <OperationTable list={list} />
            </>
          )
        }
      </Loaded>
      <REDTables />
    </section>
  )
}
