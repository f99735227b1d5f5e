// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { useEffect, useErrorBoundary, useRef } from 'preact/hooks'
import { request, type SpanPlace } from './api'
import { KeyboardHelp } from './keys'
import { connected, paused } from './live'
import { go, link, linkBack, route } from './route'
import { nextTheme, theme } from './theme'
import { Empty, Failed, Icon, type IconName } from './ui'
import { Check } from './views/check'
import { Deliveries } from './views/deliveries'
import { Explorer } from './views/explorer'
import { FileDrop, OpenedTraces } from './views/files'
import { Services } from './views/services'
import { SQL } from './views/sql'
import { StatementView } from './views/statement'
import { Telemetry } from './views/telemetry'
import { Topology } from './views/topology'
import { Trace } from './views/trace'
import { UsageView } from './views/usage'

const views: { path: string; title: string; short: string; icon: IconName }[] = [
  { path: 'traces', title: 'Trace Explorer', short: 'Traces', icon: 'traces' },
  { path: 'services', title: 'Services', short: 'Services', icon: 'services' },
  { path: 'sql', title: 'SQL', short: 'SQL', icon: 'sql' },
  { path: 'topology', title: 'Topology', short: 'Topology', icon: 'topology' },
  { path: 'check', title: 'Check', short: 'Check', icon: 'check' },
  { path: 'metrics', title: 'Metrics and logs', short: 'Metrics', icon: 'metrics' },
  { path: 'usage', title: 'Usage', short: 'Usage', icon: 'usage' },
  { path: 'deliveries', title: 'Deliveries', short: 'Deliveries', icon: 'deliveries' },
]

/** Goes to what a text is the id of, or searches for it. */
async function search(text: string): Promise<void> {
  // As a traceparent header, with dashes, or alone.
  const lower = text.toLowerCase()
  const trace = /^[0-9a-f]{2}-([0-9a-f]{32})-/.exec(lower)?.[1] ?? lower.replaceAll('-', '')
  if (/^[0-9a-f]{32}$/.test(trace)) {
    go(link(`traces/${trace}`))
    return
  }
  if (/^[0-9a-f]{16}$/.test(lower)) {
    try {
      const found = await request<SpanPlace>(`/api/v1/spans/${lower}`)
      go(link(`traces/${found.trace_id}`, { span: found.span_id }))
      return
    } catch {
      // It is no span here, but an attribute may contain it.
    }
  }
  go(link('traces', { text }))
}

function Search() {
  const submit = (event: Event) => {
    event.preventDefault()
    const form = event.target as HTMLFormElement
    const text = String(new FormData(form).get('text') ?? '').trim()
    if (text) {
      form.reset()
      void search(text)
    }
  }
  return (
    <form class="search" role="search" onSubmit={submit}>
      <Icon name="search" />
      <input
        name="text"
        type="search"
        aria-label="Search"
        placeholder="Trace id, span id, SQL_ID or text"
        autocomplete="off"
        spellcheck={false}
        onKeyDown={(event) => event.key === 'Escape' && event.currentTarget.blur()}
      />
    </form>
  )
}

function Current() {
  const [view = 'traces', id, trace] = route.value.path
  switch (view) {
    case 'traces':
      return id ? <Trace key={id} id={id} /> : <Explorer />
    case 'files':
      return id && trace ? (
        <Trace key={`${id} ${trace}`} id={trace} file={id} />
      ) : (
        <OpenedTraces id={id ?? ''} />
      )
    case 'services':
      return <Services />
    case 'sql':
      return id ? <StatementView key={id} id={id} /> : <SQL />
    case 'topology':
      return <Topology />
    case 'check':
      return <Check />
    case 'metrics':
    case 'logs':
      return <Telemetry logs={view === 'logs'} />
    case 'usage':
      return <UsageView />
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

/** The current view, or why it fails. Without this, all views stay empty from then on. */
function Guarded() {
  const [error, reset] = useErrorBoundary((thrown) => console.error(thrown))
  return error ? (
    <Empty title="This view cannot be shown" alone>
      <Failed message={String(error)} retry={reset} />
    </Empty>
  ) : (
    <Current />
  )
}

export function App() {
  const first = route.value.path[0] ?? 'traces'
  const current = { logs: 'metrics', files: 'traces' }[first] ?? first
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
        <Search />
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
          <KeyboardHelp />
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
        <FileDrop />
        <Guarded key={current} />
      </main>
    </div>
  )
}
