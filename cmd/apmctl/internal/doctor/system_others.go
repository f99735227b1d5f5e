// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package doctor

import "os"

// freeSpace would return the bytes that can be written to the disk of a folder.
func freeSpace(string) (int64, bool) { return 0, false }

// ownerOf would return the uid of a file's owner.
func ownerOf(os.FileInfo) int { return -1 }

// uidOf would return the uid of a user.
func uidOf(string) int { return -1 }
