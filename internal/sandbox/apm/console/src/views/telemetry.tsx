// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { Colored } from '../ansi'
import type { LogRecord, MetricSeries, SeriesList } from '../api'
import { Trend } from '../chart'
import { compact, count, plural, time, value, visible } from '../format'
import { services, useLive } from '../live'
import { RangePicker, rangeQuery } from '../range'
import { linkBack, link, route, setQuery } from '../route'
import { Empty, Loaded, Service, Text, Value } from '../ui'
import { Field } from './filters'

const shownSeries = 60
const shownLogs = 200

/** A unit as a person writes it: UCUM has annotations in braces, and 1 for none. */
function unit(text: string): string {
  const plain = text.replace(/\{[^}]*\}/g, '')
  return plain === '1' ? '' : plain === 'By' ? 'B' : plain
}

function Metric({ series }: { series: MetricSeries }) {
  const last = series.points.at(-1)
  const attributes = Object.entries(series.attributes)
  const latest = last?.value == null ? 'no value' : `${compact(last.value)} ${unit(series.unit)}`.trim()
  const mean = last?.count !== undefined
  return (
    <article class="card metric">
      <header>
        <Service name={series.service} />
        <span class="badge">{series.type}</span>
      </header>
      <h3>
        <Text>{series.name}</Text>
      </h3>
      {attributes.length > 0 && (
        <ul class="chips">
          {attributes.slice(0, 6).map(([name, v]) => (
            <li key={name}>
              <Text>{`${name}=${value(v)}`.slice(0, 120)}</Text>
            </li>
          ))}
        </ul>
      )}
      <p class="latest">
        {latest}
        {mean && <small> mean of {count(last.count ?? 0)}</small>}
      </p>
      <Trend
        series={series}
        label={visible(`${series.name}: latest ${latest}, ${plural(series.points.length, 'point')}`)}
      />
    </article>
  )
}

function ServiceField() {
  return (
    <Field name="service" label="Service" placeholder="All" suggestions={services.value.map((s) => s.name)} />
  )
}

function parameter(name: string): string {
  return route.value.query.get(name) ?? ''
}

function Metrics() {
  const service = parameter('service')
  const text = parameter('text')
  const query = new URLSearchParams({ limit: String(shownSeries), service, text, ...rangeQuery() })
  const live = useLive<SeriesList>(`/api/v1/metrics/series?${query}`, 'metrics')
  return (
    <>
      <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        <ServiceField />
        <Field class="wide" name="text" label="Name" placeholder="Part of a metric's name" />
      </form>
      <Loaded live={live} what="metrics">
        {(list) =>
          list.series.length === 0 ? (
            service || text ? (
              <Empty title="No metric matches" />
            ) : (
              <Empty title="No metrics yet">
                <p>
                  SDKs send them to the same port as spans; most need <code>OTEL_METRICS_EXPORTER=otlp</code>.
                </p>
              </Empty>
            )
          ) : (
            <>
              {list.total > list.series.length && (
                <p class="muted">
                  The first {count(list.series.length)} of {count(list.total)} series; a filter shows others.
                </p>
              )}
              <div class="metrics">
                {list.series.map((series) => (
                  <Metric
                    key={`${series.service} ${series.name} ${JSON.stringify(series.attributes)}`}
                    series={series}
                  />
                ))}
              </div>
            </>
          )
        }
      </Loaded>
    </>
  )
}

function level(record: LogRecord): string {
  if (record.severity_number >= 17) {
    return 'bad'
  }
  return record.severity_number >= 13 ? 'warn' : ''
}

function Log({ record }: { record: LogRecord }) {
  const attributes = Object.entries(record.attributes)
  return (
    <li class={`log ${level(record)}`}>
      <time dateTime={record.time}>
        {time(new Date(record.time).getTime() > 0 ? record.time : record.received_time)}
      </time>
      <span class={`badge ${level(record)}`}>
        <Text>{record.severity}</Text>
      </span>
      <Service name={record.service} />
      <div class="body">
        <Value render={Colored}>{value(record.body)}</Value>
        {attributes.length > 0 && (
          <details>
            <summary>{plural(attributes.length, 'attribute')}</summary>
            <dl>
              {attributes.map(([name, v]) => (
                <div key={name}>
                  <dt>
                    <Text>{name}</Text>
                  </dt>
                  <dd>
                    <Value>{value(v)}</Value>
                  </dd>
                </div>
              ))}
            </dl>
          </details>
        )}
      </div>
      {record.trace_id && (
        <a href={link(`traces/${record.trace_id}`, record.span_id ? { span: record.span_id } : {})}>Trace</a>
      )}
    </li>
  )
}

function Logs() {
  const service = parameter('service')
  const text = parameter('text')
  const severity = parameter('severity')
  const query = new URLSearchParams({ limit: String(shownLogs), service, text, severity, ...rangeQuery() })
  const live = useLive<{ logs: LogRecord[] }>(`/api/v1/logs?${query}`, 'logs')
  return (
    <>
      <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
        <ServiceField />
        <label class="field">
          <span>Severity</span>
          <select value={severity} onChange={(event) => setQuery({ severity: event.currentTarget.value })}>
            <option value="">Any</option>
            <option value="9">Info and above</option>
            <option value="13">Warnings and above</option>
            <option value="17">Errors and above</option>
          </select>
        </label>
        <Field class="wide" name="text" label="Text" placeholder="Part of a message" />
      </form>
      <Loaded live={live} what="logs">
        {({ logs }) =>
          logs.length === 0 ? (
            service || text || severity ? (
              <Empty title="No log record matches" />
            ) : (
              <Empty title="No logs yet">
                <p>
                  Log records that come over OTLP show here, with a way to the trace that they belong to. Many
                  SDKs need <code>OTEL_LOGS_EXPORTER=otlp</code>.
                </p>
              </Empty>
            )
          ) : (
            <ul class="card logs" aria-label="Log records">
              {logs.map((record, i) => (
                <Log key={i} record={record} />
              ))}
            </ul>
          )
        }
      </Loaded>
    </>
  )
}

/** The metrics and logs that were received. */
export function Telemetry({ logs }: { logs: boolean }) {
  return (
    <section class="view" aria-labelledby="title">
      <div class="head">
        <h1 id="title">Metrics and logs</h1>
        <nav class="segments" aria-label="Metrics or logs">
          <a href={linkBack('metrics')} aria-current={logs ? undefined : 'page'}>
            Metrics
          </a>
          <a href={linkBack('logs')} aria-current={logs ? 'page' : undefined}>
            Logs
          </a>
        </nav>
        <RangePicker />
      </div>
      {logs ? <Logs /> : <Metrics />}
    </section>
  )
}
