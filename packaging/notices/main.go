// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Command notices writes the licenses and notices of all modules that the programs of a
// release contain, on any of its systems. The texts come from Go's module cache, whose
// content go.sum pins, so that the same commit gives the same bytes.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

const header = `Third-party notices of otelcol-ociapm

The programs otelcol-ociapm, apmctl and queuedir contain the modules below, on one system
or another. The numbers are those of the license texts and notices that follow the list.
The container image also contains the root certificates that Mozilla trusts, whose list is
under the Mozilla Public License 2.0: https://www.mozilla.org/MPL/2.0/.
`

// legal matches the names of files with a license or a notice.
var legal = regexp.MustCompile(`(?i)^(licen[cs]e|copying|copyright|notice|patents|unlicense)([-_.].*)?$`)

// systems are those of .goreleaser.yaml.
var systems = []string{"linux/amd64", "linux/arm64", "windows/amd64", "darwin/arm64"}

func main() {
	output := flag.String("output", "", "file to write")
	tags := flag.String("tags", "", "build tags of the programs")
	flag.Parse()
	if err := run(context.Background(), *output, *tags, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

// run writes the notices of the programs in the folders.
func run(ctx context.Context, output, tags string, folders []string) error {
	if output == "" || len(folders) == 0 {
		return errors.New("usage: notices -output=FILE [-tags=TAGS] FOLDER …")
	}
	found := modules{}
	for _, folder := range folders {
		for _, system := range systems {
			listed, err := list(ctx, folder, system, tags)
			if err != nil {
				return fmt.Errorf("%s on %s: %w", folder, system, err)
			}
			err = found.add(listed)
			if err != nil {
				return err
			}
		}
	}
	if err := found.addFolder("Go's standard library "+runtime.Version(), runtime.GOROOT()); err != nil { //nolint:staticcheck // go run sets it
		return err
	}
	content, err := found.format()
	if err != nil {
		return err
	}
	err = os.MkdirAll(filepath.Dir(output), 0o755)
	if err != nil {
		return err
	}
	return os.WriteFile(output, content, 0o644) //nolint:gosec // for everyone to read
}

// goPackage is what go list prints of a package.
type goPackage struct {
	Dir    string
	Module *goModule
}

type goModule struct {
	Path, Version, Dir string
	Main               bool
	Replace            *goModule
}

// list returns the packages that a program consists of.
func list(ctx context.Context, folder, system, tags string) ([]goPackage, error) {
	goos, goarch, _ := strings.Cut(system, "/")
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Dir,Module", "-tags="+tags, ".")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	printed, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	var packages []goPackage
	for decoder := json.NewDecoder(bytes.NewReader(printed)); ; {
		var p goPackage
		err = decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
}

// modules are the paths of license files by module and version.
type modules map[string]map[string]bool

// add adds the modules of others, with the license files between a module's root and its
// packages: code that a module copied from elsewhere has a license beside it.
func (m modules) add(packages []goPackage) error {
	for _, p := range packages {
		module := p.Module
		if module == nil || module.Main {
			continue // the standard library, or the project
		}
		name := module.Path + " " + module.Version
		if module.Replace != nil {
			if module = module.Replace; module.Version == "" {
				continue // a folder of the project
			}
			name += ", replaced by " + module.Path + " " + module.Version
		}
		for dir := p.Dir; ; dir = filepath.Dir(dir) {
			if err := m.addFolder(name, dir); err != nil {
				return err
			}
			if dir == module.Dir || len(dir) <= len(module.Dir) {
				break
			}
		}
	}
	return nil
}

// addFolder adds the license files in a folder.
func (m modules) addFolder(name, dir string) error {
	if m[name] == nil {
		m[name] = map[string]bool{}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() && legal.MatchString(entry.Name()) && filepath.Ext(entry.Name()) != ".go" {
			m[name][filepath.Join(dir, entry.Name())] = true
		}
	}
	return nil
}

// format returns the list of modules, and each different text once.
func (m modules) format() ([]byte, error) {
	var names, texts bytes.Buffer
	numbers := map[string]int{} // by text
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if len(m[name]) == 0 {
			return nil, fmt.Errorf("%s has no license file", name)
		}
		used := map[int]bool{}
		for _, path := range slices.Sorted(maps.Keys(m[name])) {
			content, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			text := normalize(string(content))
			if numbers[text] == 0 {
				numbers[text] = len(numbers) + 1
				fmt.Fprintf(&texts, "\n%s\n[%d]\n\n%s\n", strings.Repeat("-", 80), numbers[text], text)
			}
			used[numbers[text]] = true
		}
		fmt.Fprintf(&names, "\n%s", name)
		for _, number := range slices.Sorted(maps.Keys(used)) {
			fmt.Fprintf(&names, " [%d]", number)
		}
	}
	return slices.Concat([]byte(header), names.Bytes(), []byte("\n"), texts.Bytes()), nil
}

// normalize removes differences that are not visible, so that more texts are the same.
func normalize(text string) string {
	lines := strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r")
	}
	return strings.Trim(strings.Join(lines, "\n"), "\n")
}
