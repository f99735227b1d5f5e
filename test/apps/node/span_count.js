// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Counts the spans that end in the SDK, without changing the app: each adds one byte to
// the file SPAN_COUNT_FILE.
'use strict';

const fs = require('fs');
const { BatchSpanProcessor } = require('@opentelemetry/sdk-trace');

const file = fs.openSync(process.env.SPAN_COUNT_FILE, 'a', 0o600);
const { onEnd } = BatchSpanProcessor.prototype;

BatchSpanProcessor.prototype.onEnd = function (span) {
  fs.writeSync(file, '.');
  return onEnd.call(this, span);
};
