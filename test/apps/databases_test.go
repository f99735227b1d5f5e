// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
	"crypto/md5" //nolint:gosec // Oracle's choice
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	databaseUser     = "tester"
	databasePassword = "p@ss word/1" // needs escaping in a URL
	shopDatabase     = "shop"
	stayEasyDatabase = "stayeasy"

	// shopLimit is the time limit of the shop's statements.
	shopLimit = time.Second
)

// database is a database that runs during one test.
type database struct {
	system  string // db.system
	name    string // db.name; "" when the instrumentation does not know it
	host    string // "" when there is no server
	port    int
	url     string // in the form that apps expect; "" lets the app use its default
	version string // for the table at the end
	// slow is a statement that exceeds the shop's time limit, which the database
	// enforces.
	slow string
}

// peer is the collector's name for the database in peer.service.
func (d database) peer() string {
	switch {
	case d.system == "oracle" && d.name != "":
		return d.system + ":" + strings.ToLower(d.name)
	case d.name != "":
		return d.system + ":" + d.name
	case d.host != "":
		return d.system + "@" + d.host
	default:
		return d.system
	}
}

// connection are the attributes of a database span without a statement.
func (d database) connection() map[string]string {
	attributes := d.attributes("", "")
	delete(attributes, "db.operation")
	delete(attributes, "db.statement")
	return attributes
}

// attributes are those of a database span with a statement.
func (d database) attributes(operation, statement string) map[string]string {
	attributes := map[string]string{
		"db.system": d.system, "db.operation": operation, "db.statement": statement, "peer.service": d.peer(),
	}
	if d.name != "" {
		attributes["db.name"] = d.name
	}
	if d.system == "oracle" {
		attributes["DbOracleSqlId"] = sqlID(statement)
	}
	return attributes
}

// sqlID is the SQL_ID that Oracle Database assigns to a text: the last 8 bytes of the
// MD5 of the text and a NUL, read as two little-endian words, as 13 digits of base 32
// without e, i, l and o.
func sqlID(text string) string {
	digits := "0123456789abcdfghjkmnpqrstuvwxyz"
	sum := md5.Sum(append([]byte(text), 0)) //nolint:gosec // Oracle's choice
	rest := uint64(binary.LittleEndian.Uint32(sum[8:]))<<32 | uint64(binary.LittleEndian.Uint32(sum[12:]))
	var id [13]byte
	for i := range id {
		id[len(id)-1-i] = digits[rest%32]
		rest /= 32
	}
	return string(id[:])
}

// withURL sets the address of a database server.
func (d database) withURL(scheme string) database {
	d.url = fmt.Sprintf("%s://%s:%s@%s:%d/%s", scheme, databaseUser, "p%40ss%20word%2F1", d.host, d.port, d.name)
	return d
}

// stayEasySQLite needs no server. StayEasy creates its file.
func stayEasySQLite(t *testing.T) database {
	t.Helper()
	return database{system: "sqlite", name: stayEasyDatabase, version: sqliteVersion(t)}
}

// shopSQLite creates the shop's file.
func shopSQLite(t *testing.T) database {
	t.Helper()
	file := filepath.Join(t.TempDir(), shopDatabase+".db")
	script := "import sqlite3, sys\nconnection = sqlite3.connect(sys.argv[1])\nconnection.executescript(sys.argv[2])"
	tables := strings.ReplaceAll(strings.Join(shopTables, ";\n"), "SERIAL", "INTEGER")
	run(t, exec.CommandContext(t.Context(), "python3", "-c", script, file, tables))
	return database{
		system: "sqlite", name: shopDatabase, version: sqliteVersion(t), url: "sqlite:///" + file,
		// The app aborts it: SQLite has no time limit.
		slow: "SELECT COUNT(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n)",
	}
}

// unnamed is a database whose name the instrumentation cannot know.
func unnamed(start func(*testing.T) database) func(*testing.T) database {
	return func(t *testing.T) database {
		t.Helper()
		db := start(t)
		db.name = ""
		return db
	}
}

