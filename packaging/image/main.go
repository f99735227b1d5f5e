// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Command image builds the container image of the collector without a daemon,
// from the programs, the ready configurations, the licenses and the root certificates
// only, and writes its SBOM. The same input gives the same bytes.
package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

const (
	// user is the numeric user and group of the collector. Kubernetes can check
	// only a number for not being root (runAsNonRoot).
	user     = 10001
	stateDir = "var/lib/otelcol-ociapm"
	configs  = "etc/otelcol-ociapm"
	// defaultConfig listens on all addresses, as necessary in a container, and
	// derives its memory limit from the container's.
	defaultConfig = "gateway.yaml"
)

// entry is a file of the image, or a folder if content is nil.
type entry struct {
	path    string
	mode    int64
	owner   int
	content []byte
}

func main() {
	var o options
	flag.StringVar(&o.reference, "reference", "otelcol-ociapm:dev", "name and tag of the image")
	flag.StringVar(&o.version, "version", "", "version of the collector")
	flag.StringVar(&o.commit, "commit", "", "commit that it was built from")
	flag.Int64Var(&o.created, "created", 0, "time of that commit, in seconds since 1970; every time in the image is this one")
	flag.StringVar(&o.configs, "configs", "config", "folder of the ready configurations")
	flag.StringVar(&o.queuedir, "queuedir", "bin/queuedir-%s", "program that Kubernetes' agents prepare their queue with; %s is the architecture")
	flag.StringVar(&o.apmctl, "apmctl", "bin/apmctl-%s", "apmctl; %s is the architecture")
	flag.StringVar(&o.license, "license", "LICENSE", "license text")
	flag.StringVar(&o.notices, "notices", "dist/THIRD-PARTY-NOTICES", "licenses and notices of the modules in the programs")
	flag.StringVar(&o.output, "output", "", "folder to write to")
	flag.Parse()
	if err := run(o, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

type options struct {
	reference, version, commit string
	created                    int64
	configs, license, notices  string
	queuedir, apmctl, output   string
}

// run builds one image for each ARCHITECTURE=BINARY. Each one is written as a
// tar file for `ctr images import` and `docker load`. If there are several, it
// also writes an OCI layout with an index over them.
func run(o options, args []string) error {
	if len(args) == 0 || o.output == "" || o.version == "" {
		return errors.New("usage: image -output=DIR -version=VERSION [flags] ARCHITECTURE=BINARY …")
	}
	tag, err := name.NewTag(o.reference)
	if err != nil {
		return fmt.Errorf("reference: %w", err)
	}
	err = os.MkdirAll(o.output, 0o755)
	if err != nil {
		return err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, arg := range args {
		arch, binary, ok := strings.Cut(arg, "=")
		if !ok {
			return fmt.Errorf("%q is not ARCHITECTURE=BINARY", arg)
		}
		programs, readErr := readPrograms(o, arch, binary)
		if readErr != nil {
			return fmt.Errorf("%s: %w", arch, readErr)
		}
		image, buildErr := build(o, arch, programs)
		if buildErr != nil {
			return fmt.Errorf("%s: %w", arch, buildErr)
		}
		if err = write(filepath.Join(o.output, "otelcol-ociapm-image-"+arch+".tar"), tag, image); err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
		if err = writeSBOM(filepath.Join(o.output, "otelcol-ociapm-image-"+arch+".sbom.json"), o, image, programs); err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	if len(args) == 1 {
		return nil
	}
	dir := filepath.Join(o.output, "otelcol-ociapm-image")
	err = os.RemoveAll(dir)
	if err != nil {
		return err
	}
	_, err = layout.Write(dir, index)
	return err
}

func write(path string, tag name.Tag, image v1.Image) error {
	if err := tarball.WriteToFile(path, tag, image); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return err
	}
	layers, err := image.Layers()
	if err != nil {
		return err
	}
	var compressed int64
	for _, layer := range layers {
		size, err := layer.Size()
		if err != nil {
			return err
		}
		compressed += size
	}
	fmt.Printf("%s  %s  %s  %.1f MB to pull, %.1f MB on disk\n", path, tag, digest, float64(compressed)/1e6, float64(info.Size())/1e6)
	return nil
}

// readPrograms returns the programs of the image. The one that changes least comes first.
func readPrograms(o options, arch, binary string) ([]entry, error) {
	programs := []entry{{path: "queuedir", mode: 0o755}, {path: "apmctl", mode: 0o755}, {path: "otelcol-ociapm", mode: 0o755}}
	for i, source := range []string{fmt.Sprintf(o.queuedir, arch), fmt.Sprintf(o.apmctl, arch), binary} {
		content, err := os.ReadFile(source)
		if err != nil {
			return nil, err
		}
		programs[i].content = content
	}
	return programs, nil
}

func build(o options, arch string, programs []entry) (v1.Image, error) {
	created := time.Unix(o.created, 0).UTC()
	base, err := files(o)
	if err != nil {
		return nil, err
	}
	// The layers that change least come first: a new version pulls only the
	// programs.
	image := mutate.MediaType(empty.Image, types.OCIManifestSchema1)
	image = mutate.ConfigMediaType(image, types.OCIConfigJSON)
	layers := [][]entry{base}
	comments := []string{"certificates and configurations"}
	for _, program := range programs {
		layers = append(layers, []entry{program})
		comments = append(comments, program.path)
	}
	for i, entries := range layers {
		packed, packErr := pack(entries, created)
		if packErr != nil {
			return nil, packErr
		}
		layer, layerErr := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(packed)), nil
		}, tarball.WithMediaType(types.OCILayer))
		if layerErr != nil {
			return nil, layerErr
		}
		image, err = mutate.Append(image, mutate.Addendum{
			Layer:   layer,
			History: v1.History{Created: v1.Time{Time: created}, CreatedBy: comments[i]},
		})
		if err != nil {
			return nil, err
		}
	}

	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	config.Created = v1.Time{Time: created}
	config.Config = v1.Config{
		User:         fmt.Sprintf("%d:%d", user, user),
		Entrypoint:   []string{"/otelcol-ociapm"},
		Cmd:          []string{"--config", "/" + configs + "/config.yaml"},
		WorkingDir:   "/",
		ExposedPorts: map[string]struct{}{"4317/tcp": {}, "4318/tcp": {}, "13133/tcp": {}},
		// https://github.com/opencontainers/image-spec/blob/main/annotations.md
		Labels: map[string]string{
			"org.opencontainers.image.title":       "otelcol-ociapm",
			"org.opencontainers.image.description": "OpenTelemetry Collector distribution for OCI Application Performance Monitoring",
			"org.opencontainers.image.version":     o.version,
			"org.opencontainers.image.revision":    o.commit,
			"org.opencontainers.image.created":     created.Format(time.RFC3339),
			"org.opencontainers.image.licenses":    "Apache-2.0",
			"org.opencontainers.image.source":      "https://github.com/ociapm/otelcol-ociapm",
		},
	}
	return mutate.ConfigFile(image, config)
}

