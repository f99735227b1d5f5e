// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// What the sandbox's JSON API answers. The Go types of the same names say what the fields mean.

export type Attributes = Record<string, unknown>

export interface Changes {
  traces: number
  metrics: number
  logs: number
  uploads: number
  faults: number
}

export interface TraceSummary {
  trace_id: string
  root_service: string
  root_operation: string
  root_detail?: string
  start_time: string
  duration_ns: number
  spans: number
  errors: number
  services: string[]
  reason?: string
  stands_for?: number
}

export interface OpenedFile {
  id: string
  name: string
  traces: TraceSummary[]
  total: number
}

export interface TimeHistogram {
  from: string
  bucket_ns: number
  buckets: { traces: number; errors: number }[]
}

export interface TraceList {
  traces: TraceSummary[]
  total: number
  outside?: number
  histogram?: TimeHistogram
}

export interface ServiceFacet {
  name: string
  spans: number
  operations: string[]
}

export interface SpanPlace {
  trace_id: string
  span_id: string
}

export interface WaterfallSpan {
  span_id: string
  name: string
  detail?: string
  service: number
  kind: string
  depth: number
  descendants?: number
  start_ns: number
  duration_ns: number
  error?: boolean
  orphan?: boolean
  n_plus_one?: number
  folded?: { spans: number; total_duration_ns: number }
  events?: number
  links?: number
  critical?: [number, number][]
}

export interface Waterfall {
  trace_id: string
  root_service: string
  root_operation: string
  start_time: string
  duration_ns: number
  errors: number
  missing_parents: number
  logs: number
  origins: number
  services: string[]
  reason?: string
  stands_for?: number
  spans: WaterfallSpan[]
}

export interface AttributeOrigins {
  added: string[]
  changed: Attributes
  removed: Attributes
}

export interface Origin {
  name?: string
  attributes: AttributeOrigins
  resource: AttributeOrigins
}

export interface Span {
  trace_id: string
  span_id: string
  parent_span_id: string
  name: string
  kind: string
  start_time: string
  end_time: string
  duration_ns: number
  status: { code: string; message: string }
  service: string
  resource: Attributes
  scope: { name: string; version: string }
  attributes: Attributes
  events: { name: string; time: string; attributes: Attributes }[]
  links: { trace_id: string; span_id: string; attributes: Attributes }[]
}

export interface SpanDetail {
  span: Span
  origin: Origin | null
}

export interface TopologyNode {
  id: string
  name: string
  kind: 'service' | 'database' | 'messaging' | 'external' | 'external_unknown'
}

export interface TopologyEdge {
  source: string
  target: string
  requests: number
  errors: number
  p95_duration_ns: number
}

export interface UnknownPeer {
  service: string
  kind: string
  callee: string
  calls: number
  reason: string
  trace_id: string
  span_id: string
}

export interface Topology {
  nodes: TopologyNode[]
  edges: TopologyEdge[]
  window_ns: number
  unknown?: UnknownPeer[]
  unknown_config?: string
}

export interface Check {
  id: string
  title: string
  state: 'passed' | 'failed' | 'none'
  checked: number
  failed: number
  found: string
  fix?: string
  config?: string
  examples?: { trace_id: string; span_id: string; name: string; problem: string }[]
}

export interface ServiceChecks {
  service: string
  spans: number
  checks: Check[]
}

export interface MetricSeries {
  service: string
  name: string
  unit: string
  type: string
  attributes: Attributes
  points: { time: string; value: number | null; count?: number }[]
}

export interface SeriesList {
  series: MetricSeries[]
  total: number
}

export interface LogRecord {
  received_time: string
  service: string
  resource: Attributes
  time: string
  severity: string
  severity_number: number
  body: unknown
  trace_id: string
  span_id: string
  attributes: Attributes
}

export interface Upload {
  time: string
  method: string
  path: string
  signal: string
  status: number
  content_type: string
  content_encoding: string
  bytes: number
  bytes_decompressed: number
  items: number
  duplicates: number
  rejected: number
  user_agent: string
  key: string
  error?: string
  fault?: string
}

export interface Fault {
  signal?: string
  status?: number
  retry_after?: string
  message?: string
  delay?: string
  partial_success?: { rejected: number; message: string }
  reset?: boolean
  down?: boolean
  redirect?: string
  times?: number
}

export interface FaultState {
  id: string
  applied: number
  remaining: number | null
  fault: Fault
}

export interface Counts {
  uploads: {
    total: number
    accepted: number
    rejected: number
    by_status: Record<string, number>
    by_signal: Record<string, number>
  }
  spans: {
    received: number
    stored: number
    duplicates: number
    evicted: number
    rejected: number
    in_store: number
    traces_in_store: number
    bytes_in_store: number
  }
  metrics: { data_points: number; rejected: number; in_store: number }
  logs: { records: number; rejected: number; in_store: number }
  services: Record<string, number>
}

export interface Usage {
  limit: number
  unit_spans: number
  hours: { start: string; spans: number; refused?: number }[]
  sampling: { kept: number; roots: number; estimated: number; reasons: Record<string, number> }
}

export interface REDRow {
  service: string
  database?: string
  calls: number
  errors: number
  p50_ns: number
  p95_ns: number
  points: { time: string; calls: number; errors: number }[]
}

export interface REDMetrics {
  services: REDRow[]
  databases: REDRow[]
}

/** An answer of the API that is no success, with the API's own words. */
export class APIError extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message)
  }
}

/** Sends a request to the API and returns what it answers. Throws an APIError, or what fetch throws. */
export async function request<T>(path: string, init?: RequestInit): Promise<T> {
  const response = await fetch(path, { ...init, credentials: 'omit' })
  const body: unknown = await response.json().catch(() => null)
  if (!response.ok) {
    const message = (body as { error?: string } | null)?.error
    throw new APIError(message ?? `the sandbox answered ${response.status}`, response.status)
  }
  return body as T
}
