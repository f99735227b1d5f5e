// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ociapm/otelcol-ociapm/internal/startup"
)

// The files of a package and of the image.
const (
	programName   = "otelcol-ociapm"
	packageConfig = "/etc/otelcol-ociapm/config.yaml"
	packageEnv    = "/etc/otelcol-ociapm/otelcol-ociapm.env"
	memoryEnv     = "/run/otelcol-ociapm/memory.env"
	// optionsVariable has more arguments for the package's collector.
	optionsVariable = "OTELCOL_OPTIONS"
)

// source is a collector's configuration and environment.
type source struct {
	subject     string
	configs     []string // values of --config, which are URIs or paths
	environment map[string]string
	process     process // the running collector; zero if none was found
	packaged    bool
}

// process is a running collector.
type process struct {
	pid        int
	uid        int
	executable string
	arguments  []string
	directory  string
	variables  map[string]string // nil if they cannot be read
}

var errNoProcess = errors.New("there is no such process")

// findSource returns the configuration that the options name; else that of the
// collector that runs on this machine; else the package's.
func findSource(options Options) (source, error) {
	s := source{environment: map[string]string{}}
	var found process
	if len(options.Configs) == 0 {
		found = findProcess(options.root, options.PID)
	}
	switch {
	case options.PID != 0 && found.pid == 0:
		return s, fmt.Errorf("the process %d is not a collector, or is not this user's to look at: correct --pid, or run this as root", options.PID)
	case len(options.Configs) > 0:
		s.configs = options.Configs
		s.subject = "Configuration: " + shown(options.Configs)
	case found.pid != 0 && len(configsOf(found.arguments, found.directory)) > 0:
		if found.variables == nil {
			return s, fmt.Errorf("the variables of the running collector (pid %d) cannot be read: run this as root or as its user, or name another configuration with --config", found.pid)
		}
		s.process, s.configs = found, configsOf(found.arguments, found.directory)
		s.subject = fmt.Sprintf("Configuration of the running collector (pid %d): %s", found.pid, shown(s.configs))
		for name, value := range found.variables {
			s.environment[name] = value
		}
	case isReadable(options.root + packageConfig):
		s.packaged = true
		for _, file := range []string{memoryEnv, packageEnv} {
			if err := readEnvFile(options.root+file, s.environment); err != nil && !errors.Is(err, os.ErrNotExist) {
				return s, fmt.Errorf("%s cannot be read (%w): run this as root", file, withoutPath(err))
			}
		}
		s.configs = append([]string{options.root + packageConfig}, configsOf(strings.Fields(s.environment[optionsVariable]), "/")...)
		s.subject = "Configuration: " + shown(s.configs)
	default:
		// The sentence of a collector that is started without --config.
		return s, startup.Explain(errors.New("at least one config flag must be provided"), nil)
	}
	for _, file := range options.EnvFiles {
		if err := readEnvFile(file, s.environment); err != nil {
			return s, fmt.Errorf("--env-file: %w", err)
		}
	}
	return s, nil
}

// shown names configurations. The text of one that is an argument itself is left out: it
// can have a data key.
func shown(configs []string) string {
	names := slices.Clone(configs)
	for i, name := range names {
		if strings.HasPrefix(name, "yaml:") {
			names[i] = "yaml:…"
		}
	}
	return strings.Join(names, ", ")
}

// apply sets the variables for this process, as the collector has them.
func (s source) apply() {
	for name, value := range s.environment {
		_ = os.Setenv(name, value) // fails only for names that no variable has
	}
}

// configsOf returns the configurations in a collector's arguments. Relative paths are
// resolved. --set becomes the URI that the collector makes of it.
func configsOf(arguments []string, directory string) []string {
	var configs, sets []string
	for i := 0; i < len(arguments); i++ {
		name, value, found := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arguments[i], "-"), "-"), "=")
		if !strings.HasPrefix(arguments[i], "-") || name != "config" && name != "set" {
			continue
		}
		if !found && i+1 < len(arguments) {
			i++
			value = arguments[i]
		}
		if name == "set" {
			key, text, _ := strings.Cut(value, "=")
			sets = append(sets, "yaml:"+strings.ReplaceAll(strings.TrimSpace(key), ".", "::")+": "+strings.TrimSpace(text))
			continue
		}
		configs = append(configs, absolute(value, directory))
	}
	return append(configs, sets...)
}

// absolute returns a value of --config whose relative path is resolved.
func absolute(config, directory string) string {
	path, prefix := config, ""
	if scheme, rest, found := strings.Cut(config, ":"); found && len(scheme) > 1 {
		if scheme != "file" {
			return config
		}
		path, prefix = rest, "file:"
	}
	if directory == "" || filepath.IsAbs(path) {
		return config
	}
	return prefix + filepath.Join(directory, path)
}

// readEnvFile reads a file in the format of systemd's EnvironmentFile into variables:
// https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html.
func readEnvFile(path string, variables map[string]string) error {
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(string(content), "\\\n", "")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		name, value, found := strings.Cut(line, "=")
		if !found || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		value = strings.TrimSpace(value)
		if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		variables[strings.TrimSpace(name)] = value
	}
	return nil
}

func isReadable(path string) bool {
	file, err := os.Open(filepath.Clean(path))
	if err != nil {
		return false
	}
	return file.Close() == nil
}

// withoutPath returns the cause of an error of os.
func withoutPath(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
