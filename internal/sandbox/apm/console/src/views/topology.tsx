// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { Graph, layout } from '@dagrejs/dagre'
import { useEffect, useMemo, useState } from 'preact/hooks'
import type { Topology as Data, TopologyEdge, TopologyNode } from '../api'
import { serviceClass } from '../colors'
import { count, duration, percent, plural, rate, visible } from '../format'
import { useLive } from '../live'
import { isAllTime, RangePicker, rangeQuery, rangeText } from '../range'
import { link, route, setQuery } from '../route'
import { Code, Empty, Icon, Loaded, Text } from '../ui'

const nodeHeight = 60
const labelHeight = 40

/** Sizes for a window; a phone shows a diagram that scrolls, since a smaller one could not be read. */
interface Sizes {
  down: boolean
  node: number
  label: number
  /** Where a node's text begins. */
  text: number
  gap: number
  margin: number
  /** The number of characters of a name. */
  name: number
  /** The width below which the diagram scrolls. */
  least: number
}

const wide: Sizes = {
  down: false,
  node: 192,
  label: 128,
  text: 48,
  gap: 36,
  margin: 24,
  name: 19,
  least: 680,
}
const phone: Sizes = {
  down: true,
  node: 164,
  label: 122,
  text: 38,
  gap: 8,
  margin: 4,
  name: 16,
  least: Infinity,
}
const narrow = '(max-width: 720px)'

const kindText: Record<TopologyNode['kind'], string> = {
  service: 'Service',
  database: 'Database',
  messaging: 'Queue or topic',
  external: 'External',
  external_unknown: 'No peer.service',
}

const kindIcons: Record<TopologyNode['kind'], string> = {
  service: 'M4 7l8-4 8 4v10l-8 4-8-4V7Zm0 0l8 4m0 0 8-4m-8 4v10',
  database:
    'M5 6c0-1.7 3.1-3 7-3s7 1.3 7 3-3.1 3-7 3-7-1.3-7-3Zm0 0v12c0 1.7 3.1 3 7 3s7-1.3 7-3V6M5 12c0 1.7 3.1 3 7 3s7-1.3 7-3',
  messaging: 'M3 7h18v10H3zM8 7v10M13 7v10',
  external: 'M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0ZM3 12h18M12 3c5 5 5 13 0 18M12 3c-5 5-5 13 0 18',
  external_unknown:
    'M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0ZM9.5 9.2a2.6 2.6 0 1 1 3.7 2.9c-.8.4-1.2 1-1.2 1.9M12 17v.01',
}

interface Placed {
  width: number
  height: number
  nodes: { node: TopologyNode; x: number; y: number }[]
  edges: { edge: TopologyEdge; points: { x: number; y: number }[]; x: number; y: number }[]
}

function place(data: Data, sizes: Sizes): Placed {
  const graph = new Graph({ multigraph: false })
  graph.setGraph({
    rankdir: sizes.down ? 'TB' : 'LR',
    nodesep: sizes.gap,
    ranksep: sizes.down ? 36 : 48,
    marginx: sizes.margin,
    marginy: sizes.margin,
  })
  graph.setDefaultEdgeLabel(() => ({}))
  for (const node of data.nodes) {
    graph.setNode(node.id, { width: sizes.node, height: nodeHeight })
  }
  for (const edge of data.edges) {
    graph.setEdge(edge.source, edge.target, { width: sizes.label, height: labelHeight, labelpos: 'c' })
  }
  layout(graph)
  const size = graph.graph() as { width?: number; height?: number }
  return {
    width: size.width ?? 0,
    height: size.height ?? 0,
    nodes: data.nodes.map((node) => {
      const at = graph.node(node.id) as { x: number; y: number }
      return { node, x: at.x, y: at.y }
    }),
    edges: data.edges.map((edge) => {
      const at = graph.edge(edge.source, edge.target) as {
        points: { x: number; y: number }[]
        x?: number
        y?: number
      }
      return { edge, points: at.points, x: at.x ?? 0, y: at.y ?? 0 }
    }),
  }
}

/** A smooth way through points. */
function curve(points: { x: number; y: number }[]): string {
  const [start, ...rest] = points
  if (!start) {
    return ''
  }
  let path = `M${start.x},${start.y}`
  rest.forEach((point, i) => {
    const next = rest[i + 1]
    path += next
      ? ` Q${point.x},${point.y} ${(point.x + next.x) / 2},${(point.y + next.y) / 2}`
      : ` L${point.x},${point.y}`
  })
  return path
}

