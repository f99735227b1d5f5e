// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package ociapmexporter // import "github.com/ociapm/otelcol-ociapm/ociapmexporter"

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/config/confighttp"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configretry"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/exporter/exporterhelper"

	"github.com/ociapm/otelcol-ociapm/internal/ociauth"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/discovery"
	"github.com/ociapm/otelcol-ociapm/ociapmexporter/internal/endpoint"
)

// DataKeyType is the type of an APM domain's data key. It chooses the upload
// path for traces.
type DataKeyType = endpoint.DataKeyType

// The types of data key.
const (
	DataKeyTypeUnset   = endpoint.DataKeyTypeUnset
	DataKeyTypePrivate = endpoint.DataKeyTypePrivate
	DataKeyTypePublic  = endpoint.DataKeyTypePublic
)

var (
	errNoDataKey   = errors.New("data_key: no data key; set data_key: ${env:APM_DATA_KEY} with the private data key of the domain (OCI Console > APM > your domain > Data Keys), or data_key_file: PATH of a file that holds it")
	errTwoDataKeys = errors.New("data_key and data_key_file are both set; keep one of them")
	errAuth        = errors.New("auth: OCI APM authenticates uploads by their data key only; remove auth::authenticator and set data_key, data_key_file or apm_domain_id")
	errAuthForm    = errors.New("auth: it must be a map of settings; write auth: {type: config_file} or another type")
	errAuthAlone   = errors.New("auth: it chooses the credentials for apm_domain_id, which is not set; write apm_domain_id with the OCID of the APM domain instead of endpoint and data_key, or remove auth")
	errTwoHosts    = errors.New("endpoint and apm_domain_id are both set; keep apm_domain_id, which finds the endpoint, or endpoint with a data key")
	errKeyOfDomain = errors.New("apm_domain_id finds the data key; remove data_key and data_key_file, or set endpoint instead of apm_domain_id")
	errRefresh     = fmt.Errorf("refresh_interval: it must be at least %s; the default suits most", minRefreshInterval)
	errNoRetry     = errors.New("retry_on_failure: enabled: false drops the data that sending_queue::storage is meant to keep; remove it, or remove storage")
	errProxyURL    = errors.New("proxy_url: it is not a URL; write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with every character of user and password that is not a letter or digit percent-encoded")
	errAuthHeader  = errors.New("headers: the exporter sets Authorization from the data key; remove it here and set data_key or data_key_file")
)

const (
	// A replaced data key should stay valid for defaultRefreshInterval after its
	// successor is created, so that no upload is refused. A thousand collectors send the
	// control plane about two requests a second.
	defaultRefreshInterval = 15 * time.Minute
	minRefreshInterval     = time.Second
)

// Config configures the upload to one APM domain.
type Config struct {
	// ClientConfig holds the settings of the HTTP client. Its Endpoint is the
	// domain's Data Upload Endpoint,
	// https://<prefix>.apm-agt.<region>.oci.oraclecloud.com; a trailing slash
	// or a full upload URL is accepted too.
	ClientConfig confighttp.ClientConfig `mapstructure:",squash"`

	// RetryConfig configures the retries of failed uploads. By default they are
	// retried without a time limit.
	RetryConfig configretry.BackOffConfig `mapstructure:"retry_on_failure"`

	// QueueConfig configures the sending queue and its batches.
	QueueConfig configoptional.Optional[exporterhelper.QueueBatchConfig] `mapstructure:"sending_queue"`

	// APMDomainID is the OCID of the APM domain. The exporter asks OCI for the
	// domain's endpoint and data key, so neither may be configured as well.
	APMDomainID string `mapstructure:"apm_domain_id"`

	// Auth chooses the credentials for OCI. It needs APMDomainID. The zero value uses
	// the first type that this machine has.
	Auth ociauth.Config `mapstructure:"auth,omitempty"`

	// RefreshInterval is how often the endpoint and the data key are refreshed, give
	// or take a tenth. A data key that APM rejects is refreshed at once.
	RefreshInterval time.Duration `mapstructure:"refresh_interval"`

	// DataKey is the domain's data key. Exactly one of DataKey and DataKeyFile
	// is set.
	DataKey configopaque.String `mapstructure:"data_key"`

	// DataKeyFile is the path of a file that holds the data key and nothing
	// else. It is read again when it changes.
	DataKeyFile string `mapstructure:"data_key_file"`

	// DataKeyType is "", "private" or "public".
	DataKeyType DataKeyType `mapstructure:"data_key_type"`

	// StartupCheck uploads an empty request on startup, and logs whether endpoint
	// and key are accepted. It does not delay the startup.
	StartupCheck bool `mapstructure:"startup_check"`

	// domainIDWritten reports whether apm_domain_id is in the configuration, even if
	// it is empty.
	domainIDWritten bool
	// authenticator reports whether auth has an authenticator, as in other exporters.
	authenticator bool
}

