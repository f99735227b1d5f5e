// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { Colored } from '../ansi'
import type { LogRecord } from '../api'
import { time, value } from '../format'
import { useLive } from '../live'
import { setQuery } from '../route'
import { Text } from '../ui'

/** The log records of a trace. */
export function TraceLogs({ id }: { id: string }) {
  const live = useLive<{ logs: LogRecord[] }>(`/api/v1/logs?limit=100&trace_id=${id}`, 'logs')
  if (!live.data?.logs.length) {
    return null
  }
  return (
    <section class="card trace-logs" aria-labelledby="trace-logs">
      <h2 id="trace-logs">Logs of this trace</h2>
      <ul>
        {live.data.logs.toReversed().map((record) => (
          <li key={record.time + record.span_id + value(record.body)}>
            <time dateTime={record.time}>{time(record.time)}</time>
            <span class={`badge ${record.severity_number >= 17 ? 'bad' : ''}`}>
              <Text>{record.severity}</Text>
            </span>
            <button type="button" class="plain" onClick={() => setQuery({ span: record.span_id })}>
              {Colored(value(record.body).slice(0, 2000))}
            </button>
          </li>
        ))}
      </ul>
    </section>
  )
}
