// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;

/** Calls one database through JDBC, under the Java agent: Calls.java DATABASE. */
public class Calls {
  public static void main(String[] args) throws SQLException {
    String url = args[0].equals("h2")
        ? "jdbc:h2:mem:hotel"
        : "jdbc:postgresql://127.0.0.1:" + System.getenv("PG_PORT") + "/hotel?user=hotel";
    try (Connection connection = DriverManager.getConnection(url); Statement statement = connection.createStatement()) {
      statement.execute("CREATE TABLE stays (id INTEGER PRIMARY KEY, room VARCHAR(40), price INTEGER)");
      try (PreparedStatement insert = connection.prepareStatement("INSERT INTO stays (id, room, price) VALUES (?, ?, ?)")) {
        for (int id = 1; id <= 2; id++) {
          insert.setInt(1, id);
          insert.setString(2, "Sea view");
          insert.setInt(3, 120);
          insert.addBatch();
        }
        insert.executeBatch();
      }
      try (PreparedStatement select = connection.prepareStatement("SELECT room FROM stays WHERE id = ?")) {
        select.setInt(1, 1);
        select.executeQuery().close();
      }
      statement.executeQuery("SELECT a.room FROM stays a JOIN stays b ON b.id = a.id WHERE a.room = 'O''Brien' AND a.price < 200").close();
      statement.executeUpdate("UPDATE stays SET price = 90 WHERE id IN (1, 2)");
      try {
        statement.executeQuery("SELECT * FROM nowhere");
      } catch (SQLException wanted) {
        System.err.println("as wanted: " + wanted.getMessage());
      }
      statement.execute("DROP TABLE stays");
    }
  }
}
