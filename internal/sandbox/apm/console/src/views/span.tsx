// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef } from 'preact/hooks'
import type { AttributeOrigins, Attributes, Origin, Span, SpanDetail } from '../api'
import { drilldowns } from '../drilldown'
import { duration, plural, since, value, visible } from '../format'
import { useLive } from '../live'
import { link, route, setQuery } from '../route'
import { tokens } from '../sql'
import { Copy, Icon, Loaded, Service, Stat, Text, Value } from '../ui'

// Where an Oracle SQL_ID may be: APM's own name first.
const sqlIDNames = ['DbOracleSqlId', 'oracle.db.query.sql.id', 'SQL ID', 'db.odp.sql_id']
const statementNames = ['db.statement', 'db.query.text', 'DbStatement']

function first(attributes: Attributes, names: string[]): string {
  for (const name of names) {
    const found = attributes[name]
    if (typeof found === 'string' && found) {
      return found
    }
  }
  return ''
}

/** A statement in colors. */
export function Colored(text: string) {
  return (
    <>
      {tokens(text).map((token, i) =>
        token.kind ? (
          <span key={i} class={`sql-${token.kind}`}>
            {visible(token.text)}
          </span>
        ) : (
          visible(token.text)
        ),
      )}
    </>
  )
}

function Drilldowns({ span, id }: { span: Span; id: string }) {
  return (
    <details class="drilldowns">
      <summary>Drill-downs of APM, filled with this span</summary>
      {drilldowns(span, id).map(({ name, url, missing }) => (
        <div key={name}>
          <p>
            <b>{name}</b> <Copy text={url} />
          </p>
          <p>
            <code>{visible(url)}</code>
          </p>
          {missing.length > 0 && (
            <p class="muted">
              The span does not have {missing.join(', ')}
              {missing.includes('OciRegion') && (
                <>
                  : on OCI, <code>oci-resource.yaml</code> adds region and compartment
                </>
              )}
              .
            </p>
          )}
        </div>
      ))}
    </details>
  )
}

function Statement({ span }: { span: Span }) {
  const statement = first(span.attributes, statementNames)
  const id = first(span.attributes, sqlIDNames)
  if (!statement && !id) {
    return null
  }
  return (
    <section aria-labelledby="statement">
      <h3 id="statement">
        Statement <Copy text={statement} />
      </h3>
      {statement && (
        <div class="sql" tabIndex={0} role="region" aria-label="SQL statement">
          <Value render={Colored}>{statement}</Value>
        </div>
      )}
      {id && (
        <div class="sql-id">
          <p>
            <b>SQL_ID</b> <code>{visible(id)}</code> <Copy text={id} />
          </p>
          <p>
            Oracle Database's own key of this statement. APM reads it as <code>DbOracleSqlId</code> and leads
            from the span to the statement in Performance Hub and Operations Insights. In the database:{' '}
            <code>SELECT * FROM v$sql WHERE sql_id = '{visible(id)}'</code>
          </p>
          <Drilldowns span={span} id={id} />
        </div>
      )}
    </section>
  )
}

function OriginMark({ name, origins }: { name: string; origins: AttributeOrigins | undefined }) {
  if (!origins) {
    return null
  }
  if (origins.added.includes(name)) {
    return (
      <span class="origin collector" title="The app did not send it">
        <Icon name="collector" /> collector
      </span>
    )
  }
  if (Object.hasOwn(origins.changed, name)) {
    return (
      <span class="origin collector" title="The app sent another value">
        <Icon name="collector" /> changed
      </span>
    )
  }
  return (
    <span class="origin" title="As the app sent it">
      <Icon name="app" /> app
    </span>
  )
}

