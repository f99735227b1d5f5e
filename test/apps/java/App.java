// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.sql.SQLException;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The shop on the HTTP server of the JDK: it listens on the port in PORT. It knows nothing of tracing. */
public class App {
  private static final Logger LOG = Logger.getLogger("shop");
  private static final Pattern NAME = Pattern.compile("\"name\":\\s*\"([^\"]*)\"");

  private final Store store;

  private App(Store store) {
    this.store = store;
  }

  public static void main(String[] args) throws IOException {
    App app = new App(new Store(System.getenv("DATABASE_URL")));
    HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(System.getenv("PORT"))), 0);
    ExecutorService threads = Executors.newFixedThreadPool(4);
    server.setExecutor(threads);
    app.serve(server, "/", exchange -> answer(exchange, 404, "{}"));
    app.serve(server, "/items", app::items);
    app.serve(server, "/items/", app::item);
    app.serve(server, "/error", exchange -> { throw new IllegalStateException("on purpose"); });
    app.serve(server, "/broken", exchange -> app.store.broken());
    app.serve(server, "/slow", exchange -> answer(exchange, app.store.slow() ? 504 : 200, "{}"));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      server.stop(0);
      threads.shutdown();
    }));
    server.start();
    System.out.println("listening on " + server.getAddress());
  }

  private void items(HttpExchange exchange) throws IOException, SQLException {
    if (exchange.getRequestMethod().equals("GET")) {
      List<String> items = store.listItems();
      LOG.info("listed " + items.size() + " items");
      answer(exchange, 200, items.toString());
      return;
    }
    Matcher name = NAME.matcher(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
    if (!name.find()) {
      answer(exchange, 400, "{}");
      return;
    }
    answer(exchange, 201, store.addItem(name.group(1)));
  }

  private void item(HttpExchange exchange) throws IOException, SQLException {
    String path = exchange.getRequestURI().getPath();
    answer(exchange, 200, store.getItem(Integer.parseInt(path.substring(path.lastIndexOf('/') + 1))));
  }

  /** A handler that may fail. */
  private interface Route {
    void handle(HttpExchange exchange) throws IOException, SQLException;
  }

  private void serve(HttpServer server, String path, Route route) {
    server.createContext(path, exchange -> {
      try {
        route.handle(exchange);
      } catch (SQLException | RuntimeException e) {
        LOG.log(Level.SEVERE, "request failed", e);
        // Without it, the JDK's server would only close the connection.
        answer(exchange, 500, "{}");
        throw new IllegalStateException(e);
      }
    });
  }

  private static void answer(HttpExchange exchange, int status, String json) throws IOException {
    byte[] body = json.getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, body.length);
    exchange.getResponseBody().write(body);
    exchange.close();
  }
}