// oracleStandIn needs no server: python/oracle/oracledb.py replaces the driver, because
// no Oracle Database is available.
func oracleStandIn(t *testing.T) database {
	t.Helper()
	// Statements and ids taken from a real Oracle Database.
	require.Equal(t, "7h35uxf5uhmm1", sqlID("select sysdate from dual"))
	require.Equal(t, "8g5sad1dzaura", sqlID("ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'"))
	return database{
		system: "oracle", name: "FREEPDB1", host: "127.0.0.1", port: 1521, version: "stand-in for Oracle Database",
		slow: "SELECT DBMS_SESSION.SLEEP(30) FROM dual",
	}.withURL("oracle")
}

func sqliteVersion(t *testing.T) string {
	t.Helper()
	return "SQLite " + run(t, exec.CommandContext(t.Context(), "python3", "-c", "import sqlite3; print(sqlite3.sqlite_version)"))
}

// stayEasyPostgreSQL starts a PostgreSQL server with an empty database.
func stayEasyPostgreSQL(t *testing.T) database {
	t.Helper()
	return startPostgreSQL(t, stayEasyDatabase)
}

// shopPostgreSQL starts a PostgreSQL server with the shop's tables and limit.
func shopPostgreSQL(t *testing.T) database {
	t.Helper()
	limit := fmt.Sprintf("ALTER DATABASE %s SET statement_timeout = %d", shopDatabase, shopLimit.Milliseconds())
	return startPostgreSQL(t, shopDatabase, append(slices.Clone(shopTables), limit)...)
}

// startPostgreSQL starts a PostgreSQL server on a free loopback port, with one
// database on which the statements are run.
func startPostgreSQL(t *testing.T, name string, statements ...string) database {
	t.Helper()
	owner := unprivileged(t, "postgres")
	folder := owner.folder(t)
	data := filepath.Join(folder, "data")
	password := filepath.Join(folder, "password")
	require.NoError(t, os.WriteFile(password, []byte(databasePassword), 0o600))
	owner.own(t, password)

	run(t, owner.command(t, program(t, "initdb"), "--pgdata", data, "--username", databaseUser, "--pwfile", password,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync"))
	host, port := freePort(t)
	server := owner.command(t, program(t, "postgres"), "-D", data, "-p", strconv.Itoa(port), "-k", folder,
		"-c", "listen_addresses="+host, "-c", "fsync=off")
	harness.Start(t, server).AwaitOutput(t, "database system is ready to accept connections")

	address := []string{"--host", host, "--port", strconv.Itoa(port), "--username", databaseUser, "--no-password"}
	create := owner.command(t, program(t, "createdb"), append(address, name)...)
	create.Env = append(os.Environ(), "PGPASSWORD="+databasePassword)
	run(t, create)
	for _, statement := range statements {
		address = append(address, "--command", statement)
	}
	if len(statements) > 0 {
		set := owner.command(t, program(t, "psql"), append(address, "--quiet", "--set", "ON_ERROR_STOP=1", name)...)
		set.Env = create.Env
		run(t, set)
	}
	return database{
		system: "postgresql", name: name, host: host, port: port,
		version: "PostgreSQL " + versionOf(t, program(t, "postgres")),
		slow:    "SELECT pg_sleep(30)",
	}.withURL("postgresql")
}

// stayEasyMariaDB starts a MariaDB server with an empty database.
func stayEasyMariaDB(t *testing.T) database {
	t.Helper()
	return startMariaDB(t, stayEasyDatabase, 0)
}

// shopMariaDB starts a MariaDB server with the shop's tables and limit.
func shopMariaDB(t *testing.T) database {
	t.Helper()
	return startMariaDB(t, shopDatabase, shopLimit, shopTables...)
}

// startMariaDB starts a MariaDB server on a free loopback port, with one database on
// which the statements are run, and a time limit for the apps' statements; 0 means no
// limit.
func startMariaDB(t *testing.T, name string, limit time.Duration, statements ...string) database {
	t.Helper()
	owner := unprivileged(t, "mysql")
	folder := owner.folder(t)
	data := filepath.Join(folder, "data")
	// This program is a shell script that accepts --datadir only with an equals sign.
	run(t, owner.command(t, program(t, "mariadb-install-db"), "--no-defaults", "--datadir="+data,
		"--auth-root-authentication-method=normal", "--skip-test-db"))

	setup := filepath.Join(folder, "setup.sql")
	script := fmt.Sprintf(`CREATE DATABASE IF NOT EXISTS %[1]s;
CREATE USER IF NOT EXISTS '%[2]s'@'127.0.0.1' IDENTIFIED BY '%[3]s' WITH MAX_STATEMENT_TIME %[4]f;
GRANT ALL ON %[1]s.* TO '%[2]s'@'127.0.0.1';
USE %[1]s;
`, name, databaseUser, databasePassword, limit.Seconds())
	script += strings.Join(statements, ";\n") + ";\n"
	require.NoError(t, os.WriteFile(setup, []byte(script), 0o600))
	owner.own(t, setup)

	host, port := freePort(t)
	server := owner.command(t, program(t, "mariadbd"), "--no-defaults", "--datadir", data,
		"--bind-address", host, "--port", strconv.Itoa(port), "--socket", filepath.Join(folder, "socket"),
		"--pid-file", filepath.Join(folder, "pid"), "--skip-name-resolve", "--init-file", setup,
		"--innodb-flush-log-at-trx-commit=0")
	harness.Start(t, server).AwaitOutput(t, "ready for connections")
	return database{
		// The drivers report mysql for both MySQL and MariaDB.
		system: "mysql", name: name, host: host, port: port,
		version: "MariaDB " + versionOf(t, program(t, "mariadbd")),
		slow:    "SELECT SLEEP(30)",
	}.withURL("mysql")
}

// redis starts a Redis server on a free loopback port. It stores nothing on disk.
func redis(t *testing.T) database {
	t.Helper()
	host, port := freePort(t)
	server := exec.CommandContext(t.Context(), program(t, "redis-server"), "--bind", host, "--port", strconv.Itoa(port),
		"--save", "", "--dir", t.TempDir())
	server.Cancel = func() error { return nil } // the cleanup of harness.Start stops it
	harness.Start(t, server).AwaitOutput(t, "Ready to accept connections")
	return database{
		system: "redis", host: host, port: port, url: fmt.Sprintf("redis://%s:%d", host, port),
		version: "Redis " + versionOf(t, program(t, "redis-server")),
	}
}

// account is the user that a database server runs as: servers refuse to run as root.
type account struct {
	credential *syscall.Credential // nil: the user that runs the tests
}

// unprivileged returns the given account, or nobody if it does not exist, when the tests
// run as root.
func unprivileged(t *testing.T, name string) account {
	t.Helper()
	if os.Geteuid() != 0 {
		return account{}
	}
	found, err := user.Lookup(name)
	if err != nil {
		found, err = user.Lookup("nobody")
	}
	require.NoError(t, err)
	uid, err := strconv.ParseUint(found.Uid, 10, 32)
	require.NoError(t, err)
	gid, err := strconv.ParseUint(found.Gid, 10, 32)
	require.NoError(t, err)
	return account{credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// folder creates a folder for the account. The account cannot read the test's own
// folder, and paths of sockets must be short.
func (a account) folder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "apps-") //nolint:usetesting // see above
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(folder)) })
	a.own(t, folder)
	return folder
}