function AttributeTable(props: {
  attributes: Attributes
  origins?: AttributeOrigins | undefined
  caption: string
  filter?: string
}) {
  const filter = (props.filter ?? '').toLowerCase()
  const names = Object.keys(props.attributes)
    .sort((a, b) => a.localeCompare(b))
    .filter((name) =>
      `${name} ${value(props.attributes[name]).slice(0, 10_000)}`.toLowerCase().includes(filter),
    )
  const removed = Object.entries(props.origins?.removed ?? {})
  if (names.length === 0 && removed.length === 0) {
    return <p class="muted">{filter ? 'None matches.' : 'None.'}</p>
  }
  return (
    <table class="attributes">
      <caption class="hidden">{props.caption}</caption>
      <thead class="hidden">
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Value</th>
          {props.origins && <th scope="col">From</th>}
        </tr>
      </thead>
      <tbody>
        {names.map((name) => {
          const changed = props.origins?.changed ?? {}
          const before = Object.hasOwn(changed, name) ? changed[name] : undefined
          return (
            <tr key={name}>
              <th scope="row">
                <Text>{name}</Text>
              </th>
              <td>
                <Value>{value(props.attributes[name])}</Value>
                {before !== undefined && (
                  <p class="before">
                    sent as <Value>{value(before)}</Value>
                  </p>
                )}
              </td>
              {props.origins && (
                <td>
                  <OriginMark name={name} origins={props.origins} />
                </td>
              )}
            </tr>
          )
        })}
        {removed.map(([name, before]) => (
          <tr key={`removed ${name}`} class="removed">
            <th scope="row">
              <Text>{name}</Text>
            </th>
            <td>
              <Value>{value(before)}</Value>
            </td>
            <td>
              <span class="origin collector">removed</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function OriginNote({ origin }: { origin: Origin | null }) {
  if (!origin) {
    return (
      <p class="origin-note">
        Not known which of these the collector added: it does not repeat to the sandbox what the app sent.{' '}
        <code>make run</code> makes it do so, with <code>scripts/originals.yaml</code>.
      </p>
    )
  }
  const added = origin.attributes.added.length + origin.resource.added.length
  return (
    <p class="origin-note">
      <span class="origin">
        <Icon name="app" /> app
      </span>{' '}
      sent by the app{' '}
      <span class="origin collector">
        <Icon name="collector" /> collector
      </span>{' '}
      {plural(added, 'attribute')} added by the collector
    </p>
  )
}

function Details({ detail, start, place }: { detail: SpanDetail; start: string; place: string }) {
  const { span, origin } = detail
  const filter = route.value.query.get('find') ?? ''
  const offset = since(start, span.start_time)
  return (
    <>
      <dl class="stats">
        <Stat label="Duration">{duration(span.duration_ns)}</Stat>
        <Stat label="Starts at">+{duration(offset)}</Stat>
        <Stat label="Kind">{span.kind}</Stat>
        <Stat label="Status" bad={span.status.code === 'ERROR'}>
          {span.status.code}
        </Stat>
      </dl>
      {span.status.message && (
        <p class="note bad">
          <Icon name="error" /> <Text>{span.status.message}</Text>
        </p>
      )}
      <Statement span={span} />
      <section aria-labelledby="attributes">
        <h3 id="attributes">Attributes</h3>
        <input
          class="filter"
          value={filter}
          aria-label="Filter attributes"
          placeholder="Filter attributes"
          onInput={(event) => setQuery({ find: event.currentTarget.value })}
        />
        <AttributeTable
          attributes={span.attributes}
          origins={origin?.attributes}
          caption="Attributes"
          filter={filter}
        />
        {place === 'traces' && <OriginNote origin={origin} />}
      </section>
      {span.events.length > 0 && (
        <section aria-labelledby="events">
          <h3 id="events">Events</h3>
          {span.events.map((event, i) => (
            <details key={i} open={i < 3}>
              <summary>
                <Icon name="event" /> <Text>{event.name || '(no name)'}</Text>{' '}
                <small>{duration(since(span.start_time, event.time))}</small>
              </summary>
              <AttributeTable
                attributes={event.attributes}
                caption={`Attributes of the event ${event.name}`}
              />
            </details>
          ))}
        </section>
      )}
      {span.links.length > 0 && (
        <section aria-labelledby="links">
          <h3 id="links">Links</h3>
          <p class="muted">APM does not show links.</p>
          {span.links.map((l, i) => (
            <div key={i}>
              <a href={link(`${place}/${l.trace_id}`, { span: l.span_id })}>
                <Icon name="link" /> <code>{l.trace_id}</code>
              </a>
              <AttributeTable attributes={l.attributes} caption="Attributes of the link" />
            </div>
          ))}
        </section>
      )}
      <section aria-labelledby="resource">
        <h3 id="resource">Resource</h3>
        <AttributeTable
          attributes={span.resource}
          origins={origin?.resource}
          caption="Resource"
          filter={filter}
        />
      </section>
      <section aria-labelledby="identity">
        <h3 id="identity">Identity</h3>
        <AttributeTable caption="Identity" attributes={identity(span, origin)} />
      </section>
    </>
  )
}

function identity(span: Span, origin: Origin | null): Attributes {
  const shown: Attributes = { 'span id': span.span_id, start: span.start_time, end: span.end_time }
  if (span.parent_span_id) {
    shown['parent span id'] = span.parent_span_id
  }
  if (span.scope.name) {
    shown['instrumentation scope'] = `${span.scope.name} ${span.scope.version}`.trim()
  }
  if (origin?.name !== undefined) {
    shown['name as the app sent it'] = origin.name
  }
  return shown
}

/** All that is known about one span. */
export function SpanPanel(props: {
  /** Of the trace in the API. */
  path: string
  /** Of its traces on the page. */
  place: string
  span: string
  start: string
  onClose: () => void
}) {
  const live = useLive<SpanDetail>(`${props.path}/spans/${encodeURIComponent(props.span)}`, 'traces')
  const panel = useRef<HTMLElement>(null)
  const shown = useRef('')
  useEffect(() => {
    if (shown.current !== props.span) {
      shown.current = props.span
      panel.current?.scrollTo(0, 0)
    }
  }, [props.span])
  return (
    <aside
      class="panel"
      ref={panel}
      aria-label="Span"
      tabIndex={0}
      onKeyDown={(event) => event.key === 'Escape' && props.onClose()}
    >
      <div class="panel-head">
        <h2>
          <Text>{live.data?.span.name || 'Span'}</Text>
          {live.data && <Service name={live.data.span.service} />}
        </h2>
        <button type="button" class="quiet" aria-label="Close the panel" onClick={props.onClose}>
          <Icon name="close" />
        </button>
      </div>
      <Loaded live={live} what="the span">
        {(detail) => (
          <Details key={detail.span.span_id} detail={detail} start={props.start} place={props.place} />
        )}
      </Loaded>
    </aside>
  )
}
