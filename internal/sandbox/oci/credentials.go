// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"bytes"
	"crypto/md5" //nolint:gosec // OCI's fingerprints of API keys are MD5
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"

	"github.com/youmark/pkcs8"
)

// The profiles of the configuration file.
const (
	// ProfileDefault has an API key.
	ProfileDefault = "DEFAULT"
	// ProfileEncrypted has an API key with a pass phrase.
	ProfileEncrypted = "ENCRYPTED"
	// ProfileSession has a session's token.
	ProfileSession = "SESSION"
	// ProfileUnknownKey has an API key that the user has not registered.
	ProfileUnknownKey = "UNKNOWN_KEY"
	// ProfileOtherRegion is ProfileDefault in a region without the domain and
	// the vault.
	ProfileOtherRegion = "OTHER_REGION"
)

// OtherRegion returns a region without the domain and the vault.
func (s *Server) OtherRegion() string {
	for _, region := range []string{"eu-frankfurt-1", "ap-tokyo-1"} {
		if region != s.config.Region && region != s.config.DomainRegion {
			return region
		}
	}
	return "uk-london-1"
}

// ConfigFile describes a configuration file of OCI's tools.
type ConfigFile struct {
	// Path is the value for OCI_CONFIG_FILE.
	Path string
	// TokenFile holds the token of ProfileSession.
	TokenFile string
	// Keys are the paths of the private keys.
	Keys []string
	// PassPhrase is the pass phrase of the key of ProfileEncrypted.
	PassPhrase string
}

// WriteConfigFile writes a configuration file like those of `oci setup config`
// and `oci session authenticate` into dir, with the keys that it references.
// The profiles are the constants of this package.
func (s *Server) WriteConfigFile(dir string) (ConfigFile, error) {
	file := ConfigFile{
		Path:      filepath.Join(dir, "config"),
		TokenFile: filepath.Join(dir, "token"), PassPhrase: rand.Text(),
	}
	plain, encrypted, session, unknown, err := fourKeys()
	if err != nil {
		return ConfigFile{}, err
	}
	encryptedPEM, err := encryptKey(encrypted, file.PassPhrase)
	if err != nil {
		return ConfigFile{}, err
	}
	token, err := s.sessionToken(&session.PublicKey)
	if err != nil {
		return ConfigFile{}, err
	}
	keyFile := func(name string) string { return filepath.Join(dir, name+".pem") }
	files := map[string][]byte{
		keyFile("api_key"): privateKeyPEM(plain), keyFile("encrypted"): encryptedPEM,
		keyFile("session"): privateKeyPEM(session), keyFile("unknown"): privateKeyPEM(unknown),
		file.TokenFile: []byte(token),
	}
	file.Keys = []string{keyFile("api_key"), keyFile("encrypted"), keyFile("session"), keyFile("unknown")}
	var config bytes.Buffer
	profile := func(name, region, key string, public *rsa.PublicKey, more string) {
		fmt.Fprintf(&config, "[%s]\nuser=%s\nfingerprint=%s\ntenancy=%s\nregion=%s\nkey_file=%s\n%s\n",
			name, s.user, keyFingerprint(public), s.tenancy, region, keyFile(key), more)
	}
	profile(ProfileDefault, s.config.Region, "api_key", &plain.PublicKey, "")
	profile(ProfileEncrypted, s.config.Region, "encrypted", &encrypted.PublicKey, "pass_phrase="+file.PassPhrase+"\n")
	profile(ProfileSession, s.config.Region, "session", &session.PublicKey, "security_token_file="+file.TokenFile+"\n")
	profile(ProfileUnknownKey, s.config.Region, "unknown", &unknown.PublicKey, "")
	profile(ProfileOtherRegion, s.OtherRegion(), "api_key", &plain.PublicKey, "")
	files[file.Path] = config.Bytes()
	s.registerKey(&plain.PublicKey)
	s.registerKey(&encrypted.PublicKey)
	return file, writeFiles(files)
}

func fourKeys() (a, b, c, d *rsa.PrivateKey, err error) {
	keys := make([]*rsa.PrivateKey, 4)
	for i := range keys {
		if keys[i], err = newRSAKey(); err != nil {
			return nil, nil, nil, nil, err
		}
	}
	return keys[0], keys[1], keys[2], keys[3], nil
}

// registerKey adds a key to the user's API keys.
func (s *Server) registerKey(public *rsa.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.tenancy + "/" + s.user + "/" + keyFingerprint(public)
	s.apiKeys[id] = apiKey{principal: Principal{Type: PrincipalUser, ID: s.user, Tenancy: s.tenancy}, public: public}
}

func (s *Server) sessionToken(public *rsa.PublicKey) (string, error) {
	return s.issueToken(Principal{Type: PrincipalUser, ID: s.user, Tenancy: s.tenancy}, public, map[string]any{"ttype": "login"})
}

// keyFingerprint returns the MD5 of a public key, OCI's name for an API key.
func keyFingerprint(public *rsa.PublicKey) string {
	// MarshalPKIXPublicKey fails only for unknown types of keys.
	der, _ := x509.MarshalPKIXPublicKey(public)
	digest := md5.Sum(der) //nolint:gosec // see the import
	return colonSeparated(digest[:])
}

// encryptKey returns a key in the format of `oci setup keys` with a pass
// phrase: encrypted PKCS #8.
func encryptKey(key *rsa.PrivateKey, passPhrase string) ([]byte, error) {
	der, err := pkcs8.MarshalPrivateKey(key, []byte(passPhrase), nil)
	if err != nil {
		return nil, fmt.Errorf("encrypt a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: der}), nil
}

// ResourcePrincipal describes the credentials of a resource principal.
type ResourcePrincipal struct {
	// TokenFile holds the resource principal's session token (RPST).
	TokenFile string
	// KeyFile holds the private key of the session.
	KeyFile string
	// Environment contains the variables that OCI sets for the resource, on top
	// of [Server.Environment].
	Environment []string
}

// WriteResourcePrincipal writes the credentials of a resource principal of
// version 2.2, such as that of a function, into dir. A second call with the
// same dir renews them, like the platform does.
func (s *Server) WriteResourcePrincipal(dir string) (ResourcePrincipal, error) {
	key, err := newRSAKey()
	if err != nil {
		return ResourcePrincipal{}, err
	}
	principal := Principal{Type: PrincipalResource, ID: newOCID("fnfunc", s.config.Region), Tenancy: s.tenancy}
	token, err := s.issueToken(principal, &key.PublicKey, map[string]any{
		"ttype": "res", "res_type": "fnfunc", "res_id": principal.ID, "res_tenant": s.tenancy, "res_compartment": s.instance.compartment,
	})
	if err != nil {
		return ResourcePrincipal{}, err
	}
	files := ResourcePrincipal{TokenFile: filepath.Join(dir, "rpst"), KeyFile: filepath.Join(dir, "private.pem")}
	files.Environment = []string{
		"OCI_RESOURCE_PRINCIPAL_VERSION=2.2",
		"OCI_RESOURCE_PRINCIPAL_REGION=" + s.config.Region,
		"OCI_RESOURCE_PRINCIPAL_RPST=" + files.TokenFile,
		"OCI_RESOURCE_PRINCIPAL_PRIVATE_PEM=" + files.KeyFile,
	}
	return files, writeFiles(map[string][]byte{files.TokenFile: []byte(token), files.KeyFile: privateKeyPEM(key)})
}
