// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { Trend } from '../chart'
import { count, duration, percent, plural, time, visible } from '../format'
import { useLive } from '../live'
import { RangePicker, rangeQuery } from '../range'
import { link } from '../route'
import type { CallCount, StatementDetail } from '../statements'
import { Copy, Icon, Loaded, Service, Stat, Text, Value } from '../ui'
import { Colored } from './span'
import { NoneInRange, NPlusOne, statementFilters, tracesOf } from './sql'

function WholeText({ detail }: { detail: StatementDetail }) {
  const { statement } = detail
  return (
    <section class="card whole" aria-labelledby="text">
      <h2 id="text">Statement {statement.text && <Copy text={statement.text} label="Copy the text" />}</h2>
      {statement.text ? (
        <div class="sql" tabIndex={0} role="region" aria-label="SQL statement">
          <Value render={Colored}>{statement.text}</Value>
        </div>
      ) : (
        <p>
          <Text>{statement.name || '(no statement)'}</Text>{' '}
          <span class="muted">The spans have no SQL, only this name.</span>
        </p>
      )}
      {statement.literals && (
        <p class="muted">Literals are shown as ?, and comments are left out. The spans have them.</p>
      )}
      {statement.sql_id && (
        <div class="sql-id">
          <p>
            <b>SQL_ID</b> <code>{statement.sql_id}</code> <Copy text={statement.sql_id} label="Copy SQL_ID" />
          </p>
          <p>
            In the database: <code>SELECT * FROM v$sql WHERE sql_id = '{statement.sql_id}'</code>
          </p>
        </div>
      )}
      {detail.same_text.length > 0 && (
        <div class="same-text">
          <h3>The same text has {plural(detail.same_text.length + 1, 'SQL_ID')}</h3>
          <p class="muted">
            They differ only in literals or comments, and the database parses each on its own. Bind variables
            would make them one.
          </p>
          <ul class="chips">
            {detail.same_text.slice(0, 12).map((other) => (
              <li key={other.name}>
                <a href={link(`sql/${other.name}`, statementFilters())}>{other.name}</a> {count(other.calls)}
              </li>
            ))}
          </ul>
        </div>
      )}
    </section>
  )
}

function Series({ detail }: { detail: StatementDetail }) {
  const { from, bucket_ns, buckets } = detail.series
  const at = (i: number) => new Date(Date.parse(from) + (i * bucket_ns) / 1e6).toISOString()
  const series = (name: string, unit: string, points: { time: string; value: number | null }[]) => ({
    service: '',
    name,
    unit,
    type: 'Gauge',
    attributes: {},
    points,
  })
  const calls = buckets.map((b, i) => ({ time: at(i), value: b.calls }))
  const means = buckets.flatMap((b, i) =>
    b.calls ? [{ time: at(i), value: b.total_ns / b.calls / 1e6 }] : [],
  )
  return (
    <div class="metrics">
      <figure class="card metric">
        <figcaption>Calls in {duration(bucket_ns)}</figcaption>
        <Trend
          key={JSON.stringify(calls)}
          series={series('calls', '', calls)}
          label={`Calls over time, at most ${count(Math.max(...buckets.map((b) => b.calls)))} in ${duration(bucket_ns)}`}
        />
      </figure>
      <figure class="card metric">
        <figcaption>Mean duration in ms</figcaption>
        <Trend
          key={JSON.stringify(means)}
          series={series('mean', 'ms', means)}
          label={`Mean duration over time, at most ${duration(Math.max(...means.map((m) => m.value)) * 1e6)}`}
        />
      </figure>
    </div>
  )
}

