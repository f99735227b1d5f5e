// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { compact, count, duration, percent, plural, visible } from '../format'
import { useLive } from '../live'
import { Pages, pageSize } from '../pages'
import { currentRange, RangePicker, rangeQuery, rangeText, setAllTime } from '../range'
import { link, route, setQuery } from '../route'
import { SortHeading } from '../sorting'
import type { CallCount, Repetition, Statement, StatementList, StatementText } from '../statements'
import { Empty, Icon, Loaded, Stat, Text, useRows } from '../ui'
import { Field } from './filters'
import { Colored } from './span'

// More values of one kind are in a list to choose from.
const maxChips = 6
// More of them are folded.
const maxShown = 3

const kinds = ['service', 'system', 'database'] as const

/** The filters of the page's address, for the API and for links between the views of statements. */
export function statementFilters(): Record<string, string> {
  const query = route.value.query
  return Object.fromEntries(kinds.map((kind) => [kind, query.get(kind) ?? '']).filter(([, value]) => value))
}

/** The address of the traces that call a statement, as the Trace Explorer filters them. */
export function tracesOf(statement: StatementText): string {
  const service = statementFilters().service
  return link('traces', {
    ...(statement.sql_id ? { attribute: `DbOracleSqlId=${statement.sql_id}` } : { statement: statement.id }),
    ...(service && { service }),
  })
}

/** A statement's text in colors, or the operation of a call without one. */
export function StatementLine({ statement }: { statement: StatementText }) {
  return statement.text ? (
    <code class="sql-line">{Colored(statement.text)}</code>
  ) : (
    <Text>{statement.name || '(no statement)'}</Text>
  )
}

function Facet(props: { kind: string; label: string; values: CallCount[] }) {
  const chosen = route.value.query.get(props.kind) ?? ''
  const choose = (value: string) => setQuery({ [props.kind]: value, offset: '' }, false)
  if (props.values.length < 2 && !chosen) {
    return null
  }
  const values =
    chosen && !props.values.some((v) => v.name === chosen)
      ? [...props.values, { name: chosen, calls: 0 }]
      : props.values
  if (values.length > maxChips) {
    return (
      <label class="field">
        <span>{props.label}</span>
        <select value={chosen} onChange={(event) => choose(event.currentTarget.value)}>
          <option value="">All</option>
          {values.map((v) => (
            <option key={v.name} value={v.name}>
              {visible(v.name)}
            </option>
          ))}
        </select>
      </label>
    )
  }
  return (
    <div class="field">
      <span>{props.label}</span>
      <div class="facet" role="group" aria-label={props.label}>
        {values.map((v) => (
          <button
            key={v.name}
            type="button"
            class="chip"
            aria-pressed={v.name === chosen}
            onClick={() => choose(v.name === chosen ? '' : v.name)}
          >
            <Text>{v.name}</Text> <small>{compact(v.calls)}</small>
          </button>
        ))}
      </div>
    </div>
  )
}

function Row({ statement, list }: { statement: Statement; list: StatementList }) {
  const slow = statement.slowest
  return (
    <tr class={statement.errors ? 'with-errors' : ''}>
      <td class="col-statement">
        <a class="row-link" href={link(`sql/${encodeURIComponent(statement.id)}`, statementFilters())}>
          <StatementLine statement={statement} />
        </a>
        <p class="tags">
          {statement.sql_id && <code title="SQL_ID">{statement.sql_id}</code>}
          <span>
            <Text>{statement.databases.slice(0, 2).join(', ')}</Text>
            {statement.databases.length > 2 && ` +${statement.databases.length - 2}`}
          </span>
          {statement.n_plus_one && (
            <span class="badge warn" title="The most calls below one parent">
              N+1: {count(statement.n_plus_one)} calls
            </span>
          )}
          {statement.same_text && (
            <span class="badge warn" title="They differ only in literals: use bind variables">
              {plural(statement.same_text + 1, 'SQL_ID')} for one text
            </span>
          )}
        </p>
      </td>
      <td class="number">
        <span class="meter" aria-hidden="true">
          <i style={{ width: `${Math.max(1, (100 * statement.total_ns) / Math.max(1, list.total_ns))}%` }} />
        </span>
        <b>{duration(statement.total_ns)}</b>
        <small class="share">{percent(statement.total_ns, list.total_ns)}</small>
      </td>
      <td class="number">
        {count(statement.calls)}
        {statement.estimated_calls && (
          <small class="share" title="An estimate of the calls before sampling">
            ≈ {compact(Math.round(statement.estimated_calls))}
          </small>
        )}
      </td>
      <td class="number">{duration(statement.mean_ns)}</td>
      <td class="number">{duration(statement.p95_ns)}</td>
      <td class="number">
        <a
          href={link(`traces/${slow.trace_id}`, { span: slow.span_id })}
          aria-label={`Slowest trace, ${duration(statement.max_ns)}`}
        >
          {duration(statement.max_ns)}
        </a>
      </td>
      <td class={`number ${statement.errors ? 'bad-text' : 'muted'}`}>
        {statement.errors ? count(statement.errors) : '–'}
      </td>
      <td class="number">
        <a
          href={tracesOf(statement)}
          aria-label={`All traces with ${visible(statement.sql_id ?? statement.id)}`}
        >
          All
        </a>
      </td>
    </tr>
  )
}

