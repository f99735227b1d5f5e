// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"
	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// rootsModule has the root certificates of Mozilla.
const rootsModule = "golang.org/x/crypto/x509roots/fallback"

// writeSBOM writes the CycloneDX SBOM of an image: its programs with the modules that Go
// has linked into each, and the root certificates. It omits serial number and time, so
// that the same image results in the same document.
func writeSBOM(path string, o options, image v1.Image, programs []entry) error {
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	subject := cdx.Component{
		BOMRef: "image", Type: cdx.ComponentTypeContainer, Name: "otelcol-ociapm", Version: o.version,
		PackageURL: "pkg:oci/otelcol-ociapm@" + strings.ReplaceAll(digest.String(), ":", "%3A"),
		Hashes:     &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: digest.Hex}},
	}
	bom := cdx.NewBOM()
	bom.Metadata = &cdx.Metadata{Component: &subject}

	var components []cdx.Component
	known := map[string]bool{}
	add := func(c cdx.Component) {
		if !known[c.BOMRef] {
			known[c.BOMRef] = true
			components = append(components, c)
		}
	}
	contained := []string{moduleComponent(rootsModule, moduleVersion(rootsModule)).BOMRef}
	add(moduleComponent(rootsModule, moduleVersion(rootsModule)))
	var dependencies []cdx.Dependency
	for _, program := range programs {
		info, err := buildinfo.Read(bytes.NewReader(program.content))
		if err != nil {
			return fmt.Errorf("%s: %w", program.path, err)
		}
		sum := sha256.Sum256(program.content)
		c := cdx.Component{
			BOMRef: "/" + program.path, Type: cdx.ComponentTypeApplication, Name: program.path, Version: o.version,
			Hashes: &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(sum[:])}},
		}
		add(c)
		contained = append(contained, c.BOMRef)
		modules := []string{}
		standard := moduleComponent("std", strings.TrimPrefix(info.GoVersion, "go"))
		add(standard)
		modules = append(modules, standard.BOMRef)
		for _, module := range info.Deps {
			name, version := module.Path, module.Version
			if module.Replace != nil {
				name, version = module.Replace.Path, module.Replace.Version
			}
			if folder, ours := strings.CutPrefix(name, "../../third_party/"); ours {
				name, version = "github.com/ociapm/otelcol-ociapm/third_party/"+folder, o.version
			}
			linked := moduleComponent(name, version)
			add(linked)
			modules = append(modules, linked.BOMRef)
		}
		dependencies = append(dependencies, cdx.Dependency{Ref: c.BOMRef, Dependencies: &modules})
	}
	dependencies = append(dependencies, cdx.Dependency{Ref: subject.BOMRef, Dependencies: &contained})
	bom.Components, bom.Dependencies = &components, &dependencies

	var document bytes.Buffer
	if err := cdx.NewBOMEncoder(&document, cdx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return err
	}
	return os.WriteFile(path, document.Bytes(), 0o644) //nolint:gosec // for everyone to read
}

// moduleComponent describes a Go module.
func moduleComponent(path, version string) cdx.Component {
	url := "pkg:golang/" + path + "@" + version
	return cdx.Component{BOMRef: url, Type: cdx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: url}
}
