// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"errors"
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/exporter/exporterhelper"
)

// DataKeyType is the type of an APM domain's data key. It chooses the upload
// path for traces.
type DataKeyType string

const (
	// DataKeyTypeUnset uploads traces to /20200101/opentelemetry/v1/traces,
	// which takes a private key.
	DataKeyTypeUnset DataKeyType = ""
	// DataKeyTypePrivate uploads traces to
	// /20200101/opentelemetry/private/v1/traces.
	DataKeyTypePrivate DataKeyType = "private"
	// DataKeyTypePublic uploads traces to
	// /20200101/opentelemetry/public/v1/traces. APM takes neither metrics nor
	// logs with a public key.
	DataKeyTypePublic DataKeyType = "public"
)

var (
	errNoDataKey   = errors.New("data_key: no data key; set data_key: ${env:APM_DATA_KEY} with the private data key of the domain (OCI Console > APM > your domain > Data Keys), or data_key_file: PATH of a file that holds it")
	errTwoDataKeys = errors.New("data_key and data_key_file are both set; keep one of them")
	errAuth        = errors.New("auth: OCI APM authenticates uploads by their data key only; remove auth and set data_key or data_key_file")
	errNoRetry     = errors.New("retry_on_failure: enabled: false loses what sending_queue::storage is there to keep; remove it, or remove storage")
	errAuthHeader  = errors.New("headers: Authorization is written from the data key; remove it here and set data_key or data_key_file")
)

// Config configures the upload to one APM domain.
type Config struct {
	// ClientConfig holds the settings of the HTTP client. Its Endpoint is the
	// domain's Data Upload Endpoint,
	// https://<prefix>.apm-agt.<region>.oci.oraclecloud.com; a trailing slash
	// or a full upload URL is accepted too.
	ClientConfig confighttp.ClientConfig `mapstructure:",squash"`

	// RetryConfig is how an upload that failed for now is repeated. By default
	// it is repeated without an end of time.
	RetryConfig configretry.BackOffConfig `mapstructure:"retry_on_failure"`

	// QueueConfig is the queue in front of the upload, and the batches that it
	// makes.
	QueueConfig configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`

	// DataKey is the domain's data key. Exactly one of DataKey and DataKeyFile
	// is set.
	DataKey configopaque.String `mapstructure:"data_key"`

	// DataKeyFile is the path of a file that holds the data key and nothing
	// else. It is read again when it changes.
	DataKeyFile string `mapstructure:"data_key_file"`

	// DataKeyType is "", "private" or "public".
	DataKeyType DataKeyType `mapstructure:"data_key_type"`

	// StartupCheck uploads an empty request at the start, and logs whether
	// host, path and key are right. It delays nothing.
	StartupCheck bool `mapstructure:"startup_check"`
}

var _ component.Config = (*Config)(nil)

// Validate reports every mistake that would keep uploads from arriving, each
// with what to write instead. No error shows the data key.
func (cfg *Config) Validate() error {
	var errs []error

	if _, err := newUploadURLs(cfg.ClientConfig.Endpoint, cfg.DataKeyType); err != nil {
		errs = append(errs, err)
	}

	switch {
	case cfg.DataKey != "" && cfg.DataKeyFile != "":
		errs = append(errs, errTwoDataKeys)
	case cfg.DataKeyFile != "":
		if _, err := readDataKeyFile(cfg.DataKeyFile); err != nil {
			errs = append(errs, err)
		}
	case cfg.DataKey != "":
		if _, err := cleanDataKey(string(cfg.DataKey)); err != nil {
			errs = append(errs, fmt.Errorf("data_key: %w", err))
		}
	default:
		errs = append(errs, errNoDataKey)
	}

	if cfg.durable() && !cfg.RetryConfig.Enabled {
		errs = append(errs, errNoRetry)
	}
	if cfg.ClientConfig.Auth.HasValue() {
		errs = append(errs, errAuth)
	}
	for name := range cfg.ClientConfig.Headers.Iter {
		if strings.EqualFold(name, "Authorization") {
			errs = append(errs, errAuthHeader)
		}
	}
	return errors.Join(errs...)
}

// durable says whether the queue is on disk.
func (cfg *Config) durable() bool {
	return cfg.QueueConfig.HasValue() && cfg.QueueConfig.Get().StorageID != nil
}
