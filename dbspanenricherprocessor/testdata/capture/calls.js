// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Calls one database through one instrumented Node.js library: calls.js LIBRARY.
// A library's name with _legacy takes an older instrumentation, which knows the
// legacy names.
'use strict';

const http = require('http');
const path = require('path');
const { ROOT_CONTEXT, context, trace } = require('@opentelemetry/api');
const { BatchSpanProcessor, NodeTracerProvider } = require('@opentelemetry/sdk-trace-node');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { IORedisInstrumentation } = require('@opentelemetry/instrumentation-ioredis');
const { OracleInstrumentation } = require('@opentelemetry/instrumentation-oracledb');
const { PrismaInstrumentation } = require('@prisma/instrumentation');

const [, library, variant] = /^([^_]*)_?(.*)$/.exec(process.argv[2]);
const packageOf = (name) => (variant === 'legacy' ? `${name}-legacy` : `@opentelemetry/instrumentation-${name}`);
const { PgInstrumentation } = require(packageOf('pg'));
const { MySQL2Instrumentation } = require(packageOf('mysql2'));
const { MongoDBInstrumentation } = require(packageOf('mongodb'));

const provider = new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] }); // which keeps their order
provider.register();
registerInstrumentations({
  instrumentations: [
    new PgInstrumentation(),
    new MySQL2Instrumentation(),
    new IORedisInstrumentation({ requireParentSpan: false }),
    new MongoDBInstrumentation({ enhancedDatabaseReporting: variant === 'reporting' }),
    new OracleInstrumentation({ dbStatementDump: variant === 'statements' }),
    new PrismaInstrumentation(),
  ],
});

const host = '127.0.0.1';

// Puts a stand-in for the server under oracledb's thin driver: what connect and
// execute would get over the network. All above it, and so the spans, is the
// driver's own.
function standInForOracle() {
  const oracledb = require('oracledb');
  const Impl = require(path.join(path.dirname(require.resolve('oracledb')), 'lib/thin/connection.js'));
  const roundTrip = async (impl, message, call) => {
    const handler = oracledb.traceHandler.getTraceInstance();
    const traced = { additionalConfig: {}, operation: `oracledb.${message}` };
    handler.onBeginRoundTrip(traced);
    try {
      return await call();
    } catch (err) {
      traced.error = err;
      throw err;
    } finally {
      traced.callLevelConfig = impl._callLevelTraceData;
      traced.connectLevelConfig = impl._getConnectTraceConfig();
      handler.onEndRoundTrip(traced);
    }
  };
  Object.assign(Impl.prototype, {
    async connect(options) {
      const [, host, port, service] = /^tcps?:\/\/([^:]+):(\d+)\/(.+)$/.exec(options.connectString);
      this.nscon = { ntAdapter: { hostName: host, port: Number(port), secure: options.connectString.startsWith('tcps:') } };
      Object.assign(this, { serviceName: service, instanceName: 'hotel1', pdbName: 'HOTELPDB', dbName: 'HOTEL', dbDomain: 'example.com', dbUniqueName: 'HOTEL_FRA' });
      await roundTrip(this, 'AuthMessage', async () => {});
    },
    async execute(sql) {
      return await roundTrip(this, 'ExecuteMessage', async () => {
        if (sql.includes('nowhere')) throw new Error('ORA-00942: table or view does not exist');
        return {};
      });
    },
    async commit() {
      await roundTrip(this, 'CommitMessage', async () => {});
    },
    async close() {},
    isHealthy: () => true,
  });
  return oracledb;
}

