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
	// names, all others are counted as "(other services)".
	Services map[string]int `json:"services"`
}

// UploadCounts count requests to the upload endpoint, including those to a
// wrong path. Total is Accepted + Rejected.
type UploadCounts struct {
	Total    int `json:"total"`
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
	// ByStatus counts by HTTP status; "0" stands for connections that were
	// closed without an answer.
	ByStatus map[string]int `json:"by_status"`
	// BySignal counts by signal; "unknown" stands for requests to a wrong path.
	BySignal map[string]int `json:"by_signal"`
}

// SpanCounts count spans. Received is Stored + Duplicates + Rejected.
type SpanCounts struct {
	// Received are the spans of every upload that could be decoded.
	Received int `json:"received"`
	Stored   int `json:"stored"`
	// Duplicates were already in the store, by trace id and span id.
	Duplicates int `json:"duplicates"`
	// Evicted were stored, and later removed to make room.
	Evicted int `json:"evicted"`
	// Rejected were rejected by a fault, or lack a trace id or a span id.
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
	// InStore: Now stored metrics (not data points).
	InStore int `json:"in_store"`
}

// LogCounts count log records.
type LogCounts struct {
	// Records are those of every upload that could be decoded.
	Records  int `json:"records"`
	Rejected int `json:"rejected"`
	// InStore: Now stored records.
	InStore int `json:"in_store"`
}

// Upload describes one request to the upload endpoint. It never holds a key.
type Upload struct {
	Time   time.Time `json:"time"`
	Method string    `json:"method"`
	Path   string    `json:"path"`
	// Signal is empty if the path does not belong to any.
	Signal Signal `json:"signal"`
	// Status is the HTTP status; 0 means that the connection was closed without
	// an answer.
	Status          int    `json:"status"`
	ContentType     string `json:"content_type"`
	ContentEncoding string `json:"content_encoding"`
	// Bytes is the number of bytes read from the body as sent.
	Bytes int64 `json:"bytes"`
	// BytesDecompressed is the size of the body after decompression.
	BytesDecompressed int64 `json:"bytes_decompressed"`
	// Items are spans, data points or log records; 0 if it was not decoded.
	Items      int    `json:"items"`
	Duplicates int    `json:"duplicates"`
	Rejected   int    `json:"rejected"`
	UserAgent  string `json:"user_agent"`
	// Key is the kind of the key in the request.
	Key KeyKind `json:"key"`
	// Error is the error message of a rejected upload.
	Error string `json:"error,omitempty"`
	// Fault is the id of the fault that was applied.
	Fault string `json:"fault,omitempty"`
}

// Changes counts the changes of the stored data, by kind. The numbers never
// decrease: a client needs to read the data again only if the number differs.
type Changes struct {
	Traces  uint64 `json:"traces"`
	Metrics uint64 `json:"metrics"`
	Logs    uint64 `json:"logs"`
	Uploads uint64 `json:"uploads"`
	Faults  uint64 `json:"faults"`
}
