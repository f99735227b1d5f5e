// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build apps

package apps

import (
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

	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const (
	databaseName     = "stayeasy"
	databaseUser     = "stayeasy"
	databasePassword = "p@ss word/1" // needs escaping in a URL
)

// database is a database that runs for one test.
type database struct {
	system  string // db.system
	host    string // "" when there is no server
	port    int
	version string // for the table at the end
	scheme  string // of the app's database URL
}

// url returns the address as apps take it; "" lets the app use its default.
func (d database) url() string {
	if d.host == "" {
		return ""
	}
	return fmt.Sprintf("%s://%s:%s@%s:%d/%s", d.scheme, databaseUser, "p%40ss%20word%2F1", d.host, d.port, databaseName)
}

// peer is the name that the collector gives the database in peer.service.
func (d database) peer() string { return d.system + ":" + databaseName }

// sqlite needs no server.
func sqlite(t *testing.T) database {
	t.Helper()
	version := run(t, exec.CommandContext(t.Context(), "python3", "-c", "import sqlite3; print(sqlite3.sqlite_version)"))
	return database{system: "sqlite", version: "SQLite " + version}
}

// postgresql starts a PostgreSQL server on a free loopback port.
func postgresql(t *testing.T) database {
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

	create := owner.command(t, program(t, "createdb"), "--host", host, "--port", strconv.Itoa(port),
		"--username", databaseUser, databaseName)
	create.Env = append(os.Environ(), "PGPASSWORD="+databasePassword)
	run(t, create)
	return database{
		system: "postgresql", scheme: "postgresql", host: host, port: port,
		version: "PostgreSQL " + versionOf(t, program(t, "postgres")),
	}
}

// mariadb starts a MariaDB server on a free loopback port.
func mariadb(t *testing.T) database {
	t.Helper()
	owner := unprivileged(t, "mysql")
	folder := owner.folder(t)
	data := filepath.Join(folder, "data")
	// This one is a shell script, and knows --datadir only with an equals sign.
	run(t, owner.command(t, program(t, "mariadb-install-db"), "--no-defaults", "--datadir="+data,
		"--auth-root-authentication-method=normal", "--skip-test-db"))

	setup := filepath.Join(folder, "setup.sql")
	require.NoError(t, os.WriteFile(setup, fmt.Appendf(nil, `CREATE DATABASE IF NOT EXISTS %[1]s;
CREATE USER IF NOT EXISTS '%[2]s'@'127.0.0.1' IDENTIFIED BY '%[3]s';
GRANT ALL ON %[1]s.* TO '%[2]s'@'127.0.0.1';
`, databaseName, databaseUser, databasePassword), 0o600))
	owner.own(t, setup)

	host, port := freePort(t)
	server := owner.command(t, program(t, "mariadbd"), "--no-defaults", "--datadir", data,
		"--bind-address", host, "--port", strconv.Itoa(port), "--socket", filepath.Join(folder, "socket"),
		"--pid-file", filepath.Join(folder, "pid"), "--skip-name-resolve", "--init-file", setup,
		"--innodb-flush-log-at-trx-commit=0")
	harness.Start(t, server).AwaitOutput(t, "ready for connections")
	return database{
		// The driver says mysql, whichever of the two it talks to.
		system: "mysql", scheme: "mysql", host: host, port: port,
		version: "MariaDB " + versionOf(t, program(t, "mariadbd")),
	}
}

// account is who a database server runs as: servers refuse to run as root.
type account struct {
	credential *syscall.Credential // nil: as whoever runs the tests
}

// unprivileged returns the first of the given account and nobody that exists,
// when the tests run as root.
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

// folder makes a folder for the account. The test's own would be out of its
// reach, and paths of sockets must be short.
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
	cmd.Cancel = func() error { return nil } // the cleanup of harness.Start ends servers
	cmd.Dir = "/"
	if a.credential != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential}
	}
	return cmd
}

// program returns the path of a database's program. Debian keeps PostgreSQL's
// out of the PATH, and MariaDB's server out of the PATH of most users.
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
	require.FailNow(t, name+" is not installed", "Debian: apt-get install --no-install-recommends postgresql mariadb-server")
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