function Slowest({ detail }: { detail: StatementDetail }) {
  return (
    <section class="card table" aria-labelledby="slowest">
      <h2 id="slowest">
        Slowest traces <a href={tracesOf(detail.statement)}>All traces with it</a>
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of the slowest traces">
        <table>
          <thead>
            <tr>
              <th scope="col">Request</th>
              <th scope="col">Called by</th>
              <th scope="col" class="number">
                Duration
              </th>
              <th scope="col" class="number">
                Start
              </th>
            </tr>
          </thead>
          <tbody>
            {detail.slowest.map((call) => (
              <tr key={call.trace_id}>
                <td>
                  <a href={link(`traces/${call.trace_id}`, { span: call.span_id })}>
                    <Text>{call.operation || '(no name)'}</Text>
                  </a>
                </td>
                <td>
                  <Service name={call.service} />
                </td>
                <td class="number">
                  {call.error && <span class="badge bad">error</span>} {duration(call.duration_ns)}
                </td>
                <td class="number">{time(call.start_time)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function Callers({ detail }: { detail: StatementDetail }) {
  return (
    <section class="card table" aria-labelledby="callers">
      <h2 id="callers">Requests that call it</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of requests">
        <table>
          <thead>
            <tr>
              <th scope="col">Service</th>
              <th scope="col">Request</th>
              <th scope="col" class="number">
                Requests
              </th>
              <th scope="col" class="number">
                Calls
              </th>
              <th scope="col" class="number">
                Calls a request
              </th>
              <th scope="col" class="number">
                Total time
              </th>
            </tr>
          </thead>
          <tbody>
            {detail.callers.map((caller) => (
              <tr key={`${caller.service}\n${caller.operation}`}>
                <td>
                  <Service name={caller.service} />
                </td>
                <td>
                  <Text>{caller.operation || '(no name)'}</Text>
                </td>
                <td class="number">{count(caller.traces)}</td>
                <td class="number">{count(caller.calls)}</td>
                <td class="number">{Number((caller.calls / caller.traces).toPrecision(3))}</td>
                <td class="number">{duration(caller.total_ns)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

function Where({ title, counts, calls }: { title: string; counts: CallCount[]; calls: number }) {
  return (
    <div>
      <dt>{title}</dt>
      {counts.slice(0, 10).map((c) => (
        <dd key={c.name}>
          <Text>{c.name}</Text> {counts.length > 1 && <small>{percent(c.calls, calls)}</small>}
        </dd>
      ))}
    </div>
  )
}

function Content({ detail }: { detail: StatementDetail }) {
  const { statement } = detail
  return (
    <>
      <dl class="stats">
        <Stat label="Total time">{duration(statement.total_ns)}</Stat>
        <Stat label="Calls">{count(statement.calls)}</Stat>
        <Stat label="Mean">{duration(statement.mean_ns)}</Stat>
        <Stat label="p95">{duration(statement.p95_ns)}</Stat>
        <Stat label="Slowest">{duration(statement.max_ns)}</Stat>
        <Stat label="Errors" bad={statement.errors > 0}>
          {count(statement.errors)}
        </Stat>
      </dl>
      <WholeText detail={detail} />
      <dl class="where">
        <Where
          title="System"
          counts={[{ name: statement.system, calls: statement.calls }]}
          calls={statement.calls}
        />
        <Where title="Databases" counts={detail.databases} calls={statement.calls} />
        <Where title="Services" counts={detail.services} calls={statement.calls} />
      </dl>
      <NPlusOne repetitions={detail.n_plus_one} own />
      <Series detail={detail} />
      <Slowest detail={detail} />
      <Callers detail={detail} />
    </>
  )
}

/** Everything about the calls of one statement. */
export function StatementView({ id }: { id: string }) {
  const filters = statementFilters()
  const live = useLive<StatementDetail>(
    `/api/v1/statements/${encodeURIComponent(id)}?${new URLSearchParams({ ...filters, ...rangeQuery() })}`,
    'traces',
  )
  return (
    <section class="view" aria-labelledby="title">
      <div class="head">
        <h1 id="title">
          <a href={link('sql', filters)}>SQL</a> <Icon name="right" /> <code>{visible(id)}</code>
        </h1>
        {Object.keys(filters).length > 0 && (
          <p class="muted">
            Calls of <Text>{Object.values(filters).join(', ')}</Text> only
          </p>
        )}
        <RangePicker />
      </div>
      {live.status === 404 ? (
        <NoneInRange title="No call of this statement" />
      ) : (
        <Loaded live={live} what="the statement">
          {(detail) => <Content detail={detail} />}
        </Loaded>
      )}
    </section>
  )
}
