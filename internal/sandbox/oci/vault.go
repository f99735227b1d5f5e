// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The paths of the Secret Retrieval API, as in oci-go-sdk's secrets.
const (
	secretPath         = "/20190301/secretbundles/{id}"
	secretVersionsPath = secretPath + "/versions"
	secretByNamePath   = "/20190301/secretbundles/actions/getByName"
)

// Stage is the rotation state of a secret's version.
type Stage string

// The stages, as OCI names them.
const (
	// StageCurrent is the version that a caller gets by default.
	StageCurrent Stage = "CURRENT"
	// StagePending is a version that exists and is not in use yet.
	StagePending Stage = "PENDING"
	// StageLatest is the newest version.
	StageLatest Stage = "LATEST"
	// StagePrevious is the version that was current before.
	StagePrevious Stage = "PREVIOUS"
	// StageDeprecated is any other version.
	StageDeprecated Stage = "DEPRECATED"
)

// SecretState is the lifecycle state of a secret.
type SecretState string

// The states that matter to a reader. In all but the first, the bundle is
// answered as not found; the answer of the real service is not documented.
const (
	SecretActive             SecretState = "ACTIVE"
	SecretPendingDeletion    SecretState = "PENDING_DELETION"
	SecretDeleted            SecretState = "DELETED"
	SecretSchedulingDeletion SecretState = "SCHEDULING_DELETION"
)

var errNoSecret = errors.New("there is no such secret")

// secretVersion is one version of a secret's content.
type secretVersion struct {
	number  int64
	content []byte
	created time.Time
}

// secret is a secret in a vault.
type secret struct {
	id       string
	name     string
	state    SecretState
	versions []secretVersion // oldest first
	current  int64           // number of the version in use
	previous int64           // number of the one before; 0 means none
}

// vault is a vault with its secrets.
type vault struct {
	id     string
	region string

	mu      sync.Mutex
	secrets map[string]*secret // by OCID
}

func newVault(region string) *vault {
	return &vault{id: newOCID("vault", region), region: region, secrets: map[string]*secret{}}
}

// secretBundle is the answer of GetSecretBundle. Without content it is an item
// of ListSecretBundleVersions.
type secretBundle struct {
	SecretID      string         `json:"secretId"`
	VersionNumber int64          `json:"versionNumber"`
	VersionName   *string        `json:"versionName"`
	TimeCreated   time.Time      `json:"timeCreated"`
	Stages        []Stage        `json:"stages"`
	Content       *secretContent `json:"secretBundleContent,omitempty"`
	Metadata      map[string]any `json:"metadata,omitempty"`
}

type secretContent struct {
	Type    string `json:"contentType"`
	Content string `json:"content"`
}

// stages returns the rotation states of a version.
func (s *secret) stages(version secretVersion) []Stage {
	newest := s.versions[len(s.versions)-1].number
	var stages []Stage
	if version.number == s.current {
		stages = append(stages, StageCurrent)
	}
	if version.number == newest {
		stages = append(stages, StageLatest)
	}
	if version.number == newest && version.number != s.current {
		stages = append(stages, StagePending)
	}
	if version.number == s.previous {
		stages = append(stages, StagePrevious)
	}
	if stages == nil {
		stages = []Stage{StageDeprecated}
	}
	return stages
}

func (s *secret) bundle(version secretVersion, withContent bool) secretBundle {
	bundle := secretBundle{SecretID: s.id, VersionNumber: version.number, TimeCreated: version.created, Stages: s.stages(version)}
	if withContent {
		bundle.Content = &secretContent{Type: "BASE64", Content: base64.StdEncoding.EncodeToString(version.content)}
	}
	return bundle
}

// find returns the secret that matches, in its region.
func (v *vault) find(region string, matches func(*secret) bool) (*secret, *failure) {
	for _, candidate := range v.secrets {
		if !matches(candidate) {
			continue
		}
		if region != v.region {
			return nil, notFound(ReasonWrongRegion, "the vault is in "+v.region+", the request went to "+region)
		}
		if candidate.state != SecretActive {
			return nil, notFound(ReasonInactive, "the secret is "+string(candidate.state))
		}
		return candidate, nil
	}
	return nil, notFound(ReasonNotFound, "no such secret")
}

