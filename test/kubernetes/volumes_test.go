// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build kubernetes

package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// volumesCreated makes the names of volumes unique: the cluster's controllers may still
// remember a deleted volume of the same name, and then bind no claim to the new one.
var volumesCreated int

// volumes creates volumes of the node, which claims without a class are bound to, until
// the test ends. Call it before the namespace of the claims is created: a volume cannot
// be deleted before its claim.
func volumes(t *testing.T, count int) {
	t.Helper()
	for range count {
		volumesCreated++
		name := fmt.Sprintf("volume-%d", volumesCreated)
		path := filepath.Join(os.Getenv("NODE_RUN"), "volumes", name)
		require.NoError(t, os.MkdirAll(path, 0o750))
		apply(t, fmt.Sprintf(`
apiVersion: v1
kind: PersistentVolume
metadata: {name: %s}
spec:
  capacity: {storage: 12Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  local: {path: %s}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions: [{key: kubernetes.io/hostname, operator: In, values: [node0]}]
`, name, path))
		t.Cleanup(func() { kubectl(t, "delete", "persistentvolume", name, "--wait") })
	}
}
