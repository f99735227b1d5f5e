// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { useEffect } from 'preact/hooks'
import type { Check as Result, ServiceChecks } from '../api'
import { plural } from '../format'
import { paused, useLive } from '../live'
import { RangePicker, rangeQuery } from '../range'
import { link } from '../route'
import { Code, Empty, Icon, Loaded, Service, Text } from '../ui'

// What has not come gets a red mark after some time, without anything that changes in the store.
const lookAgain = 5000

const stateText = { passed: 'passed', failed: 'failed', none: 'nothing to check' }

function Mark({ state }: { state: Result['state'] }) {
  return (
    <span class={`mark ${state}`}>
      <Icon name={state} />
      <span class="hidden">{stateText[state]}</span>
    </span>
  )
}

function Item({ check }: { check: Result }) {
  return (
    <li class={`check ${check.state}`} data-check={check.id}>
      <Mark state={check.state} />
      <div>
        <h3>{check.title}</h3>
        <p>{check.found}</p>
        {check.state === 'failed' && (
          <div class="todo">
            <h4>What to do</h4>
            <p>{check.fix}</p>
            {check.config && <Code text={check.config} label={`What to write: ${check.title}`} />}
            {check.examples && (
              <ul class="examples">
                {check.examples.map((example) => (
                  <li key={example.trace_id + example.span_id}>
                    <a href={link(`traces/${example.trace_id}`, { span: example.span_id })}>
                      <Text>{example.name || '(no name)'}</Text>
                    </a>{' '}
                    <Text>{example.problem}</Text>
                  </li>
                ))}
              </ul>
            )}
          </div>
        )}
      </div>
    </li>
  )
}

function Card({ service }: { service: ServiceChecks }) {
  const failed = service.checks.filter((c) => c.state === 'failed').length
  return (
    <section class="card checks" aria-label={service.service}>
      <header>
        <h2>
          <Service name={service.service} />
        </h2>
        <span class="muted">{plural(service.spans, 'span')}</span>
        <span class={`badge ${failed ? 'bad' : 'good'}`}>
          {failed ? `${failed} to fix` : 'ready for APM'}
        </span>
      </header>
      <ul>
        {service.checks.map((check) => (
          <Item key={check.id} check={check} />
        ))}
      </ul>
    </section>
  )
}

/** What must be right for APM to show a service well. */
export function Check() {
  const live = useLive<{ services: ServiceChecks[] }>(
    `/api/v1/checks?${new URLSearchParams(rangeQuery())}`,
    'traces',
  )
  useEffect(() => {
    const timer = setInterval(() => {
      if (!paused.value) {
        live.reload()
      }
    }, lookAgain)
    return () => clearInterval(timer)
  }, [live.reload])
  return (
    <section class="view" aria-labelledby="title">
      <div class="head">
        <h1 id="title">Check</h1>
        {live.data && live.data.services.length > 0 && (
          <p class="muted" aria-live="polite">
            {live.data.services.filter((s) => s.checks.every((c) => c.state !== 'failed')).length} of{' '}
            {plural(live.data.services.length, 'service')} ready for APM
          </p>
        )}
        <RangePicker />
      </div>
      <Loaded live={live} what="the checks">
        {({ services }) =>
          services.length === 0 ? (
            <Empty title="Nothing to check yet">
              <p>
                Make some traffic: every service that sends spans is checked for what Trace Explorer and
                Topology need. See the <a href={link('traces')}>Trace Explorer</a> for where to send them.
              </p>
            </Empty>
          ) : (
            <div class="check-cards">
              {services
                .toSorted((a, b) => failures(b) - failures(a))
                .map((service) => (
                  <Card key={service.service} service={service} />
                ))}
            </div>
          )
        }
      </Loaded>
    </section>
  )
}

function failures(service: ServiceChecks): number {
  return service.checks.filter((c) => c.state === 'failed').length
}
