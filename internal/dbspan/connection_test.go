// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package dbspan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestParseConnection(t *testing.T) {
	tests := []struct {
		text      string
		hint      string
		system    string
		host      string
		port      int64
		namespace string
	}{
		// Oracle JDBC Developer's Guide, "Database URLs and Database Specifiers".
		{text: "jdbc:oracle:thin:@//db1.example.com:1521/orclpdb1", system: "oracle", host: "db1.example.com", port: 1521, namespace: "orclpdb1"},
		{text: "jdbc:oracle:thin:@db1.example.com:1521/orclpdb1.example.com", system: "oracle", host: "db1.example.com", port: 1521, namespace: "orclpdb1.example.com"},
		{text: "jdbc:oracle:thin:@db1:1521:ORCL", system: "oracle", host: "db1", port: 1521, namespace: "ORCL"},
		{text: "jdbc:oracle:thin:@db1:1521", system: "oracle", host: "db1", port: 1521},
		{text: "jdbc:oracle:thin:scott/t@ig/er@//db1:1521/svc", system: "oracle", host: "db1", port: 1521, namespace: "svc"},
		{text: "jdbc:oracle:thin:scott/tiger@db1:1522:ORCL", system: "oracle", host: "db1", port: 1522, namespace: "ORCL"},
		{text: "jdbc:oracle:oci:@shop_high", system: "oracle", namespace: "shop_high"},
		{text: "jdbc:oracle:thin:@shop_high?TNS_ADMIN=/opt/wallet", system: "oracle", namespace: "shop_high"},
		{text: "jdbc:oracle:thin:@tcps://adb.eu-frankfurt-1.oraclecloud.com:1522/g1234_shop_high.adb.oraclecloud.com?wallet_location=/w", system: "oracle", host: "adb.eu-frankfurt-1.oraclecloud.com", port: 1522, namespace: "g1234_shop_high.adb.oraclecloud.com"},
		{text: "jdbc:oracle:thin:@tcp://h1:1521,h2:1522/svc:dedicated/inst1", system: "oracle", host: "h1", port: 1521, namespace: "svc"},
		{text: "jdbc:oracle:thin:@//[2001:db8::1]:1521/svc", system: "oracle", host: "2001:db8::1", port: 1521, namespace: "svc"},
		{text: "jdbc:oracle:thin:@ldap://oid.example.com:389/sales,cn=OracleContext,dc=example,dc=com", system: "oracle", namespace: "sales"},
		{text: "jdbc:oracle:thin:@ldaps://oid.example.com:636/cn=sales,cn=OracleContext", system: "oracle", namespace: "sales"},
		{text: "jdbc:oracle:thin:@(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=db1)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=svc)))", system: "oracle", host: "db1", port: 1521, namespace: "svc"},
		{text: "jdbc:oracle:thin:u/p@(description=(address_list=(address=(protocol=tcp)(host=h1))(address=(protocol=tcp)(host=h2)(port=1522)))(connect_data=(sid=ORCL)))", system: "oracle", host: "h1", namespace: "ORCL"},
		// The Java agent's shortened URL.
		{text: "oracle:thin://localhost:1521", system: "oracle", host: "localhost", port: 1521},
		{text: "jdbc:oracle:thin:scott/tiger", system: "oracle"},
		{text: "(description= (retry_count=20)(address=(protocol=tcps)(port=1522)(host=adb.us-ashburn-1.oraclecloud.com))(connect_data=(service_name=abc_low.adb.oraclecloud.com))(security=(ssl_server_dn_match=yes)))", system: "oracle", host: "adb.us-ashburn-1.oraclecloud.com", port: 1522, namespace: "abc_low.adb.oraclecloud.com"},
		{text: "(DESCRIPTION =\n (ADDRESS = (PROTOCOL = TCP)(HOST = db1)(PORT = 1521))\n (CONNECT_DATA = (SERVER = DEDICATED)(SERVICE_NAME = svc)))", system: "oracle", host: "db1", port: 1521, namespace: "svc"},
		{text: "dbhost.example.com/orclpdb1", hint: "oracle", system: "oracle", host: "dbhost.example.com", namespace: "orclpdb1"},
		{text: "localhost/FREEPDB1", hint: "oracle", system: "oracle", host: "localhost", namespace: "FREEPDB1"},
		{text: "scott/tiger", hint: "oracle"},
		{text: "scott/tiger"},
		{text: "tcps://db1.example.com:2484/orclpdb1?wallet_location=/w", hint: "oracle", system: "oracle", host: "db1.example.com", port: 2484, namespace: "orclpdb1"},
		{text: "tcp://db1/orclpdb1", hint: "oracle", system: "oracle", host: "db1", namespace: "orclpdb1"},
		{text: "tcp://db1/orclpdb1"},
		{text: "spa/Zx9@tcps://db7:2484/svc", hint: "oracle", system: "oracle", host: "db7", port: 2484, namespace: "svc"},
		{text: "user=spa\npassword=Zx9\nconnectString=\"tcps://db7:2484/svc?x=y\"", hint: "oracle", system: "oracle", host: "db7", port: 2484, namespace: "svc"},
		{text: "oracle:thin://spa?tns_admin=:1521", system: "oracle", namespace: "spa"}, // the Java agent's
		{text: "spa?TNS_ADMIN=/opt/wallet", hint: "oracle", system: "oracle", namespace: "spa"},
		{text: "p6spy:", hint: "oracle"},
		{text: "log4jdbc:", hint: "postgresql"},
		{text: "hr/secret@db1:1521/svc", hint: "oracle.db", system: "oracle", host: "db1", port: 1521, namespace: "svc"},
		// SQLAlchemy.
		{text: "oracle+oracledb://scott:tiger@db1:1521/?service_name=freepdb1", system: "oracle", host: "db1", port: 1521, namespace: "freepdb1"},
		{text: "oracle+cx_oracle://scott:tiger@db1:1521/orcl", system: "oracle", host: "db1", port: 1521, namespace: "orcl"},
		{text: "postgresql+psycopg2://scott:tiger@localhost/mydatabase", system: "postgresql", host: "localhost", namespace: "mydatabase"},
		{text: "sqlite:////srv/data/shop.db", system: "sqlite", namespace: "shop.db"},

		{text: "jdbc:postgresql://pg.example.com:5433/shop?user=app&password=secret", system: "postgresql", host: "pg.example.com", port: 5433, namespace: "shop"},
		{text: "user=app\tpassword=Zx9\thost=pg7\tdbname=spa", system: "postgresql", host: "pg7", namespace: "spa"},
		{text: "host=pg7\nuser=app\npassword=Zx9\ndbname=spa", system: "postgresql", host: "pg7", namespace: "spa"},
		{text: "jdbc:mysql://(host=my7,port=3307,user=app,password=Zx9)/spa", system: "mysql", host: "my7", port: 3307, namespace: "spa"},
		{text: "jdbc:h2:mem:spa;USER=sa;PASSWORD=Zx9", system: "h2", namespace: "spa"},
		{text: "token:Zx9@ws7.example.com:443/sql/1.0/warehouses/a", hint: "databricks", host: "ws7.example.com", port: 443},
		{text: "unix:/run/pg.sock", hint: "postgresql"},
		{text: "postgresql://localhost:5432/shop", system: "postgresql", host: "localhost", port: 5432, namespace: "shop"}, // Node pg
		{text: "postgres://app:s3cr3t@h1:5432,h2:5432/shop?target_session_attrs=primary", system: "postgresql", host: "h1", port: 5432, namespace: "shop"},
		{text: "postgres://app:pa/ss@h1:5432/shop", system: "postgresql", host: "h1", port: 5432, namespace: "shop"},
		{text: "postgres://app:12?x@h1:5432/shop", system: "postgresql"},
		{text: "postgres://app:12#x@h1:5432/shop", system: "postgresql", host: "h1", port: 5432, namespace: "shop"},
		{text: "jdbc:postgresql://h1:5432/shop?user=admin@corp.com&options=a/b", system: "postgresql", host: "h1", port: 5432, namespace: "shop"},
		{text: "host=pg1 port=5432 dbname=shop user=app password='a b'", system: "postgresql", host: "pg1", port: 5432, namespace: "shop"},
		{text: "host=pg1\nuser=app\npassword=secret\ndbname=shop\nport=5433", system: "postgresql", host: "pg1", port: 5433, namespace: "shop"},
		{text: "user=app\tpassword=se,cret\thost=pg1\tdbname=shop", system: "postgresql", host: "pg1", namespace: "shop"},
		{text: "database=shop,user=app,password=secret"}, // Teradata's
		{text: "host='/var/run/postgresql' dbname=shop", system: "postgresql", host: "/var/run/postgresql", namespace: "shop"},

		{text: "jdbc:mysql://my.host:22/mydb?user=myuser&password=PW", system: "mysql", host: "my.host", port: 22, namespace: "mydb"},
		{text: "jdbc:mysql:host:3306", system: "mysql", host: "host", port: 3306},
		{text: "jdbc:mysql:loadbalance://127.0.0.1,127.0.0.2:3306/mdbdb", system: "mysql", host: "127.0.0.1", namespace: "mdbdb"},
		{text: "jdbc:mysql:replication://address=(HOST=127.0.0.1)(port=33)(user=u)(password=PW),address=(host=mdb.host)(port=3306)/mdbdb?password=PW", system: "mysql", host: "127.0.0.1", port: 33, namespace: "mdbdb"},
		{text: "jdbc:mysql://[::1]:3306/mydb", system: "mysql", host: "::1", port: 3306, namespace: "mydb"},
		{text: "jdbc:aws-wrapper:mysql://h:3306/db", system: "mysql", host: "h", port: 3306, namespace: "db"},
		{text: "app:se@cret@tcp(mysql1:3306)/shop?parseTime=true", system: "mysql", host: "mysql1", port: 3306, namespace: "shop"},
		{text: "app:secret@unix(/run/mysqld.sock)/shop", system: "mysql", host: "/run/mysqld.sock", namespace: "shop"},
		{text: "mysql:3306/shop", host: "mysql", port: 3306, namespace: "shop"}, // a host called mysql
		{text: "jdbc:mariadb:failover://h1:3306,h2:3306/db?user=admin@corp.com&serverSslCert=/etc/ca.pem", system: "mariadb", host: "h1", port: 3306, namespace: "db"},

		{text: `jdbc:sqlserver://ss.host\inst:44;databaseName=ssdb;user=u;password=p@/w`, system: "mssql", host: "ss.host", port: 44, namespace: "ssdb"},
		{text: "jdbc:sqlserver://;serverName=ss1;portNumber=1444;databaseName=db", system: "mssql", host: "ss1", port: 1444, namespace: "db"},
		{text: "jdbc:jtds:sqlserver://h:1433/db;instance=i", system: "mssql", host: "h", port: 1433, namespace: "db"},
		{text: "Server=tcp:shop.database.windows.net,1433;Initial Catalog=shop;User ID=app;Password={a;Server=evil};Encrypt=True", system: "mssql", host: "shop.database.windows.net", port: 1433, namespace: "shop"},
		{text: `Data Source=db1\SQLEXPRESS;Integrated Security=true;Database=shop`, system: "mssql", host: "db1", namespace: "shop"},
		{text: "Driver={ODBC Driver 18 for SQL Server};Server=db1;Database=shop;Uid=u;Pwd=p", system: "mssql", host: "db1", namespace: "shop"},
		{text: "User Id=hr;Password=\"x;Data Source=evil\";Data Source=db1:1521/orclpdb1;", hint: "oracle", system: "oracle", host: "db1", port: 1521, namespace: "orclpdb1"},
		{text: "Data Source=(DESCRIPTION=(ADDRESS=(PROTOCOL=TCP)(HOST=db1)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=svc)));User Id=hr;Password=pw", system: "oracle", host: "db1", port: 1521, namespace: "svc"},
		{text: "Driver={Oracle in instantclient_19_8};Dbq=shop_high;Uid=u;Pwd=p", system: "oracle", namespace: "shop_high"},
		{text: "Server=db1;Port=3307;Database=shop;Uid=u;Pwd=p", hint: "mysql", system: "mysql", host: "db1", port: 3307, namespace: "shop"},
		{text: "Data Source=/srv/shop.db", hint: "sqlite", system: "sqlite", namespace: "shop.db"},

		{text: "jdbc:h2:mem:testdb;DB_CLOSE_DELAY=-1", system: "h2", namespace: "testdb"},
		{text: "jdbc:h2:tcp://localhost:9092/~/test", system: "h2", host: "localhost", port: 9092, namespace: "test"},
		{text: "jdbc:sqlite::memory:", system: "sqlite", namespace: ":memory:"},
		{text: "jdbc:db2://db2host:50000/SAMPLE:user=u;password=p;", system: "db2", host: "db2host", port: 50000, namespace: "SAMPLE"},
		{text: "jdbc:tc:postgresql:16:///shop", system: "postgresql", namespace: "shop"},
		{text: "jdbc:clickhouse:http://localhost:8123/mydb", system: "clickhouse", host: "localhost", port: 8123, namespace: "mydb"},
		{text: "mongodb+srv://cluster0.example.net/shop?retryWrites=true", system: "mongodb", host: "cluster0.example.net", namespace: "shop"},
		{text: "rediss://:pw@cache1:6380/2", system: "redis", host: "cache1", port: 6380, namespace: "2"},
		{text: "localhost:5432/shop", hint: "postgresql", system: "", host: "localhost", port: 5432, namespace: "shop"},

		{text: ""},
		{text: "http://example.com/x"},
		{text: "just a sentence", host: ""},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			hint, _ := LookupSystem(tt.hint)
			got := ParseConnection(tt.text, hint)
			assert.Equal(t, tt.system, got.System.Legacy, "system")
			assert.Equal(t, tt.host, got.Host, "host")
			assert.Equal(t, tt.port, got.Port, "port")
			assert.Equal(t, tt.namespace, got.Namespace, "namespace")
		})
	}
}

