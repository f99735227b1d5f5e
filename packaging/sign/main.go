// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Command sign signs the files of a release for cosign, which checks a file with
//
//	cosign verify-blob --key=cosign.pub --bundle=FILE.sigstore.json --insecure-ignore-tlog=true FILE
//
// and an image at a registry with
//
//	cosign verify --key=cosign.pub --insecure-ignore-tlog=true REFERENCE
//
// It writes a Sigstore bundle beside each file:
// https://github.com/sigstore/protobuf-specs/blob/main/protos/sigstore_bundle.proto.
// It needs no network for that: there is no entry in a transparency log.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	// keyVariable has the private key in PEM, in the form that
	// `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` writes.
	keyVariable = "RELEASE_SIGNING_KEY"
	suffix      = ".sigstore.json"
	mediaType   = "application/vnd.dev.sigstore.bundle.v0.3+json"
	usage       = "usage: sign FILE …, sign image REFERENCE, or sign public"
)

var errKey = errors.New(keyVariable + " is no ECDSA key on the curve P-256 in PEM: create one with " +
	"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256")

// bundle is a signature of a file, with what is needed to check it except the key.
type bundle struct {
	MediaType            string               `json:"mediaType"`
	VerificationMaterial verificationMaterial `json:"verificationMaterial"`
	MessageSignature     messageSignature     `json:"messageSignature"`
}

type verificationMaterial struct {
	PublicKey publicKey `json:"publicKey"`
}

type publicKey struct {
	// Hint is the digest of the key, in base64, as cosign writes it.
	Hint string `json:"hint"`
}

type messageSignature struct {
	MessageDigest messageDigest `json:"messageDigest"`
	Signature     []byte        `json:"signature"`
}

type messageDigest struct {
	Algorithm string `json:"algorithm"`
	Digest    []byte `json:"digest"`
}

func main() {
	if err := run(os.Getenv(keyVariable), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "sign:", err)
		os.Exit(1)
	}
}

// run signs the files or the image, or prints the public key.
func run(key string, args []string) error {
	private, err := parseKey(key)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return err
	}
	switch {
	case len(args) == 1 && args[0] == "public":
		return pem.Encode(os.Stdout, &pem.Block{Type: "PUBLIC KEY", Bytes: public})
	case len(args) == 2 && args[0] == "image":
		return signImage(private, args[1])
	case len(args) == 0 || args[0] == "image":
		return errors.New(usage)
	}
	return signFiles(private, public, args)
}

// signFiles writes a bundle for each file.
func signFiles(private *ecdsa.PrivateKey, public []byte, files []string) error {
	hint := sha256.Sum256(public)
	for _, file := range files {
		signed, err := sign(private, file)
		if err != nil {
			return err
		}
		content, err := json.Marshal(bundle{
			MediaType:            mediaType,
			VerificationMaterial: verificationMaterial{publicKey{base64.StdEncoding.EncodeToString(hint[:])}},
			MessageSignature:     signed,
		})
		if err != nil {
			return err
		}
		err = os.WriteFile(file+suffix, append(content, '\n'), 0o644) //nolint:gosec // for everyone to read
		if err != nil {
			return err
		}
	}
	return nil
}

func parseKey(key string) (*ecdsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(key))
	if block == nil {
		return nil, errKey
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errKey // the error could quote the key
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || private.Curve != elliptic.P256() {
		return nil, errKey
	}
	return private, nil
}

func sign(key *ecdsa.PrivateKey, path string) (messageSignature, error) {
	file, err := os.Open(path)
	if err != nil {
		return messageSignature{}, err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err = io.Copy(hash, file); err != nil {
		return messageSignature{}, fmt.Errorf("%s: %w", path, err)
	}
	digest := hash.Sum(nil)
	signature, err := ecdsa.SignASN1(rand.Reader, key, digest)
	if err != nil {
		return messageSignature{}, fmt.Errorf("%s: %w", path, err)
	}
	return messageSignature{MessageDigest: messageDigest{Algorithm: "SHA2_256", Digest: digest}, Signature: signature}, nil
}
