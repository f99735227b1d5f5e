// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// The shop's statements on the database at an address. It contains no tracing code.
'use strict';

/** The shop on a database that speaks SQL: execute runs one statement on a connection of its own. */
class SQLStore {
  constructor(execute, placeholder, slowStatement) {
    Object.assign(this, { execute, placeholder, slowStatement });
  }

  listItems() {
    return this.execute('SELECT id, name FROM items ORDER BY id');
  }

  async getItem(id) {
    const [item] = await this.execute(`SELECT id, name FROM items WHERE id = ${this.placeholder}`, [id]);
    return item;
  }

  async addItem(name) {
    await this.execute(`INSERT INTO items (name) VALUES (${this.placeholder})`, [name]);
    return { name };
  }

  broken() {
    return this.execute('SELECT name FROM no_such_table');
  }

  /** Says whether the statement ran into its time-out. */
  slow() {
    return this.execute(this.slowStatement).then(() => false, () => true);
  }
}

/** The shop on Redis, where the items are a list: call runs one command on a connection of its own. */
class RedisStore {
  constructor(call) {
    this.call = call;
  }

  listItems() {
    return this.call((client) => client.lrange('items', 0, -1));
  }

  async getItem(id) {
    return { id, name: await this.call((client) => client.lindex('items', id)) };
  }

  async addItem(name) {
    await this.call((client) => client.rpush('items', name));
    return { name };
  }

  broken() {
    return this.call((client) => client.incr('items'));
  }

  /** Says whether the command ran into its time-out. */
  slow() {
    return this.call((client) => client.blpop('nothing', 30)).then(() => false, () => true);
  }
}

const stores = {
  'postgresql:'(url) {
    const { Client } = require('pg');
    async function execute(text, values) {
      const client = new Client({ connectionString: url });
      await client.connect();
      try {
        return (await client.query(text, values)).rows;
      } finally {
        await client.end();
      }
    }
    return new SQLStore(execute, '$1', 'SELECT pg_sleep(30)');
  },
  'mysql:'(url) {
    const mysql = require('mysql2/promise');
    async function execute(text, values) {
      const connection = await mysql.createConnection(url);
      try {
        return (await connection.execute(text, values))[0];
      } finally {
        await connection.end();
      }
    }
    return new SQLStore(execute, '?', 'SELECT SLEEP(30)');
  },
  'redis:'(url) {
    const Redis = require('ioredis');
    async function call(command) {
      const client = new Redis(url, {
        lazyConnect: true, enableReadyCheck: false, commandTimeout: 1000, protocol: 2, disableClientInfo: true,
      });
      await client.connect();
      try {
        return await command(client);
      } finally {
        client.disconnect();
      }
    }
    return new RedisStore(call);
  },
};

/** Opens the shop at an address such as postgresql://user:password@host:port/name. */
exports.open = (url) => stores[new URL(url).protocol](url);