function short(name: string, most: number): string {
  const text = visible(name)
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}

function edgeText(edge: TopologyEdge, window: number): [string, string] {
  return [
    rate(edge.requests, window),
    `${percent(edge.errors, edge.requests)} err · p95 ${duration(edge.p95_duration_ns)}`,
  ]
}

function Diagram(props: { data: Data; selected: string; onSelect: (id: string) => void }) {
  const [sizes, setSizes] = useState(matchMedia(narrow).matches ? phone : wide)
  useEffect(() => {
    const media = matchMedia(narrow)
    const change = () => setSizes(media.matches ? phone : wide)
    media.addEventListener('change', change)
    return () => media.removeEventListener('change', change)
  }, [])
  const shape = JSON.stringify([
    props.data.nodes,
    props.data.edges.map((e) => [e.source, e.target]),
    sizes.down,
  ])
  // Numbers change all the time; where things are must not.
  const placed = useMemo(() => place(props.data, sizes), [shape])
  const edges = new Map(props.data.edges.map((e) => [`${e.source}\n${e.target}`, e]))
  const touches = (edge: TopologyEdge) => edge.source === props.selected || edge.target === props.selected
  return (
    <div
      class="diagram"
      tabIndex={0}
      role="region"
      aria-label="Topology diagram; the table below says the same"
    >
      <svg
        viewBox={`0 0 ${placed.width} ${placed.height}`}
        style={{ width: `${placed.width}px`, minWidth: `${Math.min(placed.width, sizes.least)}px` }}
        role="group"
        aria-label="Services and what they call"
      >
        <defs>
          <marker
            id="arrow"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="8"
            markerHeight="8"
            orient="auto"
          >
            <path d="M0 0.5 7.5 4 0 7.5Z" />
          </marker>
        </defs>
        {placed.edges.map(({ edge: was, points, x, y }) => {
          const edge = edges.get(`${was.source}\n${was.target}`) ?? was
          const [requests, quality] = edgeText(edge, props.data.window_ns)
          return (
            <g
              key={`${edge.source} ${edge.target}`}
              class={`edge ${edge.errors ? 'with-errors' : ''} ${props.selected && !touches(edge) ? 'dim' : ''}`}
              aria-hidden="true"
            >
              <path d={curve(points)} marker-end="url(#arrow)" />
              <rect
                x={x - sizes.label / 2}
                y={y - labelHeight / 2}
                width={sizes.label}
                height={labelHeight}
                rx="6"
              />
              <text x={x} y={y - 4}>
                <tspan class="requests">{requests}</tspan>
              </text>
              <text x={x} y={y + 12}>
                {quality}
              </text>
            </g>
          )
        })}
        {placed.nodes.map(({ node, x, y }) => (
          <g
            key={node.id}
            class={`node ${node.kind} ${node.kind === 'service' ? serviceClass(node.name) : ''}`}
            transform={`translate(${x - sizes.node / 2},${y - nodeHeight / 2})`}
            role="button"
            tabindex={0}
            aria-pressed={props.selected === node.id}
            onClick={() => props.onSelect(props.selected === node.id ? '' : node.id)}
            onKeyDown={(event) => {
              if (event.key === 'Enter' || event.key === ' ') {
                event.preventDefault()
                props.onSelect(props.selected === node.id ? '' : node.id)
              }
            }}
          >
            {short(node.name, sizes.name) !== visible(node.name) && (
              <title>{`${visible(node.name)} ${kindText[node.kind]}`}</title>
            )}
            <rect width={sizes.node} height={nodeHeight} rx="10" />
            <path
              class="node-icon"
              d={kindIcons[node.kind]}
              transform={`translate(${(sizes.text - 24) / 2 + 2},18)`}
            />
            <text>
              <tspan class="node-name" x={sizes.text} y="27">
                {short(node.name, sizes.name)}
              </tspan>{' '}
              <tspan class="node-kind" x={sizes.text} y="44">
                {kindText[node.kind]}
              </tspan>
            </text>
          </g>
        ))}
      </svg>
    </div>
  )
}