var (
	_ component.Config    = (*Config)(nil)
	_ confmap.Unmarshaler = (*Config)(nil)
)

// Unmarshal implements confmap.Unmarshaler. The HTTP client's settings also have a field
// auth, for authenticators that APM does not support. Here auth chooses the credentials
// for OCI.
func (cfg *Config) Unmarshal(conf *confmap.Conf) error {
	cfg.domainIDWritten = conf.IsSet("apm_domain_id")
	auth, err := conf.Sub("auth")
	if err != nil {
		return errAuthForm // the error of Sub repeats the value
	}
	cfg.authenticator = auth.Delete("authenticator")
	if err := auth.Unmarshal(&cfg.Auth); err != nil {
		return fmt.Errorf("auth: %w", decoding(err))
	}
	conf.Delete("auth")
	hidden := &secrets{}
	if key, ok := conf.Get("data_key").(string); ok {
		hidden.use(key)
	}
	if err := conf.Unmarshal(cfg); err != nil {
		return hidden.cleaned(decoding(err)) // it repeats values, and the key may be one
	}
	return nil
}

// decoding returns an error of Unmarshal without its first line, which the caller of
// Config.Unmarshal adds again.
func decoding(err error) error {
	if inner := errors.Unwrap(err); inner != nil {
		return inner
	}
	return err
}

// Validate reports every mistake that would make uploads fail, and what to write
// instead. No error shows the data key.
func (cfg *Config) Validate() error {
	var errs []error

	if cfg.discovers() {
		errs = append(errs, cfg.validateDomain()...)
	} else {
		errs = append(errs, cfg.validateEndpoint()...)
	}

	if cfg.durable() && !cfg.RetryConfig.Enabled {
		errs = append(errs, errNoRetry)
	}
	if cfg.authenticator || cfg.ClientConfig.Auth.HasValue() {
		errs = append(errs, errAuth)
	}
	if proxy := cfg.ClientConfig.ProxyURL; proxy != "" {
		// The error of url.Parse repeats its input, with the password.
		if parsed, err := url.ParseRequestURI(proxy); err != nil || parsed.Host == "" {
			errs = append(errs, errProxyURL)
		}
	}
	for name := range cfg.ClientConfig.Headers.Iter {
		if strings.EqualFold(name, "Authorization") {
			errs = append(errs, errAuthHeader)
		}
	}
	return errors.Join(errs...)
}

// validateEndpoint checks the endpoint and the data key.
func (cfg *Config) validateEndpoint() []error {
	var errs []error
	if _, err := endpoint.Parse(cfg.ClientConfig.Endpoint, cfg.DataKeyType); err != nil {
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
		if _, err := endpoint.CleanDataKey(string(cfg.DataKey)); err != nil {
			errs = append(errs, fmt.Errorf("data_key: %w", err))
		}
	default:
		errs = append(errs, errNoDataKey)
	}
	if cfg.Auth != (ociauth.Config{}) {
		errs = append(errs, errAuthAlone)
	}
	return errs
}

// validateDomain checks the settings that find the endpoint and the data key.
func (cfg *Config) validateDomain() []error {
	var errs []error
	if _, err := ociauth.RegionOf(cfg.APMDomainID, discovery.DomainKind); err != nil {
		errs = append(errs, fmt.Errorf("apm_domain_id: %w", err))
	}
	if err := cfg.DataKeyType.Check(); err != nil {
		errs = append(errs, err)
	}
	if cfg.ClientConfig.Endpoint != "" {
		errs = append(errs, errTwoHosts)
	}
	if cfg.DataKey != "" || cfg.DataKeyFile != "" {
		errs = append(errs, errKeyOfDomain)
	}
	if cfg.RefreshInterval < minRefreshInterval {
		errs = append(errs, errRefresh)
	}
	return errs
}

// discovers reports whether the exporter asks OCI for the endpoint and the data key.
func (cfg *Config) discovers() bool {
	return cfg.APMDomainID != "" || (cfg.domainIDWritten && cfg.ClientConfig.Endpoint == "")
}

// durable reports whether the queue is on disk.
func (cfg *Config) durable() bool {
	return cfg.QueueConfig.HasValue() && cfg.QueueConfig.Get().StorageID != nil
}
