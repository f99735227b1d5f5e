// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Properties;
import standin.StandIn;

/** Connects with each form of URL that drivers know. The statement has the form's name, so that its span can be told from the others. */
class Urls {
  private static final String ADB = "adb.eu-frankfurt-1.oraclecloud.com";
  private static final String SERVICE = "g1_hotel_high.adb.oraclecloud.com";

  /** Name and URL, without jdbc:oracle: in front. Source: JDBC Developer's Guide, database URLs and database specifiers. */
  private static final String[][] ORACLE = {
    {"service", "thin:@//db1.example.com:1521/orclpdb1"},
    {"password", "thin:hotel/secret@//db1.example.com:1521/orclpdb1"},
    {"no_slashes", "thin:@db1.example.com:1521/orclpdb1"},
    {"no_port", "thin:@//db1.example.com/orclpdb1"},
    {"no_service", "thin:@//db1.example.com"},
    {"port_alone", "thin:@//db1.example.com:1521"},
    {"sid", "thin:@db1.example.com:1521:ORCL"},
    {"server_mode", "thin:@//db1.example.com:1521/orclpdb1:dedicated/orcl1"},
    {"parameters", "thin:@//db1.example.com:1521/orclpdb1?connect_timeout=60&retry_count=3"},
    {"tcp", "thin:@tcp://db1.example.com:1521/orclpdb1"},
    {"tcps", "thin:@tcps://" + ADB + ":1522/" + SERVICE},
    {"tcps_wallet", "thin:@tcps://" + ADB + ":1522/" + SERVICE + "?wallet_location=/opt/wallet&ssl_server_dn_match=on"},
    {"tcps_colon", "thin:@tcps:" + ADB + ":1522/" + SERVICE},
    {"tcps_no_port", "thin:@tcps://db1.example.com/orclpdb1"},
    {"ipv6", "thin:@//[2001:db8::5]:1521/orclpdb1"},
    {"ipv6_no_slashes", "thin:@[2001:db8::5]:1521/orclpdb1"},
    {"ipv6_no_port", "thin:@//[2001:db8::5]/orclpdb1"},
    {"tcps_ipv6", "thin:@tcps://[2001:db8::5]:2484/orclpdb1"},
    {"ipv4", "thin:@//192.0.2.7:1521/orclpdb1"},
    {"hosts", "thin:@//db1.example.com:1521,db2.example.com:1521/orclpdb1"},
    {"hosts_one_port", "thin:@//db1.example.com,db2.example.com:1521/orclpdb1"},
    {"hosts_no_slashes", "thin:@db1.example.com:1521,db2.example.com:1521/orclpdb1"},
    {"hosts_lists", "thin:@tcp://db1.example.com:1521;db2.example.com:1521/orclpdb1"},
    {"tcps_hosts", "thin:@tcps://db1.example.com:2484,db2.example.com:2484/orclpdb1"},
    {"descriptor", "thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=db1.example.com)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=orclpdb1)))"},
    {"descriptor_sid", "thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=db1.example.com)(PORT=1521))(CONNECT_DATA=(SID=ORCL)))"},
    {"descriptor_tcps", "thin:@(description=(retry_count=20)(retry_delay=3)(address=(protocol=tcps)(port=1522)(host=" + ADB + "))"
        + "(connect_data=(service_name=" + SERVICE + "))(security=(ssl_server_dn_match=yes)))"},
    {"descriptor_list", "thin:@(DESCRIPTION=(ADDRESS_LIST=(LOAD_BALANCE=on)(ADDRESS=(PROTOCOL=tcp)(HOST=db1.example.com)(PORT=1521))"
        + "(ADDRESS=(PROTOCOL=tcp)(HOST=db2.example.com)(PORT=1522)))(CONNECT_DATA=(SERVICE_NAME=orclpdb1)))"},
    {"descriptor_ipv6", "thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=2001:db8::5)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=orclpdb1)))"},
    {"ldap", "thin:@ldap://oid.example.com:389/hotel,cn=OracleContext,dc=example,dc=com"},
    {"ldaps", "thin:@ldaps://oid.example.com:636/hotel,cn=OracleContext,dc=example,dc=com"},
    {"ldap_no_port", "thin:@ldap://oid.example.com/hotel,cn=OracleContext,dc=example,dc=com"},
    {"ldap_entry", "thin:@ldap://oid.example.com:389/cn=hotel,cn=OracleContext,dc=example,dc=com"},
    {"ldap_two", "thin:@ldap://oid1.example.com:389/hotel,cn=OracleContext,dc=example,dc=com ldap://oid2.example.com:389/hotel,cn=OracleContext,dc=example,dc=com"},
    {"config_object", "thin:@config-ociobject://objectstorage.eu-frankfurt-1.oraclecloud.com/n/hotel/b/config/o/hotel.json"},
    {"config_object_key", "thin:@config-ociobject:https://objectstorage.eu-frankfurt-1.oraclecloud.com/n/hotel/b/config/o/hotel.json?key=hotel"},
    {"config_https", "thin:@config-https://config.example.com/hotel.json"},
    {"config_file", "thin:@config-file:///opt/hotel.json?key=hotel"},
    {"config_azure", "thin:@config-azure://hotel?key=/hotel/&label=production"},
    {"alias", "thin:@hotel_high"},
    {"alias_wallet", "thin:@hotel_high?TNS_ADMIN=/opt/wallet"},
    {"alias_password", "thin:hotel/secret@hotel_high"},
    {"oci", "oci:@hotel_high"},
    {"oci_service", "oci:@//db1.example.com:1521/orclpdb1"},
    {"kprb", "kprb:"},
  };

