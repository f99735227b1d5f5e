// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package seglog is a store of keys and values for queues: a log of segments that
// are only appended to, with a checksum for each record and one write for each
// batch.
//
// A segment is a file NUMBER-SEED.log: a header with the version of the format,
// then the records of batches. A batch is complete once its last record is, and
// never spans segments. Every checksum includes the seed, so that records inside a
// value, whether by chance or by intent, are never mistaken for real ones.
//
//	┌ segment 7 ───────────┐ ┌ segment 8 ──────────────────┐
//	│ set 1 · set 2 · set 3│ │ delete 1 · set 4 · delete 2 …│ ← the next batch
//	└──────────────────────┘ └─────────────────────────────┘
//
// In memory the log keeps the place of each value. It keeps values only until they are
// read once, and at most 2 MiB of them. Only the oldest segment is ever removed, once it
// holds no live values: so a delete is never forgotten before the set that it undoes. If a
// few live values keep much unused space from being freed, they are appended again.
package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"
