// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !windows

package startup // import "github.com/ociapm/otelcol-ociapm/internal/startup"

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

func addressInUse(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }

// mayWrite returns an error if this process may not write to a file or folder.
func mayWrite(path string, folder bool) error {
	mode := uint32(unix.R_OK | unix.W_OK)
	if folder {
		mode |= unix.X_OK
	}
	if err := unix.Access(path, mode); err != nil {
		return &fs.PathError{Op: "access", Path: path, Err: err}
	}
	return nil
}
