// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

// Package seglog is a store of keys and values for queues: a log of segments that
// are only appended to, with a checksum for each record and one write for each
// batch.
//
// A segment is a file NUMBER-SEED.log: a header with the version of the format,
// then the records of batches. A batch is complete once its last record is, and
// never spans segments. The seed goes into every checksum, so that a value which
// happens to hold records, or is made to, is never taken for them.
//
//	┌ segment 7 ───────────┐ ┌ segment 8 ──────────────────┐
//	│ set 1 · set 2 · set 3│ │ delete 1 · set 4 · delete 2 …│ ← the next batch
//	└──────────────────────┘ └─────────────────────────────┘
//
// The log keeps in memory where each value is, never the value. Only the oldest
// segment is ever removed, when nothing in it is of use: a delete is then never
// forgotten before the set that it is about. Where a few values hold much dead
// space up, they are appended anew.
package seglog // import "github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/seglog"
