// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package doctor

import (
	"os"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// freeSpace returns the bytes that a user other than root can still write to the disk of
// a folder.
func freeSpace(folder string) (int64, bool) {
	var stat unix.Statfs_t
	if err := unix.Statfs(folder, &stat); err != nil {
		return 0, false
	}
	return int64(stat.Bavail) * int64(stat.Bsize), true //nolint:gosec,unconvert,nolintlint // the types differ between systems
}

// ownerOf returns the uid of a file's owner, or -1.
func ownerOf(info os.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

// uidOf returns the uid of a user, or -1.
func uidOf(name string) int {
	found, err := user.Lookup(name)
	if err != nil {
		return -1
	}
	uid, err := strconv.Atoi(found.Uid)
	if err != nil {
		return -1
	}
	return uid
}