// No part of a password may be taken for a host or a database, whatever characters it
// contains.
func TestParseConnectionKeepsPasswords(t *testing.T) {
	shapes := []string{
		"jdbc:oracle:thin:app/%s@//db1:1521/svc",
		"jdbc:oracle:thin:app/%s@db1:1521:orcl",
		"jdbc:oracle:thin:app/%s@(DESCRIPTION=(ADDRESS=(HOST=db1)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=svc)))",
		"oracle+oracledb://app:%s@db1:1521/svc",
		"app/%s@db1:1521/svc",
		"app/%s@alias",
		"postgresql://app:%s@db1:5432/shop",
		"postgresql://app:%s@db1/shop",
		"mysql://app:%s@db1:3306/shop?tls=true",
		"mongodb://app:%s@h1:27017,h2:27017/shop",
		"redis://:%s@db1:6379/0",
		"redis-sentinel://%s@s1:26379,s2/0#shop",
		"redis-socket://%s@/run/redis.sock",
		"teradata://app:%s@db1/DATABASE=shop",
		"firebolt://app:%s@shop/engine",
		"snowflake://app:%s@account/shop",
		"ecto://app:%s@db1/shop",
		"ecto:app:%s@db1/shop",
		"jdbc:teradata://db1/PASSWORD=%s,DATABASE=shop",
		"app:%s@tcp(db1:3306)/shop",
		"app:%s@(db1:3306)/shop",
		"Server=db1;Database=shop;Uid=app;Pwd={%s}",
		"Data Source=db1:1521/svc;User Id=app;Password='%s'",
		"host=db1 dbname=shop password='%s'",
		"jdbc:sqlserver://db1:1433;databaseName=shop;user=app;password={%s}",
		"jdbc:sqlserver://db1;user=app;password={%s};databaseName=shop",
		"jdbc:sqlserver://db1;user=app;password={%s",
		"jdbc:mysql://db1/?user=app&password=%s",
	}
	passwords := []string{
		"XSECRETX", "a/XSECRETX", "a@XSECRETX", "a:XSECRETX", "a?XSECRETX", "a#XSECRETX", "a=XSECRETX", "a&XSECRETX", "1521/XSECRETX",
		"XSECRETX/a", "XSECRETX@a", "XSECRETX:a", "XSECRETX?a", "XSECRETX#a", "@//XSECRETX", "@XSECRETX:1521/b", "a%2FXSECRETX", "(XSECRETX", "[XSECRETX]",
		"a;databaseName=XSECRETX", "a;database=XSECRETX;b", "}};databaseName=XSECRETX;b",
	}
	for _, hint := range []string{"", "oracle", "postgresql"} {
		system, _ := LookupSystem(hint)
		for _, shape := range shapes {
			for _, password := range passwords {
				text := fmt.Sprintf(shape, password)
				got := ParseConnection(text, system)
				assert.NotContains(t, got.Host+" "+got.Namespace, "XSECRETX", "%s with hint %q", text, hint)
			}
		}
	}
}