func (a account) own(t *testing.T, path string) {
	t.Helper()
	if a.credential != nil {
		require.NoError(t, os.Chown(path, int(a.credential.Uid), int(a.credential.Gid)))
	}
}

func (a account) command(t *testing.T, path string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Cancel = func() error { return nil } // the cleanup of harness.Start stops servers
	cmd.Dir = "/"
	if a.credential != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential}
	}
	return cmd
}

// program returns the path of a database program. Debian installs PostgreSQL's outside
// the PATH, and MariaDB's server outside the PATH of most users.
func program(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	require.NoError(t, err)
	slices.SortFunc(found, func(a, b string) int { return postgresVersion(b) - postgresVersion(a) })
	for _, path := range append(found, filepath.Join("/usr/sbin", name)) {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	require.FailNow(t, name+" is not installed", "see CONTRIBUTING.md")
	return ""
}

func postgresVersion(path string) int {
	version, _ := strconv.Atoi(strings.Split(path, "/")[4])
	return version
}

func versionOf(t *testing.T, path string) string {
	t.Helper()
	return regexp.MustCompile(`\d+\.\d+(\.\d+)?`).FindString(run(t, exec.CommandContext(t.Context(), path, "--version")))
}

func freePort(t *testing.T) (host string, port int) {
	t.Helper()
	address, err := net.ResolveTCPAddr("tcp", harness.FreeAddress(t))
	require.NoError(t, err)
	return address.IP.String(), address.Port
}
