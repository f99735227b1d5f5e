// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/oracle/oci-go-sdk/v65/common/auth"
)

// Type is the kind of source of the credentials.
type Type string

// The types of credentials.
const (
	// TypeUnset selects the first of the other types that this machine has.
	TypeUnset Type = ""
	// TypeInstancePrincipal is the identity of a Compute instance.
	TypeInstancePrincipal Type = "instance_principal"
	// TypeWorkloadIdentity is the identity of a pod's service account in an
	// enhanced OKE cluster.
	TypeWorkloadIdentity Type = "workload_identity"
	// TypeResourcePrincipal is the identity that OCI gives to resources such as
	// Functions and Container Instances through the environment.
	TypeResourcePrincipal Type = "resource_principal"
	// TypeConfigFile is a user's API key in the configuration file of the OCI
	// CLI.
	TypeConfigFile Type = "config_file"
	// TypeSessionToken is a user's session in the configuration file of the OCI
	// CLI, created by oci session authenticate.
	TypeSessionToken Type = "session_token"
)

const (
	defaultProfile    = "DEFAULT"
	configFileEnvVar  = "OCI_CONFIG_FILE"
	types             = "instance_principal, workload_identity, resource_principal, config_file or session_token"
	configFileDocsURL = "https://docs.oracle.com/iaas/Content/API/Concepts/sdkconfig.htm"
)

// Config selects the credentials. The zero Config selects the first credentials
// that this machine has.
type Config struct {
	// Type is the kind of source of the credentials.
	Type Type `mapstructure:"type"`

	// Profile is the section of the configuration file, for config_file and
	// session_token. Empty means DEFAULT.
	Profile string `mapstructure:"profile"`

	// ConfigFile is the path of the configuration file, for config_file and
	// session_token. Empty means $OCI_CONFIG_FILE if it is set, and
	// ~/.oci/config otherwise.
	ConfigFile string `mapstructure:"config_file"`
}

// Validate reports settings that contradict each other. Problems outside of the
// settings, such as a missing file, are reported by Identity.
func (cfg Config) Validate() error {
	switch cfg.Type {
	case TypeUnset, TypeConfigFile, TypeSessionToken:
		return nil
	case TypeInstancePrincipal, TypeWorkloadIdentity, TypeResourcePrincipal:
		if cfg.Profile != "" || cfg.ConfigFile != "" {
			return fmt.Errorf("profile and config_file are for the types config_file and session_token; remove them, or change type: %s", cfg.Type)
		}
		return nil
	}
	if !looksLikeType(string(cfg.Type)) {
		return fmt.Errorf("type: this is not a type of credentials; write %s", types)
	}
	return fmt.Errorf("type: %q is not a type of credentials; write %s", cfg.Type, types)
}

// resolved returns the configuration with all omitted settings filled in.
func (cfg Config) resolved() Config {
	switch {
	case cfg.Type != TypeUnset:
	case cfg.ConfigFile == "" && cfg.Profile == "" && hasEnv(auth.ResourcePrincipalVersionEnvVar):
		cfg.Type = TypeResourcePrincipal
		if !hasEnv(auth.ResourcePrincipalRPSTEnvVar) && isFile(auth.KubernetesServiceAccountTokenPath) {
			cfg.Type = TypeWorkloadIdentity
		}
	case cfg.ConfigFile != "" || cfg.Profile != "" || isFile(defaultConfigFile()):
		cfg.Type = TypeConfigFile
		if profile, err := readProfile(cfg.file(), cfg.profile()); err == nil && profile["security_token_file"] != "" {
			cfg.Type = TypeSessionToken
		}
	default:
		cfg.Type = TypeInstancePrincipal
	}
	return cfg
}

func (cfg Config) profile() string {
	if cfg.Profile == "" {
		return defaultProfile
	}
	return cfg.Profile
}

func (cfg Config) file() string {
	if cfg.ConfigFile == "" {
		return defaultConfigFile()
	}
	return expandHome(cfg.ConfigFile)
}

func defaultConfigFile() string {
	if path := os.Getenv(configFileEnvVar); path != "" {
		return expandHome(path)
	}
	return expandHome("~/.oci/config")
}

// expandHome replaces a leading ~ with the home directory, as OCI's tools do in
// their configuration file.
func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	return filepath.Join(home, rest)
}

// errNoProfile is returned for a file without the profile.
var errNoProfile = errors.New("no such profile")

// readProfile returns the settings of one section of a configuration file of
// the OCI CLI
// (https://docs.oracle.com/iaas/Content/API/Concepts/sdkconfig.htm). The SDK's
// own reader caches every file until the process ends.
func readProfile(path, profile string) (map[string]string, error) {
	content, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return nil, err
	}
	var settings map[string]string
	inside := false
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "", line[0] == '#', line[0] == ';':
		case line[0] == '[':
			inside = strings.TrimSuffix(line[1:], "]") == profile
			if inside && settings == nil {
				settings = map[string]string{}
			}
		case inside:
			name, value, _ := strings.Cut(line, "=")
			settings[strings.ToLower(strings.TrimSpace(name))] = strings.TrimSpace(value)
		}
	}
	if settings == nil {
		return nil, errNoProfile
	}
	return settings, nil
}

func hasEnv(name string) bool { return os.Getenv(name) != "" }

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir()
}

// looksLikeType reports whether a text can be meant as a type. Anything else may be a
// secret in the wrong place, which must not show.
func looksLikeType(text string) bool {
	return len(text) <= 30 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") == ""
}
