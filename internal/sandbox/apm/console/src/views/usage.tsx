// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { useState } from 'preact/hooks'
import { APIError, request, type Usage } from '../api'
import { compact, count, percent, plural, visible } from '../format'
import { useLive } from '../live'
import { Empty, Failed, Loaded, Stat } from '../ui'

// What an Always Free domain accepts in an hour, by Oracle's FAQ.
const alwaysFree = 1000

// A map, since a reason comes from outside and may be the name of a property of objects.
const reasons = new Map([
  ['error', 'it has an error'],
  ['slow', 'it is slow'],
  ['ordinary', 'by chance'],
])

function why(reason: string): string {
  return reasons.get(reason) ?? visible(reason)
}

/** Why a budget kept a trace, and how many traces it stands for. */
export function Kept({ reason, standsFor = 1 }: { reason: string; standsFor?: number | undefined }) {
  return (
    <span class="kept">
      {why(reason)}
      {standsFor > 1 && (
        <span title="An estimate: one of so many traces of its kind was kept">
          {' '}
          · ≈ 1 of {compact(standsFor)}
        </span>
      )}
    </span>
  )
}

const hourFormat = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
})

function units(spans: number, unit: number): string {
  return (spans / unit).toLocaleString('en-US', { maximumFractionDigits: 3 })
}

function Quota({ usage, onDone }: { usage: Usage; onDone: () => void }) {
  const [problem, setProblem] = useState('')
  const set = usage.limit > 0
  const limit = set ? usage.limit : alwaysFree
  const change = async () => {
    setProblem('')
    try {
      const body = JSON.stringify({ spans_per_hour: set ? 0 : alwaysFree })
      await request('/api/v1/quota', { method: 'PUT', body })
    } catch (error) {
      setProblem(error instanceof APIError ? error.message : 'The sandbox does not answer.')
    }
    onDone()
  }
  return (
    <section class="card faults" aria-labelledby="quota">
      <header>
        <h2 id="quota">Quota</h2>
      </header>
      {problem && <Failed message={problem} />}
      <ul class="switches">
        <li class={set ? 'on' : ''}>
          <button
            type="button"
            role="switch"
            aria-checked={set}
            aria-describedby="says-quota"
            onClick={() => void change()}
          >
            <i />
            <b>{limit === alwaysFree ? 'Always Free' : 'Quota'}</b>
          </button>
          <p id="says-quota">
            {count(limit)} spans in a clock hour. More are answered with 429 until the next hour, which is an
            assumption: what the real service does is not known.
          </p>
        </li>
      </ul>
    </section>
  )
}

function Sampled({ usage }: { usage: Usage }) {
  const { kept, roots, estimated, reasons: by } = usage.sampling
  if (kept === 0) {
    return null
  }
  return (
    <section class="card" aria-labelledby="sampled">
      <h2 id="sampled">Sampled traces</h2>
      <dl class="stats pad">
        <Stat label="Stored">{count(kept)}</Stat>
        <Stat label="Stand for, estimated">≈ {compact(Math.round(estimated))}</Stat>
        <Stat label="Share kept, estimated">≈ {percent(roots, estimated)}</Stat>
        {Object.entries(by)
          .sort(([a], [b]) => a.localeCompare(b))
          .map(([reason, traces]) => (
            <Stat key={reason} label={`Kept: ${why(reason)}`}>
              {count(traces)}
            </Stat>
          ))}
      </dl>
    </section>
  )
}

function Hours({ usage }: { usage: Usage }) {
  const most = Math.max(1, usage.limit, ...usage.hours.map((h) => h.spans))
  return (
    <section class="card table" aria-labelledby="hours">
      <h2 id="hours">
        Spans by clock hour <small>in UTC, by the time of arrival</small>
      </h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of hours">
        <table>
          <thead>
            <tr>
              <th scope="col">Hour</th>
              <th scope="col" class="number">
                Spans
              </th>
              <th scope="col" class="number">
                Units of {count(usage.unit_spans)}
              </th>
              <th scope="col" class="number">
                Refused
              </th>
            </tr>
          </thead>
          <tbody>
            {usage.hours.map((hour) => (
              <tr key={hour.start}>
                <td>
                  <time dateTime={hour.start}>{hourFormat.format(new Date(hour.start))}</time>
                </td>
                <td class="number">
                  <span class="meter">
                    <i style={{ width: `${(100 * hour.spans) / most}%` }} />
                  </span>
                  {count(hour.spans)}
                </td>
                <td class="number">{units(hour.spans, usage.unit_spans)}</td>
                <td class={`number ${hour.refused ? 'bad-text' : ''}`}>{count(hour.refused ?? 0)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

/** The spans by clock hour, as OCI APM bills them, and what sampled traces stand for. */
export function UsageView() {
  const live = useLive<Usage>('/api/v1/usage', 'uploads', 'traces')
  return (
    <section class="view" aria-labelledby="title">
      <div class="head">
        <h1 id="title">Usage</h1>
        {live.data?.hours[0] && (
          <p class="muted" aria-live="polite">
            {plural(live.data.hours[0].spans, 'span')} in the latest hour
            {live.data.limit > 0 && ` of ${count(live.data.limit)}`}
          </p>
        )}
      </div>
      <Loaded live={live} what="usage">
        {(usage) => (
          <>
            {usage.hours.length === 0 ? (
              <Empty title="No spans yet">
                <p>OCI APM bills spans by the clock hour. This page counts them in the same way.</p>
              </Empty>
            ) : (
              <Hours usage={usage} />
            )}
            <Sampled usage={usage} />
            <Quota usage={usage} onDone={live.reload} />
          </>
        )}
      </Loaded>
    </section>
  )
}
