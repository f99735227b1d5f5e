// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"

import (
	"errors"
	"os"
	"syscall"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// System error codes of Windows: ERROR_HANDLE_DISK_FULL and ERROR_DISK_FULL.
const (
	errorHandleDiskFull syscall.Errno = 39
	errorDiskFull       syscall.Errno = 112
)

// isFull reports whether an error means that the disk or the log is full.
func isFull(err error) bool {
	return errors.Is(err, errorHandleDiskFull) || errors.Is(err, errorDiskFull) || errors.Is(err, storage.ErrStorageFull)
}

// isDeleted reports whether an open file has been deleted. Windows does not allow that.
func isDeleted(*os.File) bool { return false }
