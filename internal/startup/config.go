// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package startup // import "github.com/ociapm/otelcol-ociapm/internal/startup"

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The texts by which errors of otelcol and confmap are recognized: they have no type.
const (
	noConfigText   = "at least one config flag must be provided"
	unreadableText = "unable to read the file"
	notYAMLText    = "cannot be used as a Conf"
)

// explainConfig explains an error about the configuration's files.
func explainConfig(err error, configs []string) error {
	text := err.Error()
	var file *fs.PathError
	switch {
	case text == noConfigText:
		return NoConfig(readyConfigs())
	case strings.Contains(text, unreadableText) && errors.As(err, &file):
		if slices.Contains(configs, "") && file.Path == "." {
			return emptyConfig(file, readyConfigs())
		}
		return missingConfig(file, readyConfigs())
	case strings.Contains(text, notYAMLText):
		for _, path := range files(configs) {
			if problem := brokenFile(path); problem != nil {
				return &Problem{sentence: problem.Error(), cause: err}
			}
		}
	default:
		if problem := wrongKey(text, files(configs)); problem != nil {
			return &Problem{sentence: problem.Error(), cause: err}
		}
	}
	return err
}

// NoConfig returns the problem of a collector that was started without --config.
func NoConfig(ready []string) *Problem {
	return &Problem{sentence: "no configuration: pass --config=FILE" + these(ready)}
}

// emptyConfig returns the problem of a --config without a value, which is read as the
// working directory. A variable that is not set leaves it so.
func emptyConfig(file *fs.PathError, ready []string) *Problem {
	return &Problem{sentence: "a --config is empty: pass --config=FILE" + these(ready), cause: file}
}

// missingConfig returns the problem of a --config that cannot be read.
func missingConfig(file *fs.PathError, ready []string) *Problem {
	sentence := fmt.Sprintf("the configuration %s cannot be read: %s", file.Path, file.Err)
	if errors.Is(file, fs.ErrNotExist) {
		sentence = fmt.Sprintf("the configuration %s does not exist: correct --config%s", file.Path, these(ready))
	}
	return &Problem{sentence: sentence, cause: file}
}

// these names the ready configurations, in the middle of a sentence.
func these(ready []string) string {
	if len(ready) == 0 {
		return "; the ready configurations are the files config/*.yaml of an archive or of the source"
	}
	return "; ready configurations: " + strings.Join(ready, ", ")
}

// complete are the ready configurations that need no other one.
var complete = []string{"config.yaml", "agent.yaml", "gateway.yaml", "sidecar.yaml"}

// readyConfigs returns the paths of the ready configurations on this machine: those of
// a package or an image, and those beside the program of an archive or of the source.
func readyConfigs() []string {
	folders := []string{"/etc/otelcol-ociapm"}
	if program, err := os.Executable(); err == nil {
		if resolved, err := filepath.EvalSymlinks(program); err == nil {
			program = resolved
		}
		beside := filepath.Dir(program)
		folders = append(folders, filepath.Join(beside, "config"), filepath.Join(filepath.Dir(beside), "config"))
	}
	return configsIn(folders)
}

// configsIn returns the complete configurations of some folders.
func configsIn(folders []string) []string {
	var found []string
	for _, folder := range folders {
		for _, name := range complete {
			path := filepath.Join(folder, name)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				found = append(found, path)
			}
		}
	}
	return slices.Compact(found)
}

// files returns the paths of those values of --config that name a file.
func files(configs []string) []string {
	var paths []string
	for _, config := range configs {
		scheme, path, found := strings.Cut(config, ":")
		switch {
		case !found || len(scheme) == 1: // a path, on Windows with a drive
			paths = append(paths, config)
		case scheme == "file":
			paths = append(paths, path)
		}
	}
	return paths
}
