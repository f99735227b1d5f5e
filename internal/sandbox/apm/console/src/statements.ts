// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// What the API answers about statements and requests. The Go types of the same names say what the
// fields mean.

export interface CallCount {
  name: string
  calls: number
}

export interface SlowCall {
  trace_id: string
  span_id: string
  service: string
  operation: string
  start_time: string
  duration_ns: number
  error: boolean
}

/** What identifies a statement, and how it is written. */
export interface StatementText {
  id: string
  sql_id?: string
  system: string
  text: string
  name?: string
}

export interface Statement extends StatementText {
  literals: boolean
  same_text?: number
  services: string[]
  databases: string[]
  calls: number
  errors: number
  total_ns: number
  mean_ns: number
  p95_ns: number
  max_ns: number
  slowest: SlowCall
  n_plus_one?: number
  estimated_calls?: number
}

export interface Repetition extends StatementText {
  service: string
  operation: string
  parents: number
  calls: number
  most: number
  total_ns: number
  trace_id: string
  span_id: string
}

export interface StatementList {
  statements: Statement[]
  total: number
  calls: number
  errors: number
  total_ns: number
  window_ns: number
  services: CallCount[]
  systems: CallCount[]
  databases: CallCount[]
  n_plus_one: Repetition[]
}

export interface StatementDetail {
  statement: Statement
  services: CallCount[]
  databases: CallCount[]
  callers: { service: string; operation: string; traces: number; calls: number; total_ns: number }[]
  slowest: SlowCall[]
  series: {
    from: string
    bucket_ns: number
    buckets: { calls: number; errors: number; total_ns: number }[]
  }
  n_plus_one: Repetition[]
  same_text: CallCount[]
}

export interface RequestStats {
  requests: number
  errors: number
  p50_ns: number
  p95_ns: number
  p99_ns: number
}

export interface RequestList {
  window_ns: number
  services: { name: string; spans: number; operations: number; stats: RequestStats }[]
  operations: { service: string; name: string; kind: string; stats: RequestStats; slowest: SlowCall }[]
  total: number
}
