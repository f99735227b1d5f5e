// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestValidate(t *testing.T) {
	tests := []struct {
		name    string
		config  Config
		wantErr string // "" if there is none
	}{
		{name: "nothing is set"},
		{name: "a profile alone", config: Config{Profile: "prod"}},
		{name: "config file", config: Config{Type: TypeConfigFile, Profile: "prod", ConfigFile: "/etc/oci/config"}},
		{name: "session token", config: Config{Type: TypeSessionToken, Profile: "prod"}},
		{name: "instance principal", config: Config{Type: TypeInstancePrincipal}},
		{name: "workload identity", config: Config{Type: TypeWorkloadIdentity}},
		{name: "resource principal", config: Config{Type: TypeResourcePrincipal}},
		{
			name: "no type at all", config: Config{Type: "KEY0123456789ABCDEF"},
			wantErr: `type: this is not a type of credentials; write instance_principal`,
		},
		{
			name: "unknown type", config: Config{Type: "api_key"},
			wantErr: `type: "api_key" is not a type of credentials; write instance_principal, workload_identity, resource_principal, config_file or session_token`,
		},
		{
			name: "a profile of an instance", config: Config{Type: TypeInstancePrincipal, Profile: "prod"},
			wantErr: "profile and config_file are for the types config_file and session_token; remove them, or change type: instance_principal",
		},
		{
			name: "a file of a workload", config: Config{Type: TypeWorkloadIdentity, ConfigFile: "/etc/oci/config"},
			wantErr: "profile and config_file are for the types config_file and session_token",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.config.Validate()
			if tt.wantErr == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.wantErr)
		})
	}
}

// Without a type, the credentials are the first that the machine has.
func TestTypeOfThisMachine(t *testing.T) {
	apiKey := write(t, "[DEFAULT]\nuser=u\n")
	session := write(t, "[DEFAULT]\nuser=u\n[dev]\nsecurity_token_file = /tmp/token\n")
	none := filepath.Join(t.TempDir(), "none")
	tests := []struct {
		name   string
		env    map[string]string
		config Config
		want   Type
	}{
		{name: "nothing", env: map[string]string{"OCI_CONFIG_FILE": none}, want: TypeInstancePrincipal},
		{name: "the environment of a function", env: map[string]string{"OCI_CONFIG_FILE": apiKey, "OCI_RESOURCE_PRINCIPAL_VERSION": "2.2"}, want: TypeResourcePrincipal},
		{name: "a configuration file", env: map[string]string{"OCI_CONFIG_FILE": apiKey}, want: TypeConfigFile},
		{name: "a profile of a session", env: map[string]string{"OCI_CONFIG_FILE": session}, config: Config{Profile: "dev"}, want: TypeSessionToken},
		{name: "a file that is named", env: map[string]string{"OCI_RESOURCE_PRINCIPAL_VERSION": "2.2"}, config: Config{ConfigFile: session}, want: TypeConfigFile},
		{name: "a file that is missing", config: Config{ConfigFile: none}, want: TypeConfigFile},
		{name: "a type that is set", env: map[string]string{"OCI_CONFIG_FILE": apiKey}, config: Config{Type: TypeInstancePrincipal}, want: TypeInstancePrincipal},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("HOME", t.TempDir())
			t.Setenv("OCI_RESOURCE_PRINCIPAL_VERSION", "")
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			id := New(tt.config, "test/1.0")
			defer id.Close()
			assert.Equal(t, tt.want, id.Type())
		})
	}

	t.Run("the file in the home directory", func(t *testing.T) {
		home := t.TempDir()
		t.Setenv("HOME", home)
		t.Setenv("OCI_CONFIG_FILE", "")
		require.NoError(t, os.Mkdir(filepath.Join(home, ".oci"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(home, ".oci", "config"), []byte("[DEFAULT]\n"), 0o600))
		assert.Equal(t, TypeConfigFile, New(Config{}, "test/1.0").Type())
	})
}

func TestReadProfile(t *testing.T) {
	path := write(t, `# written by hand
[OTHER]
user=someone

[DEFAULT]
user = ocid1.user.oc1..aaaa
; a comment
pass_phrase=a=b
Key_File=~/.oci/key.pem
`)
	got, err := readProfile(path, "DEFAULT")
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"user": "ocid1.user.oc1..aaaa", "pass_phrase": "a=b", "key_file": "~/.oci/key.pem"}, got)
	_, err = readProfile(path, "default")
	require.ErrorIs(t, err, errNoProfile)
}

// write creates a file with the content, and returns its path.
func write(t *testing.T, content string) string {
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}
