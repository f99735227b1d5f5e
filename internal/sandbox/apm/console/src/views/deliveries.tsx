// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { useState } from 'preact/hooks'
import { APIError, type Counts, type Fault, type FaultState, request, type Upload } from '../api'
import { bytes, count, plural, time } from '../format'
import { useLive } from '../live'
import { RangePicker, rangeQuery } from '../range'
import { Empty, Failed, Icon, Loaded, Stat, Text } from '../ui'

const shownUploads = 200

// Failures of APM or of the network, and how the collector reacts.
const presets: { id: string; title: string; says: string; fault: Fault }[] = [
  {
    id: 'down',
    title: 'APM is down',
    says: 'Connections are closed without an answer. The collector retains its data and retries.',
    fault: { down: true },
  },
  {
    id: '503',
    title: 'Unavailable, 503',
    says: 'With Retry-After: 5. The collector waits for that time, then retries.',
    fault: { status: 503, retry_after: '5', message: 'switched on in the console' },
  },
  {
    id: '429',
    title: 'Too many requests, 429',
    says: 'With Retry-After: 5. Retained and retried.',
    fault: { status: 429, retry_after: '5', message: 'switched on in the console' },
  },
  {
    id: '401',
    title: 'Key rejected, 401',
    says: 'As after a rotation. Retained and retried until the key is accepted.',
    fault: { status: 401, message: 'switched on in the console' },
  },
  {
    id: '413',
    title: 'Too large, 413',
    says: 'The collector halves the upload until it fits.',
    fault: { status: 413, message: 'switched on in the console' },
  },
  {
    id: '400',
    title: 'Rejected permanently, 400',
    says: 'The only one that loses data, since a retry would not help. Dropped, counted, logged.',
    fault: { status: 400, message: 'switched on in the console' },
  },
  {
    id: 'slow',
    title: 'Slow, 3 s',
    says: 'Every answer is late. The queue absorbs the delay.',
    fault: { delay: '3s' },
  },
  {
    id: 'reset',
    title: 'Connection reset',
    says: 'Stored, but the answer is cut off: the upload is retried, and its spans count as duplicates.',
    fault: { reset: true },
  },
  {
    id: 'partial',
    title: 'Partial success',
    says: 'The first item of each upload is rejected. Counted and logged, not retried.',
    fault: { partial_success: { rejected: 1, message: 'switched on in the console' } },
  },
]

// The order of fields does not matter to JSON, and Go has its own.
function fingerprint(fault: Fault): string {
  const { signal: _, ...rest } = fault
  return JSON.stringify(Object.entries(rest).sort(([a], [b]) => a.localeCompare(b)))
}

function FaultSwitches() {
  const live = useLive<{ faults: FaultState[] }>('/api/v1/faults', 'faults')
  const [problem, setProblem] = useState('')
  const change = async (preset: (typeof presets)[number], set: FaultState | undefined) => {
    setProblem('')
    try {
      if (set) {
        await request(`/api/v1/faults/${set.id}`, { method: 'DELETE' })
      } else {
        await request('/api/v1/faults', { method: 'POST', body: JSON.stringify(preset.fault) })
      }
    } catch (error) {
      setProblem(error instanceof APIError ? error.message : 'The sandbox does not answer.')
    }
    live.reload()
  }
  return (
    <section class="card faults" aria-labelledby="faults">
      <header>
        <h2 id="faults">Faults on demand</h2>
        <p class="muted">
          Switch one on, make traffic, and watch the collector queue and retry. Switch it off, and watch it
          recover.
        </p>
      </header>
      {problem && <Failed message={problem} />}
      <Loaded live={live} what="faults">
        {({ faults }) => {
          const known = new Set(presets.map((p) => fingerprint(p.fault)))
          const others = faults.filter(
            (f) => f.fault.times || f.fault.signal || !known.has(fingerprint(f.fault)),
          )
          return (
            <>
              <ul class="switches">
                {presets.map((preset) => {
                  const set = faults.find(
                    (f) => !others.includes(f) && fingerprint(f.fault) === fingerprint(preset.fault),
                  )
                  return (
                    <li key={preset.id} class={set ? 'on' : ''}>
                      <button
                        type="button"
                        role="switch"
                        aria-checked={set !== undefined}
                        aria-describedby={`says-${preset.id}`}
                        onClick={() => void change(preset, set)}
                      >
                        <i />
                        <b>{preset.title}</b>
                        {set && <small>{plural(set.applied, 'upload')} affected</small>}
                      </button>
                      <p id={`says-${preset.id}`}>{preset.says}</p>
                    </li>
                  )
                })}
              </ul>
              {others.length > 0 && (
                <ul class="other-faults" aria-label="Faults set over the API">
                  {others.map((f) => (
                    <li key={f.id}>
                      <code>
                        <Text>{JSON.stringify(f.fault)}</Text>
                      </code>{' '}
                      <button
                        type="button"
                        class="small"
                        onClick={() =>
                          void request(`/api/v1/faults/${f.id}`, { method: 'DELETE' })
                            .catch(() => undefined) // it may have been used up
                            .then(live.reload)
                        }
                      >
                        Switch off
                      </button>
                    </li>
                  ))}
                </ul>
              )}
            </>
          )
        }}
      </Loaded>
    </section>
  )
}

