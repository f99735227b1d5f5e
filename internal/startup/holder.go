// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package startup // import "github.com/ociapm/otelcol-ociapm/internal/startup"

// PortHolder returns the name and the id of the process that listens on an address,
// host:port with a numeric host, if the operating system shows it to this process.
func PortHolder(address string) (name string, pid int, ok bool) {
	owner, ok := listener(address)
	return owner.name, owner.pid, ok
}

// LockHolder returns the name and the id of the process that has locked a file, if the
// operating system shows it to this process.
func LockHolder(path string) (name string, pid int, ok bool) {
	owner, ok := locker(path)
	return owner.name, owner.pid, ok
}
