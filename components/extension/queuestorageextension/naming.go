// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension"

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/component"
)

const (
	// folderSuffix distinguishes the folder of a queue from file_storage's file
	// for the same queue.
	folderSuffix = ".queue"
	// maxFileName is the limit of the file systems of Linux, macOS and Windows.
	maxFileName = 255
)

// folderName returns the name of a client's folder.
func folderName(kind component.Kind, id component.ID, name string) string {
	raw := fileStorageName(kind, id, name)
	if len(raw)+len(folderSuffix) > maxFileName {
		raw = hashed(raw)
	}
	return raw + folderSuffix
}

// fileStorageName returns file_storage's file name for a client, unless it is
// too long for the file system.
func fileStorageName(kind component.Kind, id component.ID, name string) string {
	raw := fmt.Sprintf("%s_%s_%s", kindName(kind), id.Type(), id.Name())
	if name != "" {
		raw += "_" + name
	}
	var safe strings.Builder
	for _, r := range raw {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '_' {
			safe.WriteRune(r)
		} else {
			fmt.Fprintf(&safe, "~%04X", r)
		}
	}
	return safe.String()
}

// hashed returns file_storage's replacement for a name that is too long.
func hashed(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

func kindName(kind component.Kind) string {
	if kind == (component.Kind{}) {
		return "other" // as in file_storage
	}
	return strings.ToLower(kind.String())
}