function Forget({ onDone }: { onDone: () => void }) {
  const [asked, setAsked] = useState(false)
  if (!asked) {
    return (
      <button type="button" onClick={() => setAsked(true)}>
        Forget everything…
      </button>
    )
  }
  return (
    <span class="sure" role="group" aria-label="Forget everything">
      <button
        type="button"
        class="danger"
        onClick={() => {
          setAsked(false)
          void request('/api/v1/store', { method: 'DELETE' })
            .catch(() => undefined) // the banner of a lost connection says it
            .then(onDone)
        }}
      >
        Forget all spans, metrics and logs
      </button>
      <button type="button" onClick={() => setAsked(false)}>
        Keep
      </button>
    </span>
  )
}

function Totals() {
  const live = useLive<Counts>('/api/v1/counts', 'uploads', 'traces', 'metrics', 'logs')
  const counts = live.data
  if (!counts) {
    return null
  }
  return (
    <div class="totals">
      <dl class="stats">
        <Stat label="Uploads accepted">{count(counts.uploads.accepted)}</Stat>
        <Stat label="Rejected" bad={counts.uploads.rejected > 0}>
          {count(counts.uploads.rejected)}
        </Stat>
        <Stat label="Spans stored">{count(counts.spans.stored)}</Stat>
        <Stat label="Duplicates">{count(counts.spans.duplicates)}</Stat>
        <Stat label="Evicted">{count(counts.spans.evicted)}</Stat>
        <Stat label="Memory for spans">{bytes(counts.spans.bytes_in_store)}</Stat>
      </dl>
      <Forget onDone={live.reload} />
    </div>
  )
}

function statusText(upload: Upload): string {
  return upload.status === 0 ? 'no answer' : String(upload.status)
}

function Row({ upload }: { upload: Upload }) {
  const good = upload.status >= 200 && upload.status < 300
  const tone = good ? (upload.rejected > 0 ? 'warn' : 'good') : 'bad'
  return (
    <tr>
      <td>
        <time dateTime={upload.time}>{time(upload.time)}</time>
      </td>
      <td>
        <span class={`badge ${tone}`}>{statusText(upload)}</span>
      </td>
      <td>{upload.signal || '–'}</td>
      <td class="path">
        <Text>{upload.path}</Text>
        {upload.error && (
          <p class="bad-text">
            <Text>{upload.error}</Text>
          </p>
        )}
      </td>
      <td class="number">
        {count(upload.items)}
        {upload.rejected > 0 && <p class="bad-text">{count(upload.rejected)} rejected</p>}
        {upload.duplicates > 0 && <p>{plural(upload.duplicates, 'duplicate')}</p>}
      </td>
      <td class="number" title={`${bytes(upload.bytes_decompressed)} unpacked`}>
        {bytes(upload.bytes)}
      </td>
      <td>{upload.key}</td>
    </tr>
  )
}

function Uploads() {
  const query = new URLSearchParams({ limit: String(shownUploads), ...rangeQuery() })
  const live = useLive<{ uploads: Upload[] }>(`/api/v1/uploads?${query}`, 'uploads')
  return (
    <Loaded live={live} what="uploads">
      {({ uploads }) =>
        uploads.length === 0 ? (
          <Empty title="No uploads yet">
            <p>
              The collector uploads here as it would to an APM domain. It sends an empty upload when it
              starts, to see whether host, path and key are right.
            </p>
          </Empty>
        ) : (
          <section class="card table" aria-labelledby="uploads">
            <h2 id="uploads">
              Uploads <small>the latest {count(uploads.length)}</small>
            </h2>
            <div class="scroll" tabIndex={0} role="region" aria-label="Table of uploads">
              <table class="uploads">
                <thead>
                  <tr>
                    <th scope="col">Time</th>
                    <th scope="col">Status</th>
                    <th scope="col">Signal</th>
                    <th scope="col">Path</th>
                    <th scope="col" class="number">
                      Items
                    </th>
                    <th scope="col" class="number">
                      Size
                    </th>
                    <th scope="col">Key</th>
                  </tr>
                </thead>
                <tbody>
                  {uploads.map((upload) => (
                    <Row key={upload.time} upload={upload} />
                  ))}
                </tbody>
              </table>
            </div>
          </section>
        )
      }
    </Loaded>
  )
}

/** The uploads that the endpoint received, and its answers. */
export function Deliveries() {
  return (
    <section class="view" aria-labelledby="title">
      <div class="head">
        <h1 id="title">Deliveries</h1>
        <p class="muted">
          <Icon name="deliveries" /> Uploads received
        </p>
        <RangePicker />
      </div>
      <Totals />
      <FaultSwitches />
      <Uploads />
    </section>
  )
}
