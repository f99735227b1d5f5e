// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.dao.DataAccessException;
import org.springframework.jdbc.core.JdbcTemplate;

/** A Spring Boot application without a web server, whose JDBC spans are datasource-micrometer's. */
@Configuration(proxyBeanMethods = false)
@EnableAutoConfiguration
public class Spring {
  public static void main(String[] args) {
    run("jdbc:oracle:thin:@//db1.example.com:1521/orclpdb1", Spring::call);
    run("jdbc:postgresql://db1.example.com:5432/hotel", jdbc -> jdbc.queryForList("SELECT CURRENT_DATE"));
  }

  private static void run(String url, Consumer<JdbcTemplate> calls) {
    String traces = System.getenv("OTEL_EXPORTER_OTLP_ENDPOINT") + "/v1/traces";
    Map<String, Object> settings = Map.of(
        "spring.datasource.url", url,
        "spring.datasource.username", "HOTEL",
        "spring.datasource.hikari.maximum-pool-size", "1",
        "jdbc.datasource-proxy.include-parameter-values", "true",
        "management.tracing.sampling.probability", "1.0",
        "management.otlp.tracing.endpoint", traces, // Spring Boot 3
        "management.opentelemetry.tracing.export.otlp.endpoint", traces, // Spring Boot 4
        "management.otlp.metrics.export.enabled", "false");
    SpringApplicationBuilder application = new SpringApplicationBuilder(Spring.class).web(WebApplicationType.NONE).properties(settings);
    try (ConfigurableApplicationContext context = application.run()) {
      calls.accept(context.getBean(JdbcTemplate.class));
    }
  }

  private static void call(JdbcTemplate jdbc) {
    jdbc.execute("CREATE TABLE stays (id INTEGER PRIMARY KEY, room VARCHAR(40), price INTEGER)");
    jdbc.update("INSERT INTO stays (id, room, price) VALUES (?, ?, ?)", 1, "Sea view", 120);
    jdbc.batchUpdate("INSERT INTO stays (id, room, price) VALUES (?, ?, ?)", List.of(new Object[] {2, "Attic", 90}, new Object[] {3, "Garden", 70}));
    jdbc.batchUpdate("UPDATE stays SET price = 80 WHERE id = 3", "DELETE FROM stays WHERE id = 2");
    jdbc.queryForList("SELECT room FROM stays WHERE id = ?", 1);
    jdbc.queryForList("SELECT room FROM stays WHERE room = 'O''Brien'");
    try {
      jdbc.queryForList("SELECT * FROM nowhere");
    } catch (DataAccessException wanted) {
      System.err.println("as wanted: " + wanted.getMessage());
    }
  }
}
