// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package apm

import (
	"time"
)

// Counts are the totals since the start or the last reset of the store. Only
// the fields whose comment begins with "Now" can decrease.
type Counts struct {
	Uploads UploadCounts `json:"uploads"`
	Spans   SpanCounts   `json:"spans"`
	Metrics MetricCounts `json:"metrics"`
	Logs    LogCounts    `json:"logs"`
	// Services is the number of received spans by service.name. Beyond 1000
	// names the rest is counted together, as "(other services)".
	Services map[string]int `json:"services"`
}

// UploadCounts count requests to the upload endpoint, those to a wrong path
// included. Total is Accepted + Rejected.
type UploadCounts struct {
	Total    int `json:"total"`
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
	// ByStatus counts by HTTP status; "0" are connections closed unanswered.
	ByStatus map[string]int `json:"by_status"`
	// BySignal counts by signal; "unknown" are those to a wrong path.
	BySignal map[string]int `json:"by_signal"`
}

// SpanCounts count spans. Received is Stored + Duplicates + Rejected.
type SpanCounts struct {
	// Received are the spans of every upload that could be decoded.
	Received int `json:"received"`
	Stored   int `json:"stored"`
	// Duplicates were in the store already, by trace id and span id.
	Duplicates int `json:"duplicates"`
	// Evicted were stored, and left to make room.
	Evicted int `json:"evicted"`
	// Rejected were refused by a fault, or lack a trace id or a span id.
	Rejected int `json:"rejected"`
	// InStore: Now in the store, which is Stored - Evicted.
	InStore int `json:"in_store"`
	// TracesInStore: Now in the store.
	TracesInStore int `json:"traces_in_store"`
	// BytesInStore: Now taken by the spans in the store, approximately.
	BytesInStore int64 `json:"bytes_in_store"`
}

// MetricCounts count metric data points.
type MetricCounts struct {
	// DataPoints are those of every upload that could be decoded.
	DataPoints int `json:"data_points"`
	Rejected   int `json:"rejected"`
	// InStore: Now kept metrics (not data points).
	InStore int `json:"in_store"`
}

// LogCounts count log records.
type LogCounts struct {
	// Records are those of every upload that could be decoded.
	Records  int `json:"records"`
	Rejected int `json:"rejected"`
	// InStore: Now kept records.
	InStore int `json:"in_store"`
}

// Upload describes one request to the upload endpoint. It never holds a key.
type Upload struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	// Signal is empty if the path belongs to none.
	Signal Signal `json:"signal"`
	// Status is the HTTP status; 0 is a connection closed unanswered.
	Status          int    `json:"status"`
	ContentType     string `json:"content_type"`
	ContentEncoding string `json:"content_encoding"`
	// Bytes is what was read of the body as sent.
	Bytes int64 `json:"bytes"`
	// BytesDecompressed is the size of the body after decompression.
	BytesDecompressed int64 `json:"bytes_decompressed"`
	// Items are spans, data points or log records; 0 if it was not decoded.
	Items      int    `json:"items"`
	Duplicates int    `json:"duplicates"`
	Rejected   int    `json:"rejected"`
	UserAgent  string `json:"user_agent"`
	// Key is the kind of the key that was sent.
	Key KeyKind `json:"key"`
	// Error is the message of a rejection.
	Error string `json:"error,omitempty"`
	// Fault is the id of the fault that the upload met.
	Fault string `json:"fault,omitempty"`
}

// Changes says how often what the sandbox keeps has changed, kind by kind. The
// numbers never decrease: whoever has seen one needs to look again only when it
// is another.
type Changes struct {
	Traces  uint64 `json:"traces"`
	Metrics uint64 `json:"metrics"`
	Logs    uint64 `json:"logs"`
	Uploads uint64 `json:"uploads"`
	Faults  uint64 `json:"faults"`
}