// files returns the files of the image other than the binary.
func files(o options) ([]entry, error) {
	roots, err := certificates()
	if err != nil {
		return nil, err
	}
	license, err := os.ReadFile(o.license)
	if err != nil {
		return nil, err
	}
	notices, err := os.ReadFile(o.notices)
	if err != nil {
		return nil, err
	}
	entries := []entry{
		{path: "etc/", mode: 0o755},
		{path: configs + "/", mode: 0o755},
		{path: "etc/ssl/", mode: 0o755},
		{path: "etc/ssl/certs/", mode: 0o755},
		{path: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: roots},
		// Some programs look up the user's name and home.
		{path: "etc/passwd", mode: 0o644, content: fmt.Appendf(nil, "otelcol-ociapm:x:%d:%d::/%s:/\n", user, user, stateDir)},
		{path: "etc/group", mode: 0o644, content: fmt.Appendf(nil, "otelcol-ociapm:x:%d:\n", user)},
		{path: "licenses/", mode: 0o755},
		{path: "licenses/LICENSE", mode: 0o644, content: license},
		{path: "licenses/THIRD-PARTY-NOTICES", mode: 0o644, content: notices},
		{path: "var/", mode: 0o755},
		{path: "var/lib/", mode: 0o755},
		{path: stateDir + "/", mode: 0o750, owner: user},
	}
	names, err := filepath.Glob(filepath.Join(o.configs, "*.yaml"))
	if err != nil {
		return nil, err
	}
	found := false
	for _, path := range names {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		base := filepath.Base(path)
		entries = append(entries, entry{path: configs + "/" + base, mode: 0o644, content: content})
		if base == defaultConfig {
			found = true
			entries = append(entries, entry{path: configs + "/config.yaml", mode: 0o644, content: content})
		}
	}
	if !found {
		return nil, fmt.Errorf("there is no %s in %s", defaultConfig, o.configs)
	}
	return entries, nil
}

// certificates returns the roots that Mozilla trusts without conditions, from a
// module pinned by go.sum: unlike the bundle of the machine, it is the same
// wherever the image is built.
func certificates() ([]byte, error) {
	var all bytes.Buffer
	fmt.Fprintf(&all, "# Roots that Mozilla trusts, from golang.org/x/crypto/x509roots/fallback %s\n", moduleVersion(rootsModule))
	for root := range bundle.Roots() {
		if root.Constraint != nil {
			continue // a PEM file cannot express the condition
		}
		if err := pem.Encode(&all, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}); err != nil {
			return nil, err
		}
	}
	return all.Bytes(), nil
}

func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, module := range info.Deps {
		if module.Path == path {
			return module.Version
		}
	}
	return ""
}

// pack creates a tar file of the entries that is the same on every machine.
func pack(entries []entry, modified time.Time) ([]byte, error) {
	var packed bytes.Buffer
	w := tar.NewWriter(&packed)
	for _, e := range entries {
		header := &tar.Header{
			Name: e.path, Mode: e.mode, Uid: e.owner, Gid: e.owner, ModTime: modified,
			Typeflag: tar.TypeReg, Size: int64(len(e.content)), Format: tar.FormatUSTAR,
		}
		if e.content == nil {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("%s, mode %s: %w", e.path, strconv.FormatInt(e.mode, 8), err)
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, fmt.Errorf("%s: %w", e.path, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
