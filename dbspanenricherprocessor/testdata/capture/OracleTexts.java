// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Properties;
import standin.StandIn;

/** Sends Oracle statements of which the agent may change the text, and with it the SQL_ID. */
class OracleTexts {
  static void send() throws SQLException {
    StandIn driver = new StandIn("jdbc:oracle:", "Oracle");
    try (Connection connection = driver.connect("jdbc:oracle:thin:@//db1.example.com:1521/orclpdb1", new Properties());
        Statement statement = connection.createStatement()) {
      statement.execute("CREATE TABLE stays (id INTEGER PRIMARY KEY, room VARCHAR(40), price INTEGER, night DATE)");
      statement.execute("CREATE ALIAS book_room FOR \"java.lang.Math.abs(int)\"");
      for (String text : List.of(
          "SELECT room FROM stays WHERE id = ?",
          "SELECT room\n  FROM stays\n WHERE id = ?",
          "SELECT  room  FROM stays\tWHERE id = ?",
          "SELECT room FROM stays WHERE id IN (?)",
          "SELECT room FROM stays WHERE id IN (?, ?, ?)",
          "SELECT room FROM stays WHERE (id, price) IN ((?, ?), (?, ?))",
          "SELECT room FROM stays WHERE id = ? -- by day",
          "SELECT room FROM stays -- by day\n WHERE id = ?",
          "SELECT /* by day */ room FROM stays WHERE id = ?",
          "SELECT /*+ INDEX(stays) */ room FROM stays WHERE id = ?",
          "SELECT \"ROOM\" FROM \"STAYS\" WHERE \"ID\" = ?",
          "WITH cheap AS (SELECT id, room FROM stays WHERE price < ?) SELECT room FROM cheap",
          "UPDATE stays SET price = ? WHERE id = ?",
          "INSERT INTO stays (id, room, price) VALUES (?, ?, ?)",
          "MERGE INTO stays s USING dual ON (s.id = ?) WHEN MATCHED THEN UPDATE SET s.price = ?",
          "SELECT room FROM stays WHERE id = ? FOR UPDATE",
          // Literals, alone and beside what is bound.
          "SELECT room FROM stays WHERE night = DATE '2026-11-27'",
          "SELECT room FROM stays WHERE night > DATE '2026-11-27' AND id = ?",
          "SELECT room FROM stays WHERE room = 'O''Brien' AND id = ?",
          "SELECT room FROM stays WHERE price > 100 AND id = ?",
          "SELECT room FROM stays WHERE id IN (1, 2, 3)",
          "SELECT room FROM stays WHERE price > 1.5e2 ORDER BY 1")) {
        try (PreparedStatement prepared = connection.prepareStatement(text)) {
          for (int i = 1; i <= prepared.getParameterMetaData().getParameterCount(); i++) {
            prepared.setInt(i, 7);
          }
          prepared.execute();
        }
      }
      for (String text : List.of(
          "{call book_room(?)}",
          "{? = call book_room(?)}",
          "BEGIN book_room(?); END;",
          "BEGIN\n  hotel.book_room(?);\nEND;",
          "DECLARE\n  l_room NUMBER;\nBEGIN\n  SELECT id INTO l_room FROM stays WHERE room = 'Attic';\n  book_room(l_room);\nEND;")) {
        try (CallableStatement procedure = connection.prepareCall(text)) {
          procedure.setInt(1, 17);
          procedure.execute();
        }
      }
    }
  }
}
