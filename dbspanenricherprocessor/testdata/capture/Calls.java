// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import com.mongodb.MongoCommandException;
import com.mongodb.client.MongoClient;
import com.mongodb.client.MongoClients;
import com.mongodb.client.MongoCollection;
import com.mongodb.client.MongoDatabase;
import com.mongodb.client.model.Filters;
import com.mongodb.client.model.Updates;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.ServerVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.sql.CallableStatement;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import org.bson.Document;
import standin.StandIn;

/** Calls one database under the Java agent: Calls DATABASE. Or is a MongoDB server: Calls mongo-server PORT. */
public class Calls {
  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "h2" -> statements("jdbc:h2:mem:hotel");
      case "postgresql" -> statements("jdbc:postgresql://127.0.0.1:" + System.getenv("PG_PORT") + "/hotel?user=hotel");
      case "oracle" -> oracle();
      case "oracle_urls" -> Urls.oracle();
      case "oracle_texts" -> OracleTexts.send();
      case "urls" -> Urls.others();
      case "sqlserver" -> sqlserver();
      case "mongo" -> mongo();
      case "mongo-server" -> {
        MemoryBackend backend = new MemoryBackend();
        backend.version(ServerVersion.MONGO_5_0);
        new MongoServer(backend).bind("127.0.0.1", Integer.parseInt(args[1]));
      }
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  static void statements(String url) throws SQLException {
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
      fail(statement, "SELECT * FROM nowhere");
      statement.execute("DROP TABLE stays");
    }
  }

  static void fail(Statement statement, String sql) throws SQLException {
    try {
      statement.executeQuery(sql);
    } catch (SQLException wanted) {
      System.err.println("as wanted: " + wanted.getMessage());
      return;
    }
    throw new SQLException(sql + " did not fail");
  }

  static void oracle() throws SQLException {
    StandIn driver = new StandIn("jdbc:oracle:", "Oracle");
    DriverManager.registerDriver(driver);
    String url = "jdbc:oracle:thin:@//db1.example.com:1521/orclpdb1";
    statements(url);
    try (Connection connection = DriverManager.getConnection(url, "HOTEL", ""); Statement statement = connection.createStatement()) {
      statement.execute("CREATE ALIAS book_room FOR \"java.lang.Math.abs(int)\"");
      statement.executeQuery("SELECT /*+ FIRST_ROWS(1) */ sysdate FROM dual").close();
      for (String call : List.of("{call book_room(?)}", "BEGIN book_room(?); END;")) {
        try (CallableStatement procedure = connection.prepareCall(call)) {
          procedure.setInt(1, 17);
          procedure.execute();
        }
      }
      statement.addBatch("CREATE TABLE offers (id NUMBER(10))");
      statement.addBatch("DROP TABLE offers");
      statement.executeBatch();
    }
    DriverManager.deregisterDriver(driver);
  }

  static void sqlserver() throws SQLException {
    StandIn driver = new StandIn("jdbc:sqlserver:", "MSSQLServer");
    DriverManager.registerDriver(driver);
    String url = "jdbc:sqlserver://db1.example.com:1433;databaseName=hotel;encrypt=true";
    statements(url);
    try (Connection connection = DriverManager.getConnection(url, "hotel", ""); Statement statement = connection.createStatement()) {
      statement.execute("CREATE ALIAS book_room FOR \"java.lang.Math.abs(int)\"");
      for (String call : List.of("{call book_room(?)}", "EXEC book_room ?")) {
        try (CallableStatement procedure = connection.prepareCall(call)) {
          procedure.setInt(1, 17);
          procedure.execute();
        }
      }
      statement.execute("CREATE TABLE [guest list] ([id] INTEGER, [name] NVARCHAR(40))");
      statement.executeQuery("SELECT TOP 1 [name] FROM [guest list] WHERE [name] = N'O''Brien'").close();
    }
    for (String other : List.of(
        "jdbc:sqlserver://db1.example.com\\night;databaseName=hotel;user=hotel;password=secret",
        "jdbc:sqlserver://;serverName=db1.example.com;portNumber=1433;databaseName=hotel")) {
      query(other, "SELECT 1");
    }
    DriverManager.deregisterDriver(driver);
  }

  static void query(String url, String sql) throws SQLException {
    try (Connection connection = DriverManager.getConnection(url); Statement statement = connection.createStatement()) {
      statement.executeQuery(sql).close();
    }
  }

  static void mongo() {
    try (MongoClient client = MongoClients.create("mongodb://127.0.0.1:" + System.getenv("MONGO_PORT"))) {
      MongoDatabase hotel = client.getDatabase("hotel");
      MongoCollection<Document> orders = hotel.getCollection("orders");
      orders.insertMany(List.of(new Document("state", "new").append("price", 120), new Document("state", "paid").append("price", 90)));
      orders.find(Filters.and(Filters.eq("state", "new"), Filters.gt("price", 100))).first();
      orders.updateMany(Filters.eq("state", "new"), Updates.set("state", "paid"));
      orders.aggregate(List.of(new Document("$match", new Document("state", "paid")),
          new Document("$group", new Document("_id", "$state").append("sum", new Document("$sum", "$price"))))).first();
      orders.deleteOne(Filters.eq("state", "paid"));
      try {
        hotel.runCommand(new Document("nothing", 1));
      } catch (MongoCommandException wanted) {
        System.err.println("as wanted: " + wanted.getMessage());
      }
      orders.drop();
    }
  }
}
