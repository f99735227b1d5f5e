// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package standin;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.Driver;
import java.sql.DriverPropertyInfo;
import java.sql.SQLException;
import java.util.Properties;
import java.util.logging.Logger;
import org.h2.jdbc.JdbcConnection;

/** Takes the URLs of a database that is not there, and has H2 answer in its place. */
public class StandIn implements Driver {
  private final String scheme;
  private final String mode;

  /** Takes the URLs that begin with scheme. H2 answers in one of its modes. */
  public StandIn(String scheme, String mode) {
    this.scheme = scheme;
    this.mode = mode;
  }

  @Override
  public Connection connect(String url, Properties info) throws SQLException {
    return acceptsURL(url) ? new StandInConnection(url, "jdbc:h2:mem:;MODE=" + mode, info) : null;
  }

  @Override
  public boolean acceptsURL(String url) {
    return url.startsWith(scheme);
  }

  @Override
  public DriverPropertyInfo[] getPropertyInfo(String url, Properties info) {
    return new DriverPropertyInfo[0];
  }

  @Override
  public int getMajorVersion() {
    return 1;
  }

  @Override
  public int getMinorVersion() {
    return 0;
  }

  @Override
  public boolean jdbcCompliant() {
    return false;
  }

  @Override
  public Logger getParentLogger() {
    return Logger.getGlobal();
  }
}

/** A connection of H2 that says that it has the other URL. */
class StandInConnection extends JdbcConnection {
  private final String url;

  StandInConnection(String url, String h2, Properties info) throws SQLException {
    super(h2, info, null, null, false);
    this.url = url;
  }

  @Override
  public String getCatalog() {
    return url.startsWith("jdbc:oracle:") ? null : "hotel"; // Oracle has no catalogs
  }

  @Override
  public CallableStatement prepareCall(String sql) throws SQLException {
    return super.prepareCall("{call book_room(?)}"); // the only one there is, in H2's words
  }

  @Override
  public DatabaseMetaData getMetaData() throws SQLException {
    DatabaseMetaData real = super.getMetaData();
    return (DatabaseMetaData) Proxy.newProxyInstance(getClass().getClassLoader(), new Class<?>[] {DatabaseMetaData.class}, (proxy, method, args) -> {
      if (method.getName().equals("getURL")) {
        return url;
      }
      try {
        return method.invoke(real, args);
      } catch (InvocationTargetException e) {
        throw e.getCause();
      }
    });
  }
}
