// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Mkimage writes an image tarball from nothing but the given files:
//
//	mkimage OUT.tar REFERENCE USER ENTRYPOINT[,ARGUMENT...] path-in-image=file...
package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

var errUsage = errors.New("usage: mkimage OUT.tar REFERENCE USER ENTRYPOINT[,ARGUMENT...] path-in-image=file...")

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 5 {
		return errUsage
	}
	layer, err := pack(args[4:])
	if err != nil {
		return err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Config = v1.Config{Entrypoint: strings.Split(args[3], ","), User: args[2]}
	image, err = mutate.ConfigFile(image, config)
	if err != nil {
		return err
	}
	reference, err := name.NewTag(args[1])
	if err != nil {
		return err
	}
	return tarball.WriteToFile(args[0], reference, image)
}

// pack returns a layer with the files, which are path-in-image=file.
func pack(files []string) (v1.Layer, error) {
	var content bytes.Buffer
	writer := tar.NewWriter(&content)
	for _, entry := range files {
		path, file, found := strings.Cut(entry, "=")
		if !found {
			return nil, errUsage
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		err = writer.WriteHeader(&tar.Header{Name: strings.TrimPrefix(path, "/"), Mode: 0o755, Size: int64(len(data)), Typeflag: tar.TypeReg})
		if err != nil {
			return nil, err
		}
		if _, err = writer.Write(data); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil })
}