function Table({ list }: { list: StatementList }) {
  const offset = Number(route.value.query.get('offset') ?? 0)
  const rows = useRows(list.statements)
  const heading = (name: string, text: string) => (
    <SortHeading name={name} initial="total" text={name === 'text'}>
      {text}
    </SortHeading>
  )
  return (
    <div class="card table">
      <div class="scroll" tabIndex={0} role="region" aria-label="Table of statements">
        <table class="statements">
          <caption class="hidden">Statements</caption>
          <thead>
            <tr>
              {heading('text', 'Statement')}
              {heading('total', 'Total time')}
              {heading('calls', 'Calls')}
              {heading('mean', 'Mean')}
              {heading('p95', 'p95')}
              {heading('max', 'Slowest')}
              {heading('errors', 'Errors')}
              <th scope="col" class="number">
                Traces
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((statement) => (
              <Row key={statement.id} statement={statement} list={list} />
            ))}
          </tbody>
        </table>
      </div>
      {list.total > pageSize && (
        <Pages
          offset={offset}
          shown={list.statements.length}
          total={list.total}
          previous="Previous"
          next="Next"
        />
      )}
    </div>
  )
}

function Repeated({ repetition: r, own }: { repetition: Repetition; own: boolean }) {
  return (
    <li>
      <p>
        <b>
          <Text>{r.operation || '(no name)'}</Text>
        </b>{' '}
        of <Text>{r.service}</Text> calls {own ? 'it' : 'one statement'} up to {plural(r.most, 'time')}
        {r.parents > 1 && <> ({plural(r.parents, 'request')} like this)</>}: {plural(r.calls, 'call')},{' '}
        {duration(r.total_ns)} in total.{' '}
        <a href={link(`traces/${r.trace_id}`, { span: r.span_id })}>Look at the trace</a>
      </p>
      {!own && (
        <a href={link(`sql/${encodeURIComponent(r.id)}`, statementFilters())}>
          <StatementLine statement={r} />
        </a>
      )}
    </li>
  )
}

/** The statements that are called many times below one parent. */
export function NPlusOne({ repetitions, own = false }: { repetitions: Repetition[]; own?: boolean }) {
  if (repetitions.length === 0) {
    return null
  }
  const items = (some: Repetition[]) => (
    <ul>
      {some.map((r) => (
        <Repeated key={`${r.id} ${r.service} ${r.operation}`} repetition={r} own={own} />
      ))}
    </ul>
  )
  return (
    <section class="card repeated" aria-labelledby="n-plus-one">
      <h2>
        <Icon name="error" class="warn-text" />{' '}
        <span id="n-plus-one">N+1: the same statement many times below one parent</span>
      </h2>
      <p class="muted">
        Usually a loop that reads one row at a time. One statement with a join or an IN list, or fetching in
        batches, saves the round trips.
      </p>
      {items(repetitions.slice(0, maxShown))}
      {repetitions.length > maxShown && (
        <details>
          <summary>{plural(repetitions.length - maxShown, 'more', 'more')}</summary>
          {items(repetitions.slice(maxShown))}
        </details>
      )}
    </section>
  )
}

/** What is shown instead of statements if there are none in the time range. */
export function NoneInRange({ title, children }: { title: string; children?: string }) {
  const range = currentRange()
  const all = 'last' in range && range.last === 'all'
  return (
    <Empty title={all ? title : `${title} in ${'last' in range ? rangeText() : 'the chosen time'}`}>
      {children && <p>{children}</p>}
      {!all && (
        <p>
          <button type="button" onClick={setAllTime}>
            Show all time
          </button>
        </p>
      )}
    </Empty>
  )
}

/** The statements that services call, by the time they take. */
export function SQL() {
  const query = route.value.query
  const wanted = new URLSearchParams({ ...statementFilters(), ...rangeQuery(), limit: String(pageSize) })
  for (const name of ['text', 'sort', 'order', 'offset']) {
    const value = query.get(name)
    if (value) {
      wanted.set(name, value)
    }
  }
  const live = useLive<StatementList>(`/api/v1/statements?${wanted}`, 'traces')
  const filtered = Object.keys(statementFilters()).length > 0 || query.has('text')
  return (
    <section class="view" aria-labelledby="title">
      <div class="head">
        <h1 id="title">SQL</h1>
        {live.data && (
          <p class="muted" aria-live="polite">
            {plural(live.data.total, 'statement')}
            {filtered && ' found'}
          </p>
        )}
        <RangePicker />
      </div>
      <Loaded live={live} what="statements">
        {(list) =>
          list.systems.length === 0 && !filtered ? (
            <NoneInRange title="No calls of databases">
              Every CLIENT span of a database is counted here, with or without a statement.
            </NoneInRange>
          ) : (
            <>
              <form class="filters" aria-label="Filters" onSubmit={(event) => event.preventDefault()}>
                <Facet kind="service" label="Service" values={list.services} />
                <Facet kind="system" label="System" values={list.systems} />
                <Facet kind="database" label="Database" values={list.databases} />
                <Field
                  class="wide"
                  name="text"
                  label="Statement or SQL_ID"
                  placeholder="A part of the text"
                />
                {filtered && (
                  <button
                    type="button"
                    class="quiet clear"
                    onClick={() =>
                      setQuery({ service: '', system: '', database: '', text: '', offset: '' }, false)
                    }
                  >
                    <Icon name="close" /> Clear
                  </button>
                )}
              </form>
              {list.total === 0 ? (
                <Empty title="No statement matches">
                  <p>Remove some of the filters above, or choose more time.</p>
                </Empty>
              ) : (
                <>
                  <dl class="stats">
                    <Stat label="Total time">{duration(list.total_ns)}</Stat>
                    <Stat label="Calls">{count(list.calls)}</Stat>
                    <Stat label="Errors" bad={list.errors > 0}>
                      {count(list.errors)}
                    </Stat>
                  </dl>
                  <NPlusOne repetitions={list.n_plus_one} />
                  <Table list={list} />
                </>
              )}
            </>
          )
        }
      </Loaded>
    </section>
  )
}
