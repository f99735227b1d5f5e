// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Calls one database through one instrumented Node.js library: calls.js LIBRARY.
'use strict';

const { context, trace } = require('@opentelemetry/api');
const { NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { PgInstrumentation } = require('@opentelemetry/instrumentation-pg');
const { MySQL2Instrumentation } = require('@opentelemetry/instrumentation-mysql2');
const { IORedisInstrumentation } = require('@opentelemetry/instrumentation-ioredis');

const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter())] });
provider.register();
registerInstrumentations({ instrumentations: [new PgInstrumentation(), new MySQL2Instrumentation(), new IORedisInstrumentation({ requireParentSpan: false })] });

const host = '127.0.0.1';

const calls = {
  async pg() {
    const { Client } = require('pg');
    const client = new Client({ host, port: Number(process.env.PG_PORT), user: 'hotel', database: 'hotel' });
    await client.connect();
    await client.query('CREATE TABLE visits (id INTEGER PRIMARY KEY, room TEXT)');
    await client.query('INSERT INTO visits (id, room) VALUES ($1, $2)', [1, 'Sea view']);
    await client.query({ name: 'visit-by-id', text: 'SELECT room FROM visits WHERE id = $1', values: [1] });
    await client.query("UPDATE visits SET room = 'Attic' WHERE id = 1");
    await client.query('SELECT * FROM nowhere').catch(() => {});
    await client.query('DROP TABLE visits');
    await client.end();
  },
  async mysql2() {
    const mysql = require('mysql2/promise');
    const connection = await mysql.createConnection({ host, port: Number(process.env.MARIADB_PORT), user: 'hotel', database: 'hotel' });
    await connection.query('CREATE TABLE visits (id INTEGER PRIMARY KEY, room VARCHAR(40))');
    await connection.query('INSERT INTO visits (id, room) VALUES (?, ?)', [1, 'Sea view']);
    await connection.execute('SELECT room FROM `visits` WHERE id = ?', [1]);
    await connection.query("UPDATE visits SET room = 'Attic' WHERE id = 1 # upstairs");
    await connection.query('DROP TABLE visits');
    await connection.end();
  },
  async ioredis() {
    const Redis = require('ioredis');
    const client = new Redis({ host, port: Number(process.env.REDIS_PORT), db: 3 });
    await client.set('session:17', 'secret', 'EX', 60);
    await client.get('session:17');
    await client.multi().incr('visits').expire('visits', 60).exec();
    await client.del('session:17', 'visits');
    await client.quit();
  },
};

(async () => {
  const tracer = trace.getTracer('capture');
  const parent = tracer.startSpan('calls');
  await context.with(trace.setSpan(context.active(), parent), calls[process.argv[2]]);
  await provider.shutdown();
})();
