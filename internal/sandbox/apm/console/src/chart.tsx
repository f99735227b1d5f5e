// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { MetricSeries, TimeHistogram } from './api'
import { compact } from './format'
import { color, repaint } from './theme'

interface Plot {
  options: Omit<uPlot.Options, 'width'>
  data: uPlot.AlignedData
}

/** Draws a plot as wide as there is room. What it shows is told to everybody by the label. */
function Canvas({ plot, label }: { plot: () => Plot; label: string }) {
  const holder = useRef<HTMLDivElement>(null)
  const colors = repaint.value
  // What is drawn does not change: other data has another key.
  useEffect(() => {
    const element = holder.current
    if (!element) {
      return undefined
    }
    const { options, data } = plot()
    const drawn = new uPlot({ ...options, width: element.clientWidth }, data, element)
    const resized = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientWidth !== drawn.width) {
        drawn.setSize({ width: element.clientWidth, height: options.height })
      }
    })
    resized.observe(element)
    return () => {
      resized.disconnect()
      drawn.destroy()
    }
  }, [colors])
  return <div ref={holder} class="plot" role="img" aria-label={label} />
}

const barSize = 0.86

const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' })

/** Whether an axis needs dates: it spans days, or a day that is not today. */
function dated(from: number, to: number): boolean {
  const today = new Date().toDateString()
  return [from, to].some((t) => new Date(t * 1000).toDateString() !== today)
}

/** Writes times on an axis as finely as they are apart, with the date below the first of each day. */
function clocks(times: number[], dates: boolean): string[] {
  const step = (times[1] ?? 0) - (times[0] ?? 0)
  const parts: Intl.DateTimeFormatOptions =
    step >= 86_400
      ? { day: 'numeric', month: 'short' }
      : {
          hour: '2-digit',
          minute: '2-digit',
          ...(step < 60 && { second: '2-digit' as const }),
          ...(step > 0 && step < 1 && { fractionalSecondDigits: step < 0.1 ? (3 as const) : (1 as const) }),
        }
  const format = new Intl.DateTimeFormat('en-GB', parts)
  return times.map((t, i) => {
    const day = dayFormat.format(t * 1000)
    const before = times[i - 1]
    const first = before === undefined || dayFormat.format(before * 1000) !== day
    return format.format(t * 1000) + (dates && first && step < 86_400 ? `\n${day}` : '')
  })
}

/** When the traces of a search started; drag to choose a time. It does not change while it is dragged. */
export function Histogram(props: { histogram: TimeHistogram; onSelect: (from: Date, to: Date) => void }) {
  const [held, setHeld] = useState<TimeHistogram>()
  useEffect(() => {
    if (!held) {
      return undefined
    }
    const release = () => setHeld(undefined)
    addEventListener('pointerup', release)
    addEventListener('pointercancel', release)
    return () => {
      removeEventListener('pointerup', release)
      removeEventListener('pointercancel', release)
    }
  }, [held])
  const shown = held ?? props.histogram
  return (
    <div onPointerDown={() => setHeld(shown)}>
      <Bars key={JSON.stringify(shown)} histogram={shown} onSelect={props.onSelect} />
    </div>
  )
}

function Bars({
  histogram,
  onSelect,
}: {
  histogram: TimeHistogram
  onSelect: (from: Date, to: Date) => void
}) {
  const from = Date.parse(histogram.from) / 1000
  const width = histogram.bucket_ns / 1e9
  const end = from + width * histogram.buckets.length
  const dates = dated(from, end)
  const plot = (): Plot => {
    const bars = uPlot.paths.bars?.({ size: [barSize, 60], align: 1 })
    const path = bars ? { paths: bars } : {}
    const faint = color('muted')
    const axis: uPlot.Axis = {
      stroke: faint,
      font: '11px Inter, system-ui, sans-serif',
      grid: { stroke: color('line'), width: 1 },
      ticks: { show: false },
    }
    return {
      options: {
        height: dates ? 110 : 96,
        padding: [8, 28, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
        scales: {
          x: { time: true, range: () => [from, end] },
          y: { range: (_, __, max) => [0, Math.max(1, max)] },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            space: 90,
            size: dates ? 38 : 24,
            values: (_, times) => clocks(times, dates),
          },
          {
            ...axis,
            size: 44,
            space: 28,
            incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5],
            values: (_, values) => values.map((v) => compact(v)),
          },
        ],
        series: [
          {},
          { label: 'traces', fill: color('bar'), width: 0, points: { show: false }, ...path },
          { label: 'with errors', fill: color('bad'), width: 0, points: { show: false }, ...path },
        ],
        hooks: {
          setSelect: [
            (u) => {
              if (u.select.width > 2) {
                const left = u.posToVal(u.select.left, 'x')
                const right = u.posToVal(u.select.left + u.select.width, 'x')
                onSelect(new Date(left * 1000), new Date(right * 1000))
              }
            },
          ],
        },
      },
      data: [
        histogram.buckets.map((_, i) => from + i * width),
        histogram.buckets.map((b) => b.traces),
        histogram.buckets.map((b) => b.errors),
      ],
    }
  }
  const traces = histogram.buckets.reduce((sum, b) => sum + b.traces, 0)
  const errors = histogram.buckets.reduce((sum, b) => sum + b.errors, 0)
  const label = `${traces} traces from ${new Date(from * 1000).toLocaleString()} to ${new Date(end * 1000).toLocaleString()}, ${errors} of them with errors`
  return <Canvas plot={plot} label={label} />
}

/** The way of a metric's values. */
export function Trend({ series, label }: { series: MetricSeries; label: string }) {
  const plot = (): Plot => {
    const line = color('bar')
    const times = series.points.map((p) => Date.parse(p.time) / 1000)
    const dates = dated(times[0] ?? 0, times.at(-1) ?? 0)
    const axis: uPlot.Axis = {
      stroke: color('muted'),
      font: '10px Inter, system-ui, sans-serif',
      ticks: { show: false },
    }
    return {
      options: {
        height: dates ? 98 : 84,
        padding: [6, 20, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: true },
          y: {
            range: (_, min, max) =>
              min === max ? [Math.min(0, min), max === 0 ? 1 : max * 1.2] : [min, max],
          },
        },
        axes: [
          {
            ...axis,
            grid: { show: false },
            size: dates ? 34 : 20,
            space: 90,
            values: (_, at) => clocks(at, dates),
          },
          {
            ...axis,
            grid: { stroke: color('line'), width: 1 },
            size: 46,
            space: 24,
            values: (_, values) => values.map((v) => compact(v)),
          },
        ],
        series: [
          {},
          { stroke: line, width: 1.5, points: { show: series.points.length < 3, size: 5, fill: line } },
        ],
      },
      data: [times, series.points.map((p) => p.value)],
    }
  }
  return <Canvas key={`${series.points.length} ${series.points.at(-1)?.time}`} plot={plot} label={label} />
}
