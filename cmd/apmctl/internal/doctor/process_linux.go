// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// findProcess returns the collector that runs on this machine, by the name of its
// program. Of several, it is the one with the lowest id, unless an id is given.
func findProcess(root string, wanted int) process {
	folders, _ := filepath.Glob(root + "/proc/[0-9]*")
	var pids []int
	for _, folder := range folders {
		if pid, err := strconv.Atoi(filepath.Base(folder)); err == nil && (wanted == 0 || pid == wanted) {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	for _, pid := range pids {
		folder := filepath.Join(root, "/proc", strconv.Itoa(pid))
		content, err := os.ReadFile(filepath.Clean(filepath.Join(folder, "cmdline")))
		if err != nil {
			continue
		}
		arguments := fields(content)
		if len(arguments) == 0 || filepath.Base(arguments[0]) != programName || slices.Contains(arguments, "validate") {
			continue
		}
		found := process{pid: pid, uid: -1, executable: arguments[0], arguments: arguments[1:]}
		if info, err := os.Stat(folder); err == nil {
			if stat, ok := info.Sys().(*syscall.Stat_t); ok {
				found.uid = int(stat.Uid)
			}
		}
		if link, err := os.Readlink(filepath.Join(folder, "exe")); err == nil {
			found.executable = strings.TrimSuffix(link, " (deleted)")
		}
		found.directory, _ = os.Readlink(filepath.Join(folder, "cwd"))
		found.variables, _ = environmentOf(root, pid)
		return found
	}
	return process{}
}

// environmentOf returns the variables that a process was started with.
func environmentOf(root string, pid int) (map[string]string, error) {
	content, err := os.ReadFile(filepath.Clean(filepath.Join(root, "/proc", strconv.Itoa(pid), "environ")))
	if errors.Is(err, os.ErrNotExist) {
		return nil, errNoProcess
	}
	if err != nil {
		return nil, errors.New("its variables cannot be read: run this as root or as its user")
	}
	variables := map[string]string{}
	for _, variable := range fields(content) {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	return variables, nil
}

// nameOf returns the name of a process, or "".
func nameOf(root string, pid int) string {
	content, _ := os.ReadFile(filepath.Clean(filepath.Join(root, "/proc", strconv.Itoa(pid), "comm")))
	return strings.TrimSpace(string(content))
}

// fields splits a list that ends each item with a zero byte.
func fields(content []byte) []string {
	var list []string
	for item := range bytes.SplitSeq(bytes.TrimSuffix(content, []byte{0}), []byte{0}) {
		if len(item) > 0 {
			list = append(list, string(item))
		}
	}
	return list
}
