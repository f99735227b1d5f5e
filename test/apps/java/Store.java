// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/** The shop's statements over JDBC. It knows nothing of tracing. */
class Store {
  private final String url;
  private final Properties account = new Properties();
  private final String slow;

  /** Takes a JDBC URL, or postgresql://user:password@host:port/name. */
  Store(String address) {
    if (address.startsWith("jdbc:h2:")) {
      url = address;
      slow = "SELECT SUM(X) FROM SYSTEM_RANGE(1, 1000000000000)";
      return;
    }
    URI parsed = URI.create(address);
    String[] user = parsed.getRawUserInfo().split(":", 2);
    account.setProperty("user", URLDecoder.decode(user[0], StandardCharsets.UTF_8));
    account.setProperty("password", URLDecoder.decode(user[1], StandardCharsets.UTF_8));
    url = "jdbc:postgresql://" + parsed.getHost() + ":" + parsed.getPort() + parsed.getPath();
    slow = "SELECT pg_sleep(30)";
  }

  List<String> listItems() throws SQLException {
    try (Connection connection = connect();
        Statement statement = connection.createStatement();
        ResultSet rows = statement.executeQuery("SELECT id, name FROM items ORDER BY id")) {
      List<String> items = new ArrayList<>();
      while (rows.next()) {
        items.add(json(rows));
      }
      return items;
    }
  }

  String getItem(int id) throws SQLException {
    try (Connection connection = connect();
        PreparedStatement statement = connection.prepareStatement("SELECT id, name FROM items WHERE id = ?")) {
      statement.setInt(1, id);
      try (ResultSet rows = statement.executeQuery()) {
        rows.next();
        return json(rows);
      }
    }
  }

  String addItem(String name) throws SQLException {
    try (Connection connection = connect();
        PreparedStatement statement = connection.prepareStatement("INSERT INTO items (name) VALUES (?)")) {
      statement.setString(1, name);
      statement.executeUpdate();
      return String.format("{\"name\": \"%s\"}", name);
    }
  }

  void broken() throws SQLException {
    query("SELECT name FROM no_such_table");
  }

  /** Says whether the statement ran into its time-out. */
  boolean slow() {
    try {
      query(slow);
      return false;
    } catch (SQLException e) {
      return true;
    }
  }

  private void query(String text) throws SQLException {
    try (Connection connection = connect(); Statement statement = connection.createStatement()) {
      statement.executeQuery(text).close();
    }
  }

  private Connection connect() throws SQLException {
    return DriverManager.getConnection(url, account);
  }

  private static String json(ResultSet row) throws SQLException {
    return String.format("{\"id\": %d, \"name\": \"%s\"}", row.getInt("id"), row.getString("name"));
  }
}