function Calls({ data, selected }: { data: Data; selected: string }) {
  const names = new Map(data.nodes.map((n) => [n.id, n]))
  const edges = data.edges.filter((e) => !selected || e.source === selected || e.target === selected)
  const cell = (id: string) => {
    const node = names.get(id)
    return node?.kind === 'service' ? (
      <a href={link('traces', { service: node.name })}>
        <Text>{node.name}</Text>
      </a>
    ) : (
      <Text>{node?.name ?? id}</Text>
    )
  }
  return (
    <section class="card table" aria-labelledby="calls">
      <h2 id="calls">
        Calls{' '}
        {selected && names.has(selected) && <small>of {visible(names.get(selected)?.name ?? '')}</small>}
      </h2>
      {edges.length === 0 ? (
        <p class="muted pad">Nothing calls it, and it calls nothing.</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label="Table of calls">
          <table class="calls">
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col">To</th>
                <th scope="col" class="number">
                  Calls
                </th>
                <th scope="col" class="number">
                  Rate
                </th>
                <th scope="col" class="number">
                  Errors
                </th>
                <th scope="col" class="number">
                  p95
                </th>
              </tr>
            </thead>
            <tbody>
              {edges.map((e) => (
                <tr key={`${e.source} ${e.target}`}>
                  <td>{cell(e.source)}</td>
                  <td>{cell(e.target)}</td>
                  <td class="number">{count(e.requests)}</td>
                  <td class="number">{rate(e.requests, data.window_ns)}</td>
                  <td class={`number ${e.errors ? 'bad-text' : ''}`}>{percent(e.errors, e.requests)}</td>
                  <td class="number">{duration(e.p95_duration_ns)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  )
}

function Unknown({ data }: { data: Data }) {
  if (!data.unknown?.length) {
    return null
  }
  return (
    <section class="card unknown" aria-labelledby="unknown">
      <h2 id="unknown">
        <Icon name="error" class="bad" /> Why there is an External Unknown
      </h2>
      {data.unknown.map((peer) => (
        <article key={`${peer.service} ${peer.kind} ${peer.callee}`}>
          <h3>
            <Text>{peer.service}</Text> → <Text>{peer.callee}</Text>
            <small>{plural(peer.calls, 'call')}</small>
          </h3>
          <p>
            {peer.reason}{' '}
            <a href={link(`traces/${peer.trace_id}`, { span: peer.span_id })}>Look at one of the spans</a>
          </p>
        </article>
      ))}
      {data.unknown_config && (
        <article>
          <h3>What names them</h3>
          <p>
            Give the collector these lines in a file, as the last <code>--config</code>. If your configuration
            has <code>rules</code> of <code>peer_service</code>, add them to the list: only the last one
            counts.
          </p>
          <Code text={data.unknown_config} label="Configuration that names them" />
        </article>
      )}
      <p class="muted">
        APM reads <code>peer.service</code> through the span enrichment rule "OpenTelemetry to APM naming
        conversion", which the domain needs as well. It affects new spans only.
      </p>
    </section>
  )
}

/** Who calls whom. */
export function Topology() {
  const live = useLive<Data>(`/api/v1/topology?${new URLSearchParams(rangeQuery())}`, 'traces')
  const selected = route.value.query.get('node') ?? ''
  return (
    <section class="view" aria-labelledby="title">
      <div class="head">
        <h1 id="title">Topology</h1>
        {live.data && live.data.nodes.length > 0 && (
          <p class="muted">
            Rates over {rangeText()}
            {isAllTime() && `, ${duration(live.data.window_ns)}`}
          </p>
        )}
        <RangePicker />
      </div>
      <Loaded live={live} what="the topology">
        {(data) =>
          data.nodes.length === 0 ? (
            <Empty title="Nothing calls anything yet">
              <p>
                Services, databases and other callees appear with their first spans. See the{' '}
                <a href={link('traces')}>Trace Explorer</a> for where to send them.
              </p>
            </Empty>
          ) : (
            <>
              <div class="card">
                <Diagram data={data} selected={selected} onSelect={(node) => setQuery({ node })} />
              </div>
              <Unknown data={data} />
              <Calls data={data} selected={data.nodes.some((n) => n.id === selected) ? selected : ''} />
            </>
          )
        }
      </Loaded>
    </section>
  )
}
