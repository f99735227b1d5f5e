// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociauth

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oracle/oci-go-sdk/v65/common"
)

// fileSource reads a user's credentials from the files of the OCI CLI on each
// use, so that a replaced key and a renewed session take effect at once.
type fileSource struct{ config Config }

func (fileSource) forget() {}

func (s fileSource) credentials(context.Context) (credentials, error) {
	path, profile := s.config.file(), s.config.profile()
	settings, err := readProfile(path, profile)
	switch {
	case errors.Is(err, errNoProfile):
		return credentials{}, fileError("%s has no profile [%s]: add it with oci setup config, or write auth::profile", path, profile)
	case errors.Is(err, fs.ErrNotExist):
		return credentials{}, fileError("the OCI configuration file %s does not exist: write it with oci setup config, or name another in auth::config_file", path)
	case err != nil:
		return credentials{}, fileError("the OCI configuration file %s cannot be read (%v): the collector's user must be able to read it", path, reason(err))
	}

	require := func(name string) (string, error) {
		if settings[name] == "" {
			return "", fileError("profile [%s] of %s has no %s: see %s", profile, path, name, configFileDocsURL)
		}
		return settings[name], nil
	}
	keyFile, err := require("key_file")
	if err != nil {
		return credentials{}, err
	}
	key, err := readKey(expandHome(keyFile), settings)
	if err != nil {
		return credentials{}, err
	}

	if s.config.Type == TypeSessionToken {
		tokenFile, err := require("security_token_file")
		if err != nil {
			return credentials{}, err
		}
		token, err := readToken(expandHome(tokenFile), profile)
		return credentials{keyID: "ST$" + token, key: key}, err
	}
	parts := make([]string, 0, 3)
	for _, name := range []string{"tenancy", "user", "fingerprint"} {
		value, err := require(name)
		if err != nil {
			return credentials{}, err
		}
		parts = append(parts, value)
	}
	return credentials{keyID: strings.Join(parts, "/"), key: key}, nil
}

// readKey reads a private key. No error contains its content or its pass
// phrase.
func readKey(path string, settings map[string]string) (*rsa.PrivateKey, error) {
	content, err := os.ReadFile(filepath.Clean(path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fileError("the key file %s does not exist: correct key_file in the OCI configuration file", path)
	case err != nil:
		return nil, fileError("the key file %s cannot be read (%v): the collector's user must be able to read it", path, reason(err))
	}
	phrase, ok := settings["pass_phrase"]
	if !ok {
		phrase = settings["passphrase"]
	}
	key, err := common.PrivateKeyFromBytesWithPassword(content, []byte(phrase))
	switch {
	case err == nil && key != nil:
		return key, nil
	case phrase == "" && strings.Contains(string(content), "ENCRYPTED"):
		return nil, fileError("the key file %s is encrypted: write its pass_phrase into the profile of the OCI configuration file", path)
	case strings.Contains(string(content), "ENCRYPTED"):
		return nil, fileError("the key file %s does not open with the pass_phrase of the profile: correct pass_phrase in the OCI configuration file", path)
	}
	return nil, fileError("the key file %s holds no RSA private key in PEM form: correct key_file in the OCI configuration file", path)
}

// readToken reads the security token of a session, and returns an error if it
// has expired.
func readToken(path, profile string) (string, error) {
	content, err := os.ReadFile(filepath.Clean(path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fileError("the security token file %s does not exist: run oci session authenticate --profile-name %s", path, profile)
	case err != nil:
		return "", fileError("the security token file %s cannot be read (%v): the collector's user must be able to read it", path, reason(err))
	}
	token := strings.TrimSpace(string(content))
	if token == "" {
		return "", fileError("the security token file %s is empty: run oci session authenticate --profile-name %s", path, profile)
	}
	if end, ok := expiry(token); ok && !time.Now().Before(end) {
		return "", &Error{Kind: KindTokenExpired, message: fmt.Sprintf(
			"the session of profile [%s] expired at %s: run oci session authenticate --profile-name %s; before it expires, oci session refresh --profile %s renews it",
			profile, end.UTC().Format(time.RFC3339), profile, profile)}
	}
	return token, nil
}

// expiry returns the expiry time of a token. OCI verifies the token, not this
// function.
func expiry(token string) (time.Time, bool) {
	var claims jwt.RegisteredClaims
	_, _, err := jwt.NewParser().ParseUnverified(token, &claims)
	if err != nil || claims.ExpiresAt == nil {
		return time.Time{}, false
	}
	return claims.ExpiresAt.Time, true
}

// reason returns why a file could not be read, without its path.
func reason(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}