func FuzzParseConnection(f *testing.F) {
	for _, seed := range []string{
		"jdbc:oracle:thin:app/pw@//db1:1521/svc", "(DESCRIPTION=(ADDRESS=(HOST=db1)(PORT=1521))(CONNECT_DATA=(SID=x)))",
		"postgresql://app:pw@db1:5432/shop?x=y", "Server=tcp:db1,1433;Database={a}}b};Pwd='x'", "app:pw@tcp(db1:3306)/shop", "host=a dbname='b",
		"jdbc:mysql:replication://address=(host=::1)(port=33)/mydb", "jdbc:sqlserver://h\\i:1;databaseName=d", "=;=", "@", "(((", "oracle:",
	} {
		f.Add(seed, "oracle")
		f.Add(seed, "")
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		hint, _ := LookupSystem(name)
		c := ParseConnection(text, hint)
		if c.Port < 0 || c.Port > 65535 {
			t.Errorf("port %d", c.Port)
		}
		if strings.ContainsAny(c.Host, "@=;") || strings.ContainsAny(c.Namespace, "@=;") {
			t.Errorf("host %q, namespace %q", c.Host, c.Namespace)
		}
		if c.Host == "" && c.Port != 0 {
			t.Errorf("port %d without a host", c.Port)
		}
	})
}

