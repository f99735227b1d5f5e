// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package org.postgresql;

import standin.StandIn;

/** A stand-in with the name of PostgreSQL's driver, which is in the spans. */
public class Driver extends StandIn {
  public Driver() {
    super("jdbc:postgresql:", "PostgreSQL");
  }
}
