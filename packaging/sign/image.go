// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// From cosign's specification of signatures:
// https://github.com/sigstore/cosign/blob/main/specs/SIGNATURE_SPEC.md.
const (
	payloadType         = "cosign container image signature"
	payloadMediaType    = "application/vnd.dev.cosign.simplesigning.v1+json"
	signatureAnnotation = "dev.cosignproject.cosign/signature"
)

// payload is what is signed of an image.
type payload struct {
	Critical critical `json:"critical"`
	Optional *string  `json:"optional"`
}

type critical struct {
	Identity identity `json:"identity"`
	Image    subject  `json:"image"`
	Type     string   `json:"type"`
}

type identity struct {
	Reference string `json:"docker-reference"`
}

type subject struct {
	Digest string `json:"docker-manifest-digest"`
}

// signImage signs an image, or an index of images, that is at a registry. The signature
// goes beside it, under a tag that cosign derives from the digest. The credentials are
// those of `crane auth login` or `docker login`.
func signImage(key *ecdsa.PrivateKey, reference string) error {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return err
	}
	access := remote.WithAuthFromKeychain(authn.DefaultKeychain)
	described, err := remote.Head(ref, access)
	if err != nil {
		return fmt.Errorf("%s: %w", reference, err)
	}
	repository := ref.Context()
	content, err := json.Marshal(payload{Critical: critical{
		Identity: identity{repository.Name()}, Image: subject{described.Digest.String()}, Type: payloadType,
	}})
	if err != nil {
		return err
	}
	digest := sha256.Sum256(content)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
	if err != nil {
		return err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.Append(image, mutate.Addendum{
		Layer:       static.NewLayer(content, payloadMediaType),
		Annotations: map[string]string{signatureAnnotation: base64.StdEncoding.EncodeToString(signature)},
	})
	if err != nil {
		return err
	}
	tag := repository.Tag(strings.ReplaceAll(described.Digest.String(), ":", "-") + ".sig")
	if err := remote.Write(tag, image, access); err != nil {
		return fmt.Errorf("%s: %w", tag, err)
	}
	return nil
}