// choose returns the version that a request's query selects.
func (s *secret) choose(r *http.Request) (secretVersion, *failure) {
	query := r.URL.Query()
	stage := StageCurrent
	if wanted := Stage(query.Get("stage")); wanted != "" {
		stage = wanted
		if !slices.Contains([]Stage{StageCurrent, StagePending, StageLatest, StagePrevious, StageDeprecated}, stage) {
			return secretVersion{}, invalidParameter("stage is not CURRENT, PENDING, LATEST, PREVIOUS or DEPRECATED")
		}
	}
	matches := func(version secretVersion) bool { return slices.Contains(s.stages(version), stage) }
	if wanted := query.Get("versionNumber"); wanted != "" {
		number, err := strconv.ParseInt(wanted, 10, 64)
		if err != nil {
			return secretVersion{}, invalidParameter("versionNumber is not a number")
		}
		matches = func(version secretVersion) bool { return version.number == number }
	}
	// Versions in the sandbox have no names.
	if query.Get("secretVersionName") != "" {
		matches = func(secretVersion) bool { return false }
	}
	for _, version := range slices.Backward(s.versions) {
		if matches(version) {
			return version, nil
		}
	}
	return secretVersion{}, notFound(ReasonNotFound, "no such version of the secret")
}

func (s *Server) getSecretBundle(c *call) (any, *failure) {
	return s.bundleOf(c, func(candidate *secret) bool { return candidate.id == c.r.PathValue("id") })
}

func (s *Server) getSecretBundleByName(c *call) (any, *failure) {
	query := c.r.URL.Query()
	return s.bundleOf(c, func(candidate *secret) bool {
		return candidate.name == query.Get("secretName") && s.vault.id == query.Get("vaultId")
	})
}

func (s *Server) bundleOf(c *call, matches func(*secret) bool) (any, *failure) {
	s.vault.mu.Lock()
	defer s.vault.mu.Unlock()
	found, f := s.vault.find(c.region, matches)
	if f != nil {
		return nil, f
	}
	version, f := found.choose(c.r)
	if f != nil {
		return nil, f
	}
	return found.bundle(version, true), nil
}

func (s *Server) listSecretBundleVersions(c *call) (any, *failure) {
	s.vault.mu.Lock()
	defer s.vault.mu.Unlock()
	found, f := s.vault.find(c.region, func(candidate *secret) bool { return candidate.id == c.r.PathValue("id") })
	if f != nil {
		return nil, f
	}
	bundles := []secretBundle{}
	for _, version := range slices.Backward(found.versions) {
		bundles = append(bundles, found.bundle(version, false))
	}
	return bundles, nil
}

// VaultID returns the OCID of the vault.
func (s *Server) VaultID() string {
	return s.vault.id
}

// AddSecret adds a secret to the vault and returns its OCID. It returns an
// error if the name exists.
func (s *Server) AddSecret(name string, content []byte) (string, error) {
	s.vault.mu.Lock()
	defer s.vault.mu.Unlock()
	for _, other := range s.vault.secrets {
		if other.name == name {
			return "", fmt.Errorf("a secret named %q already exists", name)
		}
	}
	added := &secret{
		id: newOCID("vaultsecret", s.vault.region), name: name, state: SecretActive, current: 1,
		versions: []secretVersion{{number: 1, content: slices.Clone(content), created: s.now().UTC()}},
	}
	s.vault.secrets[added.id] = added
	return added.id, nil
}

// RotateSecret gives a secret a new version and returns its number. With
// StagePending the old version stays in use until [Server.PromoteSecret]; any
// other stage makes the new one current at once.
func (s *Server) RotateSecret(id string, content []byte, stage Stage) (int64, error) {
	s.vault.mu.Lock()
	defer s.vault.mu.Unlock()
	found, ok := s.vault.secrets[id]
	if !ok {
		return 0, errNoSecret
	}
	number := found.versions[len(found.versions)-1].number + 1
	found.versions = append(found.versions, secretVersion{number: number, content: slices.Clone(content), created: s.now().UTC()})
	if stage != StagePending {
		found.promote(number)
	}
	return number, nil
}

// PromoteSecret makes a version the current one.
func (s *Server) PromoteSecret(id string, version int64) error {
	s.vault.mu.Lock()
	defer s.vault.mu.Unlock()
	found, ok := s.vault.secrets[id]
	if !ok {
		return errNoSecret
	}
	if !slices.ContainsFunc(found.versions, func(v secretVersion) bool { return v.number == version }) {
		return fmt.Errorf("the secret has no version %d", version)
	}
	found.promote(version)
	return nil
}

func (s *secret) promote(number int64) {
	if number != s.current {
		s.previous, s.current = s.current, number
	}
}

// SetSecretState changes the lifecycle state of a secret.
func (s *Server) SetSecretState(id string, state SecretState) error {
	s.vault.mu.Lock()
	defer s.vault.mu.Unlock()
	found, ok := s.vault.secrets[id]
	if !ok {
		return errNoSecret
	}
	found.state = state
	return nil
}
