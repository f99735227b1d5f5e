// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import { render } from 'preact'
import { App } from './app'
import { follow } from './live'
import './style.css'

follow()
const root = document.getElementById('app')
if (root) {
  render(<App />, root)
}