async function callOracle() {
  const oracledb = standInForOracle();
  const connection = await oracledb.getConnection({ user: 'hotel', password: 'secret', connectString: 'tcps://db1.example.com:2484/hotelpdb.example.com' });
  await connection.execute('CREATE TABLE visits (id NUMBER PRIMARY KEY, room VARCHAR2(40))');
  await connection.execute('INSERT INTO visits (id, room) VALUES (:1, :2)', [1, 'Sea view']);
  await connection.executeMany('INSERT INTO visits (id, room) VALUES (:1, :2)', [[2, 'Attic'], [3, 'Garden']]);
  await connection.execute('SELECT room FROM visits WHERE id = :id', { id: 1 });
  await connection.execute('BEGIN book_room(:id); END;', { id: 17 });
  await connection.execute("UPDATE visits SET room = q'[O'Brien]' WHERE id = 1");
  await connection.execute('SELECT * FROM nowhere').catch(() => {});
  await connection.commit();
  await connection.close();
}

async function callMongo() {
  const { MongoClient } = require('mongodb');
  const client = new MongoClient(`mongodb://${host}:${process.env.MONGO_PORT}`);
  await client.connect();
  const orders = client.db('hotel').collection('orders');
  await orders.insertMany([{ _id: 1, state: 'new', price: 120 }, { _id: 2, state: 'paid', price: 90 }]);
  await orders.findOne({ state: 'new', price: { $gt: 100 } });
  await orders.updateMany({ state: 'new' }, { $set: { state: 'paid' } });
  await orders.aggregate([{ $match: { state: 'paid' } }, { $group: { _id: '$state', sum: { $sum: '$price' } } }]).toArray();
  await orders.deleteOne({ state: 'paid' });
  await client.db('hotel').command({ nothing: 1 }).catch(() => {});
  await orders.drop();
  // What it ends its sessions with has an id of its own each time: not traced.
  await context.with(ROOT_CONTEXT, () => client.close());
}

async function callElasticsearch() {
  const { Client } = require('@elastic/elasticsearch');
  // Answers as Elasticsearch does when it finds nothing.
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(request.url.includes('nowhere') ? 404 : 200, { 'Content-Type': 'application/vnd.elasticsearch+json;compatible-with=9', 'X-Elastic-Product': 'Elasticsearch' });
      response.end('{"hits": {"total": {"value": 0, "relation": "eq"}, "hits": []}}');
    });
  });
  await new Promise((resolve) => server.listen(Number(process.env.ELASTICSEARCH_PORT), host, resolve));
  const client = new Client({ node: `http://${host}:${process.env.ELASTICSEARCH_PORT}` });
  await client.index({ index: 'rooms', id: '1', document: { name: 'Sea view' } });
  await client.search({ index: 'rooms', query: { match: { name: "O'Brien" } } });
  await client.get({ index: 'rooms', id: '1' });
  await client.bulk({ operations: [{ delete: { _index: 'rooms', _id: '1' } }] });
  await client.get({ index: 'nowhere', id: '1' }).catch(() => {});
  await client.close();
  server.close();
}

// Prisma with the driver that it has instead of its former engine, which is traced as well.
async function callPrisma() {
  const { PrismaClient } = require('@prisma/client');
  const { PrismaPg } = require('@prisma/adapter-pg');
  const connectionString = `postgresql://hotel:secret@${host}:${process.env.PG_PORT}/hotel`;
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString }), log: [] });
  await client.$executeRawUnsafe('CREATE TABLE guests (id INTEGER PRIMARY KEY, name TEXT)');
  await client.guest.create({ data: { id: 1, name: 'Ada' } });
  await client.guest.findMany({ where: { name: "O'Brien" }, orderBy: { id: 'asc' } });
  await client.$queryRaw`SELECT name FROM guests WHERE id = ${1}`;
  await client.guest.update({ where: { id: 1 }, data: { name: 'Eve' } });
  await client.$queryRawUnsafe('SELECT * FROM nowhere').catch(() => {});
  await client.$executeRawUnsafe('DROP TABLE guests');
  await client.$disconnect();
}

const calls = {
  prisma: callPrisma,
  oracledb: callOracle,
  mongodb: callMongo,
  elasticsearch: callElasticsearch,
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
  await context.with(trace.setSpan(context.active(), parent), calls[library]);
  await provider.shutdown();
})();
