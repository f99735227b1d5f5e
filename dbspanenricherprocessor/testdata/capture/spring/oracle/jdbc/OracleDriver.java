// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oracle.jdbc;

import standin.StandIn;

/** A stand-in with the name of Oracle's driver, which is in the spans. */
public class OracleDriver extends StandIn {
  public OracleDriver() {
    super("jdbc:oracle:", "Oracle");
  }
}
