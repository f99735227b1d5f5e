// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import type { REDMetrics, REDRow } from '../api'
import { count, duration, plural } from '../format'
import { useLive } from '../live'
import { rangeQuery } from '../range'
import { Errors, Service, Text } from '../ui'

const width = 120
const height = 28

/** The calls of each point as a line, and the failed ones below it. */
function Spark({ row }: { row: REDRow }) {
  const most = Math.max(1, ...row.points.map((p) => p.calls))
  const step = width / Math.max(1, row.points.length - 1)
  const line = (of: 'calls' | 'errors') =>
    row.points
      .map((p, i) => `${(i * step).toFixed(1)},${(height - 1 - ((height - 2) * p[of]) / most).toFixed(1)}`)
      .join(' ')
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={`${plural(row.points.length, 'point')}, at most ${plural(most, 'call')} in one`}
    >
      <polyline points={line('calls')} />
      {row.errors > 0 && <polyline class="bad" points={line('errors')} />}
    </svg>
  )
}

function Table({ id, title, rows }: { id: string; title: string; rows: REDRow[] }) {
  return (
    <section class="card table" aria-labelledby={id}>
      <h2 id={id}>
        {title} <small>counted by the collector before anything was dropped</small>
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-label={title}>
        <table class="requests">
          <thead>
            <tr>
              <th scope="col">{rows[0]?.database === undefined ? 'Service' : 'Database'}</th>
              <th scope="col" class="number">
                Calls
              </th>
              <th scope="col" class="number">
                Errors
              </th>
              <th scope="col" class="number">
                p50
              </th>
              <th scope="col" class="number">
                p95
              </th>
              <th scope="col">Over time</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={`${row.service}\n${row.database}`}>
                <td class="col-name">
                  {row.database === undefined ? (
                    <Service name={row.service} />
                  ) : (
                    <>
                      <Text>{row.database}</Text>
                      <p class="tags">
                        <Service name={row.service} />
                      </p>
                    </>
                  )}
                </td>
                <td class="number">{count(row.calls)}</td>
                <td class={`number ${row.errors ? 'bad-text' : ''}`}>
                  <Errors errors={row.errors} calls={row.calls} />
                </td>
                <td class="number">{row.p50_ns ? duration(row.p50_ns) : '–'}</td>
                <td class="number">{row.p95_ns ? duration(row.p95_ns) : '–'}</td>
                <td>
                  <Spark row={row} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

/** Requests, errors and durations from the metrics of red-metrics.yaml, if there are any. */
export function REDTables() {
  const live = useLive<REDMetrics>(`/api/v1/metrics/red?${new URLSearchParams(rangeQuery())}`, 'metrics')
  const { services = [], databases = [] } = live.data ?? {}
  return (
    <>
      {services.length > 0 && <Table id="red-services" title="Requests by metrics" rows={services} />}
      {databases.length > 0 && (
        <Table id="red-databases" title="Database calls by metrics" rows={databases} />
      )}
    </>
  )
}
