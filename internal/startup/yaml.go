// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package startup // import "github.com/ociapm/otelcol-ociapm/internal/startup"

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// brokenFile returns why a file is not a configuration, with its name and the line, or
// nil.
func brokenFile(path string) error {
	content, err := os.ReadFile(path) //nolint:gosec // a file of --config
	if err != nil {
		return err
	}
	var parsed any
	if err := yaml.Unmarshal(content, &parsed); err != nil {
		line, message := position(content, err)
		return fmt.Errorf("%s:%d: not valid YAML: %s%s", path, line, message, yamlAdvice(message, content, line))
	}
	switch parsed.(type) {
	case map[string]any, nil:
		return nil
	default:
		return fmt.Errorf("%s:1: not a configuration: it must have keys, such as receivers and service", path)
	}
}

// position returns the line of an error of the YAML package, and its message. The line
// is the first up to which the file has that error. The package often gives the line
// where the enclosing mapping begins instead, or the end of the file, as in
// https://github.com/go-yaml/yaml/issues/704.
func position(content []byte, err error) (line int, message string) {
	message = withoutLine(err)
	end := 0
	for text := range bytes.Lines(content) {
		line++
		end += len(text)
		var parsed any
		if err := yaml.Unmarshal(content[:end], &parsed); err != nil && withoutLine(err) == message {
			break
		}
	}
	return line, message
}

var yamlLine = regexp.MustCompile(`^(yaml: )?(line \d+: )?`)

func withoutLine(err error) string {
	text := err.Error()
	var types *yaml.TypeError
	if errors.As(err, &types) && len(types.Errors) > 0 {
		text = types.Errors[0]
	}
	return yamlLine.ReplaceAllString(text, "")
}

// yamlAdvice says what to do about the most frequent mistakes.
func yamlAdvice(message string, content []byte, line int) string {
	lines := strings.Split(string(content), "\n")
	switch {
	case line <= len(lines) && strings.HasPrefix(strings.TrimLeft(lines[line-1], " "), "\t"):
		return "; indent with spaces, not with tabs"
	case strings.Contains(message, "mapping values are not allowed"):
		return `; quote a value that contains ": ", and check the indentation`
	default:
		return "; check the indentation, brackets and quotes there"
	}
}

var (
	unknownType = regexp.MustCompile(`'(\w+)' unknown type: "([^"]*)" for id: "([^"]*)"`)
	inComponent = regexp.MustCompile(`'(\w+)' error reading configuration for "([^"]*)"`)
	unknownKey  = regexp.MustCompile(` has invalid keys: ([^,\n]+)$`)
)

// wrongKey returns where a configuration has a component or a setting that does not
// exist, or nil if the error is about something else, or about more than one key.
func wrongKey(text string, paths []string) error {
	if match := unknownType.FindStringSubmatch(text); match != nil {
		section, kind, id := match[1], match[2], match[3]
		return fmt.Errorf("%sthere is no %s of the type %q: correct it, or see which there are with the command `components`",
			place(paths, section, id), strings.TrimSuffix(section, "s"), kind)
	}
	key := unknownKey.FindStringSubmatch(text)
	components := inComponent.FindAllStringSubmatch(text, -1)
	switch {
	case key == nil || strings.Count(text, "invalid keys") > 1 || len(components) > 1:
		return nil
	case len(components) == 1:
		section, id := components[0][1], components[0][2]
		return fmt.Errorf("%s%s::%s has no setting %q: correct its name or its indentation", place(paths, section, id, key[1]), section, id, key[1])
	case strings.Contains(text, "'otelcol.configSettings'"):
		return fmt.Errorf("%sa configuration has no section %q: correct its name or its indentation", place(paths, key[1]), key[1])
	default:
		return nil
	}
}

// place returns the file and the line of a key in a component's configuration, as
// "FILE:LINE: ", or "" if no file has it. The last file wins, as in the collector.
func place(paths []string, keys ...string) string {
	found := ""
	for _, path := range paths {
		content, err := os.ReadFile(path) //nolint:gosec // a file of --config
		if err != nil {
			continue
		}
		var document yaml.Node
		if yaml.Unmarshal(content, &document) != nil || len(document.Content) == 0 {
			continue
		}
		if line := keyLine(document.Content[0], keys); line > 0 {
			found = fmt.Sprintf("%s:%d: ", path, line)
		}
	}
	return found
}

// keyLine returns the line of the last key. The first two are a section and an ID. Any
// other may be at any depth below.
func keyLine(node *yaml.Node, keys []string) int {
	const exact = 2
	for depth, key := range keys {
		name, value := child(node, key, depth >= exact)
		if name == nil {
			return 0
		}
		if depth == len(keys)-1 {
			return name.Line
		}
		node = value
	}
	return 0
}

// child finds a key of a mapping, and optionally of the mappings below.
func child(node *yaml.Node, key string, below bool) (name, value *yaml.Node) {
	if node.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == key {
				return node.Content[i], node.Content[i+1]
			}
		}
	}
	if below {
		for _, inner := range node.Content {
			if name, value := child(inner, key, true); name != nil {
				return name, value
			}
		}
	}
	return nil, nil
}
