// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package gctunerextension // import "github.com/ociapm/otelcol-ociapm/components/extension/gctunerextension"

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// releaseProgramFile removes the pages of the program's file from the process's
// memory. They stay in the system's page cache, and are mapped again one by one
// when they are used.
func releaseProgramFile() error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer file.Close()
	mappings, err := programMappings(file, program)
	if err != nil {
		return err
	}
	var errs []error
	for _, m := range mappings {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED); errno != 0 {
			errs = append(errs, fmt.Errorf("madvise: %w", errno))
		}
	}
	return errors.Join(errs...)
}

// mapping is a range of addresses.
type mapping struct {
	start, end uintptr
}

// programMappings returns the mappings in the text of /proc/PID/smaps that are
// identical to the program's file: they are not writable, and no loader or
// debugger has changed a page. Only these can be read from the file again.
// Source: proc_pid_smaps(5), Linux manual pages.
func programMappings(smaps io.Reader, program string) ([]mapping, error) {
	var found []mapping
	var current mapping
	candidate := false
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) >= 2 && strings.HasSuffix(fields[0], ":"):
			if candidate && fields[0] == "Anonymous:" {
				candidate = false
				if fields[1] == "0" {
					found = append(found, current)
				}
			}
		case len(fields) >= 5:
			if _, err := fmt.Sscanf(fields[0], "%x-%x", &current.start, &current.end); err != nil {
				return nil, fmt.Errorf("%q: %w", lines.Text(), err)
			}
			candidate = !strings.Contains(fields[1], "w") && strings.HasSuffix(lines.Text(), " "+program)
		}
	}
	return found, lines.Err()
}
