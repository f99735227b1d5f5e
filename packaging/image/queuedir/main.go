// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Queuedir creates a folder and gives it to a user. In Kubernetes, the kubelet
// creates a hostPath folder with owner root, and fsGroup does not apply to it.
// So an init container whose only right is to change owners runs this before
// the collector, which has no rights at all.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

var (
	errUsage  = errors.New("usage: queuedir --owner=UID:GID DIRECTORY")
	errNoDir  = errors.New("it is not a folder")
	errNoUser = errors.New("write the owner as two numbers, UID:GID")
)

// chown is the system call; tests that are not run by root replace it.
type chown func(name string, uid, gid int) error

func main() {
	if err := run(os.Args[1:], os.Stderr, os.Chown); err != nil {
		fmt.Fprintln(os.Stderr, "queuedir:", err)
		os.Exit(1)
	}
}

func run(args []string, output io.Writer, change chown) error {
	flags := flag.NewFlagSet("queuedir", flag.ContinueOnError)
	flags.SetOutput(output)
	owner := flags.String("owner", "", "`UID:GID` that the folder is for")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errUsage
	}
	uid, gid, err := parseOwner(*owner)
	if err != nil {
		return fmt.Errorf("owner %q: %w", *owner, err)
	}
	return handOver(flags.Arg(0), uid, gid, change)
}

func parseOwner(owner string) (uid, gid int, err error) {
	user, group, found := strings.Cut(owner, ":")
	if !found {
		return 0, 0, errNoUser
	}
	u, userErr := strconv.ParseUint(user, 10, 31)
	g, groupErr := strconv.ParseUint(group, 10, 31)
	if userErr != nil || groupErr != nil {
		return 0, 0, errNoUser
	}
	return int(u), int(g), nil
}

// handOver creates dir if it does not exist, with access for its owner only. It
// does not follow a link: anyone who can write to the node's folder could let
// it point anywhere.
func handOver(dir string, uid, gid int, change chown) error {
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s: %w", dir, errNoDir)
	}
	return change(dir, uid, gid)
}
