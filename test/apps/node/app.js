// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// The shop on Express. It listens on the port in PORT and contains no tracing code.
'use strict';

const express = require('express');
const { open } = require('./store');

const store = open(process.env.DATABASE_URL);
const app = express();
app.use(express.json());

app.get('/items', async (req, res) => {
  res.json(await store.listItems());
});

app.get('/items/:item', async (req, res) => {
  res.json(await store.getItem(Number(req.params.item)));
});

app.post('/items', async (req, res) => {
  res.status(201).json(await store.addItem(req.body.name));
});

app.get('/error', () => {
  throw new RangeError('on purpose');
});

app.get('/broken', async (req, res) => {
  res.json(await store.broken());
});

app.get('/slow', async (req, res) => {
  res.status((await store.slow()) ? 504 : 200).json({});
});

const server = app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));

process.once('SIGTERM', () => server.close());