  /** Name and URL, without jdbc: in front: wrappers, lists of hosts, and products whose URLs have a form of their own. */
  private static final String[][] OTHERS = {
    {"p6spy", "p6spy:oracle:thin:@//db1.example.com:1521/orclpdb1"},
    {"p6spy_postgresql", "p6spy:postgresql://db1.example.com:5432/hotel"},
    {"log4jdbc", "log4jdbc:oracle:thin:@//db1.example.com:1521/orclpdb1"},
    {"otel", "otel:oracle:thin:@//db1.example.com:1521/orclpdb1"},
    {"aws", "aws-wrapper:postgresql://db1.example.com:5432/hotel"},
    {"testcontainers", "tc:postgresql:16:///hotel"},
    {"default_connection", "default:connection:"},
    {"h2_tcp", "h2:tcp://db1.example.com/~/hotel"},
    {"h2_tcp_port", "h2:tcp://db1.example.com:9092/~/hotel"},
    {"h2_ssl", "h2:ssl://db1.example.com:9092/./hotel"},
    {"h2_file", "h2:file:/var/lib/hotel;MODE=Oracle"},
    {"postgresql_hosts", "postgresql://db1.example.com:5432,db2.example.com:5432/hotel?targetServerType=primary"},
    {"postgresql_password", "postgresql://db1.example.com/hotel?user=hotel&password=secret"},
    {"postgresql_database", "postgresql:hotel"},
    {"mysql_hosts", "mysql://db1.example.com:3306,db2.example.com:3306/hotel"},
    {"mysql_failover", "mysql:replication://db1.example.com,db2.example.com/hotel"},
    {"mysql_address", "mysql://address=(host=db1.example.com)(port=3306)(user=hotel)(password=secret)/hotel"},
    {"mysql_password", "mysql://hotel:secret@db1.example.com:3306/hotel"},
    {"mariadb_hosts", "mariadb:sequential://db1.example.com,db2.example.com:3307/hotel"},
    {"sqlserver", "sqlserver://db1.example.com:1433;databaseName=hotel"},
    {"sqlserver_instance", "sqlserver://db1.example.com\\night;databaseName=hotel;user=hotel;password=secret"},
    {"sqlserver_properties", "sqlserver://;serverName=db1.example.com;portNumber=1433;databaseName=hotel"},
    {"jtds", "jtds:sqlserver://db1.example.com:1433/hotel;instance=night"},
    {"db2", "db2://db1.example.com:50000/HOTEL:user=hotel;password=secret;"},
    {"sap", "sap://db1.example.com:30015/?databaseName=hotel&user=hotel&password=secret"},
    {"clickhouse", "clickhouse:http://db1.example.com:8123/hotel?user=hotel&password=secret"},
    {"snowflake", "snowflake://hotel.snowflakecomputing.com/?warehouse=night&db=hotel&user=hotel&password=secret"},
    {"teradata", "teradata://db1.example.com/DATABASE=hotel,USER=hotel,PASSWORD=secret"},
    {"informix", "informix-sqli://db1.example.com:9088/hotel:INFORMIXSERVER=night;user=hotel;password=secret"},
    {"derby", "derby://db1.example.com:1527/hotel;user=hotel;password=secret"},
    {"hsqldb", "hsqldb:hsql://db1.example.com:9001/hotel"},
    {"sqlite", "sqlite:/var/lib/hotel.db"},
  };

  static void oracle() throws SQLException {
    connect("jdbc:oracle:", "Oracle", ORACLE);
  }

  static void others() throws SQLException {
    connect("jdbc:", "Oracle", OTHERS);
  }

  private static void connect(String scheme, String mode, String[][] forms) throws SQLException {
    StandIn driver = new StandIn(scheme, mode);
    for (String[] form : forms) {
      try (Connection connection = driver.connect(scheme + form[1], new Properties()); Statement statement = connection.createStatement()) {
        statement.executeQuery("SELECT sysdate AS " + form[0] + " FROM dual").close();
      }
    }
  }
}
