// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package startup // import "github.com/ociapm/otelcol-ociapm/internal/startup"

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// listening is the state of a listening socket in /proc/net/tcp.
const listening = "0A"

// listener returns the process that listens on an address, if /proc shows it: root sees
// all processes, and other users their own.
func listener(address string) (process, bool) {
	wanted, err := netip.ParseAddrPort(address)
	if err != nil {
		return process{}, false
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		content, err := os.ReadFile(table) //nolint:gosec // one of the two
		if err != nil {
			continue
		}
		if inode := listenerInode(string(content), wanted); inode != "" {
			return socketOwner(inode)
		}
	}
	return process{}, false
}

// listenerInode finds the socket that keeps others from listening on an address, in the
// format of /proc/net/tcp: proc_net_tcp.txt of the kernel's documentation.
func listenerInode(table string, wanted netip.AddrPort) string {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 10 || fields[3] != listening {
			continue
		}
		got, err := parseAddress(fields[1])
		if err != nil || got.Port() != wanted.Port() {
			continue
		}
		if got.Addr() == wanted.Addr().Unmap() || got.Addr().IsUnspecified() || wanted.Addr().IsUnspecified() {
			return fields[9]
		}
	}
	return ""
}

// parseAddress reads an address such as 0100007F:10DE. The kernel prints it in words of
// 32 bits, as a little-endian machine has them in memory.
func parseAddress(text string) (netip.AddrPort, error) {
	host, portText, _ := strings.Cut(text, ":")
	port, err := strconv.ParseUint(portText, 16, 16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	raw, err := hex.DecodeString(host)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	address, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%q is not an address", text)
	}
	return netip.AddrPortFrom(address.Unmap(), uint16(port)), nil
}

// socketOwner returns the process that has a socket open.
func socketOwner(inode string) (process, bool) {
	target := "socket:[" + inode + "]"
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		if link, err := os.Readlink(file); err == nil && link == target {
			pid, err := strconv.Atoi(strings.Split(file, "/")[2])
			return named(pid), err == nil
		}
	}
	return process{}, false
}

// locker returns the process that has locked a file.
func locker(path string) (process, bool) {
	info, err := os.Stat(path)
	if err != nil {
		return process{}, false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return process{}, false
	}
	locks, err := os.ReadFile("/proc/locks")
	if err != nil {
		return process{}, false
	}
	inode := ":" + strconv.FormatUint(stat.Ino, 10)
	for line := range strings.Lines(string(locks)) {
		// 1: FLOCK  ADVISORY  WRITE 3568 fd:00:2531452 0 EOF
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[1] != "FLOCK" || !strings.HasSuffix(fields[5], inode) {
			continue
		}
		if pid, err := strconv.Atoi(fields[4]); err == nil && pid > 0 {
			return named(pid), true
		}
	}
	return process{}, false
}

// named returns a process with its name, if it can be read.
func named(pid int) process {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return process{name: strings.TrimSpace(string(name)), pid: pid}
}