func TestParseConnectionIsLinear(t *testing.T) {
	for _, unit := range []string{"(", "@", "jdbc:", "a=b;", "(HOST=", "'", "/", "[", "ldap://", "@(", "=", ";"} {
		assert.NotPanics(t, func() { ParseConnection("jdbc:oracle:thin:"+strings.Repeat(unit, 1<<12), System{}) })
		assert.Equal(t, Connection{}, ParseConnection(strings.Repeat(unit, 1<<16), Oracle), "longer than any connection string")
	}
}

func BenchmarkParseConnection(b *testing.B) {
	for _, text := range []string{
		"jdbc:oracle:thin:@//db1.example.com:1521/orclpdb1",
		"(DESCRIPTION=(ADDRESS=(PROTOCOL=tcp)(HOST=db1)(PORT=1521))(CONNECT_DATA=(SERVICE_NAME=svc)))",
		"Server=tcp:shop.database.windows.net,1433;Initial Catalog=shop;User ID=app;Password=x;Encrypt=True",
	} {
		b.Run(text[:12], func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ParseConnection(text, System{})
			}
		})
	}
}

func TestParseConnectionOfDrivers(t *testing.T) {
	tests := []struct {
		text, hint, system, host string
		port                     int64
		namespace                string
	}{
		{text: "application_name=x host=pg7 dbname=spa", system: "postgresql", host: "pg7", namespace: "spa"},
		{text: `user="app" password="x" connectString="db7:1521/spa" poolMaxSessions=4`, system: "oracle", host: "db7", port: 1521, namespace: "spa"},
		{text: "app:x@tcp(my7)/spa", hint: "mysql", system: "mysql", host: "my7", namespace: "spa"},
		{text: "tcp(my7:3307)/spa", hint: "mysql", system: "mysql", host: "my7", port: 3307, namespace: "spa"},
		{text: "app:x@(my7:3307)/spa?tls=true", system: "mysql", host: "my7", port: 3307, namespace: "spa"},
		{text: "(my7)/spa", system: "mysql", host: "my7", namespace: "spa"},
		{text: "app:x@(/run/my.sock)/", system: "mysql", host: "/run/my.sock"},
		{text: "app/x@(HOST=db7)/spa", system: "oracle", host: "db7", namespace: "spa"},
		{text: "tcp://ch7:9000?username=app&database=spa", hint: "clickhouse", system: "clickhouse", host: "ch7", port: 9000, namespace: "spa"},
		{text: "https://ch7:8123/spa", hint: "clickhouse", system: "clickhouse", host: "ch7", port: 8123, namespace: "spa"},
		{text: "mysql:host=my7;port=3307;dbname=spa", system: "mysql", host: "my7", port: 3307, namespace: "spa"},
		{text: "jdbc:postgresql://pg7.example.com/spa?who=a@b", system: "postgresql", host: "pg7.example.com", namespace: "spa"},
		{text: "jdbc:db2:serverName=db7/x", system: "db2", host: "db7/x"},
		{text: "sqlsrv:Server=sql7,1444;Database=spa", system: "mssql", host: "sql7", port: 1444, namespace: "spa"},
		{text: "oci:dbname=//db7:1521/spa", system: "oracle", host: "db7", port: 1521, namespace: "spa"},
		{text: "cache7:6380,password=a@b,ssl=True", hint: "redis", host: "cache7", port: 6380},
		{text: "Contact Points=c7,c8;Port=9042;Default Keyspace=spa", hint: "cassandra", system: "cassandra", host: "c7", port: 9042, namespace: "spa"},
		{text: "serverNode=hana7:30015;uid=app;pwd=x", hint: "hanadb", system: "hanadb", host: "hana7", port: 30015},
		{text: "host7.example.com?password=x", hint: "postgresql", host: "host7.example.com"},
		{text: "jdbc:cloudspanner:/projects/p/instances/i/databases/spa;credentials=/k.json", system: "spanner", namespace: "projects/p/instances/i/databases/spa"},
		{text: "jdbc:cloudspanner://sp7:9010/projects/p/instances/i/databases/spa;usePlainText=true", system: "spanner", host: "sp7", port: 9010, namespace: "projects/p/instances/i/databases/spa"},
		{text: "spanner+spanner:///projects/p/instances/i/databases/spa", system: "spanner", namespace: "projects/p/instances/i/databases/spa"},
		{text: "projects/p/instances/i/databases/spa?credentials=/k.json", hint: "spanner", system: "spanner", namespace: "projects/p/instances/i/databases/spa"},
		{text: "projects/p/x/y?z@h7/spa", hint: "spanner"},
		{text: `jdbc:sqlserver://;serverName=sql7\SPA;databaseName={spa 7};password={Zx9;databaseName=x}`, system: "mssql", host: "sql7", namespace: "spa 7"},
		{text: "jdbc:sqlserver://sql7;password={Zx9}};databaseName=x};databaseName=spa", system: "mssql", host: "sql7", namespace: "spa"},
		{text: "sqlserver://app:Zx9@sql7?database=spa&user=a@b", system: "mssql", host: "sql7", namespace: "spa"},
		{text: "postgresql:///spa?host=pg7,pg8&port=5433,5434", system: "postgresql", host: "pg7", port: 5433, namespace: "spa"},
		{text: "postgresql://app:Zx9@/spa?host=/cloudsql/p:r:i", system: "postgresql", host: "/cloudsql/p:r:i", namespace: "spa"},
		{text: "postgresql://%2Frun%2Fpg:5433/spa", system: "postgresql", host: "/run/pg", port: 5433, namespace: "spa"},
		{text: "mongodb://app:Zx9@%2ftmp%2fm.sock/spa", system: "mongodb", host: "/tmp/m.sock", namespace: "spa"},
		{text: "mysql+pymysql://app:Zx9@/spa?unix_socket=/tmp/my.sock", system: "mysql", host: "/tmp/my.sock", namespace: "spa"},
		{text: "bigquery://bq7.example.com/spa", system: "bigquery", host: "bq7.example.com", namespace: "spa"},
		{text: "bigquery://p/spa", system: "bigquery", namespace: "spa"},
		{text: "bigquery://bq7:9050/spa", system: "bigquery", host: "bq7", port: 9050, namespace: "spa"},
		{text: "snowflake://app@acc.eu-central-1/spa/public?warehouse=w", system: "snowflake", namespace: "spa"},
		{text: "snowflake://app@acc.snowflakecomputing.com/spa", system: "snowflake", host: "acc.snowflakecomputing.com", namespace: "spa"},
		{text: "app:Zx9@sf7:443/spa/public?account=acc", hint: "snowflake", host: "sf7", port: 443, namespace: "spa"},
		{text: "jdbc:ch:https://ch7:8443/spa", system: "clickhouse", host: "ch7", port: 8443, namespace: "spa"},
		{text: "jdbc:sybase:Tds:sy7:5000/spa", system: "sybase", host: "sy7", port: 5000, namespace: "spa"},
		{text: "jdbc:sybase:Tds:sy7:5000?ServiceName=spa", system: "sybase", host: "sy7", port: 5000, namespace: "spa"},
		{text: "jdbc:jtds:sybase://sy7:5000/spa", system: "sybase", host: "sy7", port: 5000, namespace: "spa"},
		{text: "ecto://app@pg7:5433/spa", hint: "postgresql", system: "postgresql", host: "pg7", port: 5433, namespace: "spa"},
		{text: "ecto://pg7/spa", host: "pg7", namespace: "spa"},
		{text: "odbc:server=sql7;user id=app;password={Zx9;x};database=spa", host: "sql7", namespace: "spa"},
		{text: "dblib:host=sql7:1433;dbname=spa", system: "mssql", host: "sql7", port: 1433, namespace: "spa"},
		{text: "mysql:unix_socket=/run/my.sock;dbname=spa", system: "mysql", host: "/run/my.sock", namespace: "spa"},
		{text: "host=pg7,pg8 port=5433,5434 dbname=spa", system: "postgresql", host: "pg7", port: 5433, namespace: "spa"},
		{text: "jdbc:oracle://db7:1521;ServiceName=spa;User=app;Password=Zx@Zy", system: "oracle"}, // Zy may be of the password
		{text: "AccountEndpoint=https://c7.documents.azure.com:443/;AccountKey=Zx9==;", host: "c7.documents.azure.com", port: 443},
		{text: "AccountEndpoint=https://c7.documents.azure.com:443/;AccountKey=Zx9==;Database=spa", hint: "cosmosdb", system: "cosmosdb", host: "c7.documents.azure.com", port: 443, namespace: "spa"},
		{text: "jdbc:exa:10.0.0.11..14/A1B2C3:8563;schema=x", system: "exasol", host: "10.0.0.11", port: 8563},
		{text: "jdbc:exa:ex7,ex8:8563", system: "exasol", host: "ex7"},
		{text: "exa:Zx9", system: "exasol"},
		{text: "jdbc:teradata://td7/DATABASE=spa,DBS_PORT=1026,USER=app,PASSWORD=Zx9", system: "teradata", host: "td7", port: 1026, namespace: "spa"},
		{text: "jdbc:teradata://td7/PASSWORD='x,DATABASE=Zx9'", system: "teradata", host: "td7"},
		{text: "jdbc:redshift:iam://cluster7:us-east-1/spa", system: "redshift", namespace: "spa"},
		{text: "jdbc:redshift:iam://rs7.example.com:5439/spa", system: "redshift", host: "rs7.example.com", port: 5439, namespace: "spa"},
		{text: "firebolt://app@spa/engine7?account_name=x", system: "firebolt", namespace: "spa"},
		{text: "jdbc:cassandra://c7:9042--c8:9042/spa?localdatacenter=DC1", system: "cassandra", host: "c7", port: 9042, namespace: "spa"},
		{text: "cassandra:x--Zx9", system: "cassandra"},
		{text: "jdbc:hive2://z7:2181,z8:2181/spa;serviceDiscoveryMode=zooKeeper", system: "hive", namespace: "spa"},
		{text: "jdbc:hive2://h7:10000,h8:10000/spa;ssl=true", system: "hive", host: "h7", port: 10000, namespace: "spa"},
		{text: "jdbc:phoenix:z7,z8:2181:/hbase", system: "phoenix"},
		{text: "jdbc:avatica:remote:url=https://d7:8888/druid/v2/sql/avatica/;x=y", system: "druid", host: "d7", port: 8888},
		{text: "jdbc:firebirdsql:fb7/3051:/srv/spa.fdb", system: "firebird", host: "fb7", port: 3051, namespace: "spa.fdb"},
		{text: "jdbc:firebirdsql:embedded:/srv/spa.fdb", system: "firebird", namespace: "spa.fdb"},
		{text: "postgres:Zx9", system: "postgresql"},
		{text: "jdbc:datadirect:oracle://db7:1521;ServiceName=spa", system: "oracle", host: "db7", port: 1521, namespace: "spa"},
		{text: "jdbc:microsoft:sqlserver://sql7:1433;DatabaseName=spa", system: "mssql", host: "sql7", port: 1433, namespace: "spa"},
		{text: "mssql+pyodbc:///?odbc_connect=DRIVER%3D%7BODBC+Driver+18+for+SQL+Server%7D%3BSERVER%3Dsql7%3BDATABASE%3Dspa%3BPWD%3DZx9", system: "mssql", host: "sql7", namespace: "spa"},
		{text: "redis-sentinel://Zx9@s7:26379,s8/0#spa", system: "redis", namespace: "spa"},
		{text: "redis-sentinel://s7:26379/0?timeout=1s&sentinelMasterId=spa", system: "redis", namespace: "spa"},
		{text: "rediss+sentinel://:x#y@s7/spa/0", system: "redis", namespace: "spa"},
		{text: "redis-socket://Zx9@/run/redis.sock?database=2", system: "redis", host: "/run/redis.sock", namespace: "2"},
		{text: "unix:///run/redis.sock?db=2", hint: "redis", system: "redis", host: "/run/redis.sock", namespace: "2"},
		{text: "https://elastic@es7:9243/rooms/_search", hint: "elasticsearch", system: "elasticsearch", host: "es7", port: 9243},
		{text: "https://c7.documents.azure.com:443/", hint: "cosmosdb", system: "cosmosdb", host: "c7.documents.azure.com", port: 443},
		{text: "spaDataSource", hint: "postgresql"},
		{text: "db7:spa", hint: "oracle", system: "oracle"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			hint, _ := LookupSystem(tt.hint)
			got := ParseConnection(tt.text, hint)
			assert.Equal(t, tt.system, got.System.Legacy, "system")
			assert.Equal(t, tt.host, got.Host, "host")
			assert.Equal(t, tt.port, got.Port, "port")
			assert.Equal(t, tt.namespace, got.Namespace, "namespace")
		})
	}
}
