// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef, useState } from 'preact/hooks'
import { connected, paused } from './live'
import { go, link, linkBack, route } from './route'
import { nextTheme, theme } from './theme'
import { Empty, Icon, type IconName } from './ui'
import { Check } from './views/check'
import { Deliveries } from './views/deliveries'
import { Explorer } from './views/explorer'
import { Telemetry } from './views/telemetry'
import { Topology } from './views/topology'
import { Trace } from './views/trace'

const views: { path: string; title: string; short: string; icon: IconName }[] = [
  { path: 'traces', title: 'Trace Explorer', short: 'Traces', icon: 'traces' },
  { path: 'topology', title: 'Topology', short: 'Topology', icon: 'topology' },
  { path: 'check', title: 'Check', short: 'Check', icon: 'check' },
  { path: 'metrics', title: 'Metrics and logs', short: 'Metrics', icon: 'metrics' },
  { path: 'deliveries', title: 'Deliveries', short: 'Deliveries', icon: 'deliveries' },
]

function TraceSearch() {
  const [problem, setProblem] = useState('')
  const at = route.value
  useEffect(() => setProblem(''), [at])
  const submit = (event: Event) => {
    event.preventDefault()
    const form = event.target as HTMLFormElement
    // As a traceparent header, with dashes, or alone.
    const text = String(new FormData(form).get('trace') ?? '')
      .trim()
      .toLowerCase()
    const id = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(text)?.[1] ?? text.replaceAll('-', '')
    if (!/^[0-9a-f]{32}$/.test(id)) {
      setProblem('A trace id is 32 hexadecimal digits.')
      return
    }
    setProblem('')
    form.reset()
    go(link(`traces/${id}`))
  }
  return (
    <form class="search" onSubmit={submit}>
      <Icon name="search" />
      <input
        name="trace"
        aria-label="Trace id"
        placeholder="Go to trace id"
        autocomplete="off"
        spellcheck={false}
        aria-invalid={problem !== ''}
        aria-describedby="search-problem"
        onInput={() => setProblem('')}
      />
      <span id="search-problem" class="problem" aria-live="polite">
        {problem}
      </span>
    </form>
  )
}

function Current() {
  const [view = 'traces', id] = route.value.path
  switch (view) {
    case 'traces':
      return id ? <Trace key={id} id={id} /> : <Explorer />
    case 'topology':
      return <Topology />
    case 'check':
      return <Check />
    case 'metrics':
    case 'logs':
      return <Telemetry logs={view === 'logs'} />
    case 'deliveries':
      return <Deliveries />
    default:
      return (
        <Empty title="There is no such view" alone>
          <a href={link('traces')}>Go to the Trace Explorer</a>
        </Empty>
      )
  }
}

export function App() {
  const first = route.value.path[0] ?? 'traces'
  const current = first === 'logs' ? 'metrics' : first
  const title = views.find((v) => v.path === current)?.title ?? 'Not found'
  const main = useRef<HTMLElement>(null)
  const shown = useRef(current)
  useEffect(() => {
    document.title = `${title} · OCI APM sandbox`
    // Who goes to another view by keyboard goes on reading there.
    if (shown.current !== current) {
      shown.current = current
      main.current?.focus({ preventScroll: true })
      scrollTo(0, 0)
    }
  }, [current, title])

  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href={link('traces')}>
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="7" />
            <path d="M7 10h11M11 16h12M15 22h10" />
          </svg>
          <span>
            <b>apmsandbox</b>
            <small>a local OCI APM</small>
          </span>
        </a>
        <TraceSearch />
        <div class="tools">
          <button
            type="button"
            class={`live ${paused.value ? 'paused' : ''}`}
            aria-pressed={paused.value}
            aria-label="Pause live updates"
            title={paused.value ? 'Updates are paused' : 'The page updates automatically'}
            onClick={() => {
              paused.value = !paused.value
            }}
          >
            <Icon name={paused.value ? 'play' : 'pause'} />
            <span>{paused.value ? 'Paused' : 'Live'}</span>
          </button>
          <button
            type="button"
            class="quiet"
            aria-label={`Colors: ${theme.value}`}
            title={`Colors: ${theme.value}`}
            onClick={nextTheme}
          >
            <Icon name={theme.value} />
          </button>
        </div>
      </header>
      <nav class="views" aria-label="Views">
        {views.map((v) => (
          <a key={v.path} href={linkBack(v.path)} aria-current={v.path === current ? 'page' : undefined}>
            <Icon name={v.icon} />
            <span class="long">{v.title}</span>
            <span class="short">{v.short}</span>
          </a>
        ))}
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        {!connected.value && (
          <p class="lost" role="alert">
            <Icon name="error" /> The sandbox does not answer. What you see is from before; the page goes on
            when it is back.
          </p>
        )}
        <Current />
      </main>
    </div>
  )
}
