// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { effect, signal } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import { APIError, type OpenedFile, request } from '../api'
import { duration, plural, time } from '../format'
import { useLive } from '../live'
import { go, link, linkBack, route } from '../route'
import { Empty, Failed, Icon, Loaded, Service, Text } from '../ui'

const problem = signal('')

effect(() => {
  if (route.value) {
    problem.value = ''
  }
})

/** Opens a file of OTLP/JSON, which the sandbox keeps beside its store. */
async function open(file: File): Promise<void> {
  problem.value = ''
  try {
    const query = new URLSearchParams({ name: file.name })
    const opened = await request<OpenedFile>(`/api/v1/files?${query}`, { method: 'POST', body: file })
    const only = opened.total === 1 ? opened.traces[0] : undefined
    go(link(only ? `files/${opened.id}/${only.trace_id}` : `files/${opened.id}`))
  } catch (error) {
    problem.value = `${file.name}: ${error instanceof APIError ? error.message : 'The sandbox does not answer.'}`
  }
}

/** A button that opens a file. */
export function OpenFile() {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button
        type="button"
        title="OTLP/JSON; you can also drop it here"
        onClick={() => input.current?.click()}
      >
        <Icon name="file" /> Open file
      </button>
      <input
        ref={input}
        type="file"
        accept=".json,.jsonl,.txt,application/json"
        hidden
        aria-label="File of traces"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0]
          event.currentTarget.value = ''
          if (file) {
            void open(file)
          }
        }}
      />
    </>
  )
}

/** Opens a file that is dropped anywhere on the page, and shows why it cannot be opened. */
export function FileDrop() {
  const [over, setOver] = useState(false)
  useEffect(() => {
    const carriesFile = (event: DragEvent) => event.dataTransfer?.types.includes('Files') ?? false
    const drag = (event: DragEvent) => {
      if (carriesFile(event)) {
        event.preventDefault()
        setOver(true)
      }
    }
    const leave = (event: DragEvent) => {
      if (!event.relatedTarget) {
        setOver(false)
      }
    }
    const drop = (event: DragEvent) => {
      if (!carriesFile(event)) {
        return
      }
      event.preventDefault()
      setOver(false)
      const file = event.dataTransfer?.files[0]
      if (file) {
        void open(file)
      }
    }
    addEventListener('dragover', drag)
    addEventListener('dragleave', leave)
    addEventListener('drop', drop)
    return () => {
      removeEventListener('dragover', drag)
      removeEventListener('dragleave', leave)
      removeEventListener('drop', drop)
    }
  }, [])
  return (
    <>
      {over && (
        <div class="drop" role="status">
          Drop a file of OTLP/JSON to look at its traces
        </div>
      )}
      {problem.value && <Failed message={problem.value} />}
    </>
  )
}

/** The traces of an opened file. */
export function OpenedTraces({ id }: { id: string }) {
  const live = useLive<OpenedFile>(`/api/v1/files/${encodeURIComponent(id)}`)
  if (live.status === 404) {
    return (
      <Empty title="This file is no longer open" alone>
        <p>
          Open it again: the sandbox keeps only the last files, until it is stopped or forgets everything.
        </p>
        <a href={linkBack('traces')}>Trace Explorer</a>
      </Empty>
    )
  }
  return (
    <section class="view" aria-labelledby="title">
      <div class="head">
        <div>
          <a class="back" href={linkBack('traces')}>
            Trace Explorer
          </a>
          <h1 id="title">
            <Text>{live.data?.name || 'Opened file'}</Text>
          </h1>
        </div>
        <NotStored />
      </div>
      <Loaded live={live} what="the file">
        {(file) => (
          <div class="card table">
            <div class="scroll" tabIndex={0} role="region" aria-label="Table of traces">
              <table>
                <caption class="hidden">Traces of the file</caption>
                <thead>
                  <tr>
                    <th scope="col">Service</th>
                    <th scope="col">Operation</th>
                    <th scope="col" class="number">
                      Duration
                    </th>
                    <th scope="col" class="number">
                      Spans
                    </th>
                    <th scope="col" class="number">
                      Errors
                    </th>
                    <th scope="col" class="number">
                      Start
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {file.traces.map((trace) => (
                    <tr key={trace.trace_id}>
                      <td>
                        <Service name={trace.root_service} />
                      </td>
                      <td>
                        <a href={link(`files/${id}/${trace.trace_id}`)}>
                          <Text>{trace.root_operation || '(no name)'}</Text>
                        </a>
                      </td>
                      <td class="number">{duration(trace.duration_ns)}</td>
                      <td class="number">{trace.spans}</td>
                      <td class={`number ${trace.errors ? 'bad-text' : ''}`}>{trace.errors}</td>
                      <td class="number">{time(trace.start_time)}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            {file.total > file.traces.length && (
              <p class="pad muted">The latest of {plural(file.total, 'trace')}.</p>
            )}
          </div>
        )}
      </Loaded>
    </section>
  )
}

/** Says that a trace is of a file. */
export function NotStored() {
  return (
    <span class="badge" title="Lists, topology and checks do not contain it">
      From a file, not stored
    </span>
  )
}
