// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/ociapm/otelcol-ociapm/internal/apmcost"
	"github.com/ociapm/otelcol-ociapm/internal/buildversion"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/internal/sandbox/localapi"
	"github.com/ociapm/otelcol-ociapm/internal/startup"
)

const (
	privateKeyEnv = "APMSANDBOX_PRIVATE_KEY"
	publicKeyEnv  = "APMSANDBOX_PUBLIC_KEY"

	shutdownTimeout = 5 * time.Second
)

// version is set by the linker: -X main.version=v1.2.3.
var version string

const long = `apmsandbox replaces an Oracle Cloud Infrastructure APM domain on this machine.

It accepts OTLP over HTTP (protobuf or JSON, plain or gzip) at APM's own paths:

  /20200101/opentelemetry/v1/traces           private key
  /20200101/opentelemetry/private/v1/traces   private key
  /20200101/opentelemetry/public/v1/traces    public key
  /20200101/opentelemetry/v1/metrics          private key
  /20200101/opentelemetry/v1/logs             private key

with the header "Authorization: dataKey <key>". Use it in a collector or an SDK like the domain's
Data Upload Endpoint. Zipkin v2 spans (JSON) go to

  /20200101/observations/private-span         private key
  /20200101/observations/public-span          public key

with the query "dataFormat=zipkin&dataFormatVersion=2&dataKey=<key>". It keeps accepted data in memory, and shows it in a browser at / and as JSON:

  GET /api/v1                                     a list of all requests
  GET /api/v1/traces?service=&operation=&limit=   traces, the newest first; more filters: README.md
  GET /api/v1/traces/{trace_id}                   one trace with its spans
  GET /api/v1/topology                            the calls between services; databases by peer.service
  GET /api/v1/counts                              totals
  GET /api/v1/uploads?limit=                      the latest uploads and why they were rejected
  GET /api/v1/metrics?limit=                      the latest metrics
  GET /api/v1/logs?limit=                         the latest log records
  GET, POST, DELETE /api/v1/faults                faults on demand: status, retry_after, message, delay,
                                                  partial_success, reset, down, redirect, page; signal, times
  DELETE /api/v1/faults/{id}                      delete one fault
  GET /api/v1/usage                               spans by clock hour, and what sampled traces stand for
  PUT /api/v1/quota                               limit the spans of a clock hour: spans_per_hour
  PUT /api/v1/keys                                replace the accepted keys
  DELETE /api/v1/store                            forget everything and count from zero
  GET /healthz                                    200 while it serves

Once it is ready, it prints "apmsandbox ready at <URL>" to the standard output. Its log goes to the
standard error.

With --oci it also emulates the OCI services around the domain, for collectors that find endpoint
and data key by the domain's OCID: control plane, Vault, tokens and instance metadata, reached
under their real names through a proxy. It prints the variables to export in the collector's shell.
Its own API, for faults, clocks, keys and secrets, is at the proxy's address:
GET http://127.0.0.1:4321/api/v1.`

const example = `  apmsandbox
  apmsandbox --listen 127.0.0.1:0 --log-level debug
  APMSANDBOX_PRIVATE_KEY=$APM_DATA_KEY apmsandbox
  apmsandbox --oci --oci-dir oci     # and then: . oci/env && otelcol-ociapm --config collector.yaml

  curl -s -H 'Authorization: dataKey sandbox-private-key' -H 'Content-Type: application/json' \
    -d '{}' http://127.0.0.1:4320/20200101/opentelemetry/v1/traces
  curl -s http://127.0.0.1:4320/api/v1/counts
  curl -s -d '{"status":503,"retry_after":"5","times":3}' http://127.0.0.1:4320/api/v1/faults`

// newCommand returns the root command of apmsandbox.
func newCommand() *cobra.Command {
	config := apm.DefaultConfig()
	cloud := &oci{}
	var level string
	cmd := &cobra.Command{
		Use:          "apmsandbox",
		Short:        "A local stand-in for an OCI APM domain",
		Long:         long,
		Example:      example,
		Version:      buildversion.Text(version),
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			// The keys are not the flags' defaults, since --help would print
			// them.
			if key := os.Getenv(privateKeyEnv); key != "" && !cmd.Flags().Changed("private-key") {
				config.PrivateKey = key
			}
			if key := os.Getenv(publicKeyEnv); key != "" && !cmd.Flags().Changed("public-key") {
				config.PublicKey = key
			}
			return run(cmd, config, cloud, level)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&config.Listen, "listen", config.Listen, "`host:port` to listen on; with port 0 a free port")
	flags.StringVar(&config.PrivateKey, "private-key", config.PrivateKey, "private data `key` to accept; also from "+privateKeyEnv)
	flags.StringVar(&config.PublicKey, "public-key", config.PublicKey, "public data `key` to accept; also from "+publicKeyEnv)
	flags.IntVar(&config.MaxSpans, "max-spans", config.MaxSpans, "`number` of spans to keep; whole traces are evicted, the oldest first")
	flags.Int64Var(&config.MaxBytes, "max-bytes", config.MaxBytes, "memory for all stored data, in `bytes`, approximately")
	flags.Int64Var(&config.MaxRequestBytes, "max-request-bytes", config.MaxRequestBytes, "largest body as sent, in `bytes`; a larger one is answered with 413")
	flags.Int64Var(&config.MaxDecompressedBytes, "max-decompressed-bytes", config.MaxDecompressedBytes, "largest body after decompression, in `bytes`; a larger one is answered with 413")
	flags.IntVar(&config.SpansPerHour, "spans-per-hour", config.SpansPerHour, fmt.Sprintf("`number` of spans to accept in a clock hour, such as the %d of an Always Free domain; more are answered with 429; 0 for no limit", apmcost.SpansAlwaysFree))
	cloud.addFlags(flags)
	flags.StringVar(&level, "log-level", "info", "`level` of the log: debug, info, warn or error; debug has a line for each upload")
	return cmd
}

func run(cmd *cobra.Command, config apm.Config, cloud *oci, level string) error {
	logger, err := newLogger(cmd, level)
	if err != nil {
		return err
	}
	server, err := apm.New(config, logger)
	if err != nil {
		return err
	}
	err = server.Start(cmd.Context())
	if err != nil {
		return startup.ExplainListen(err, "choose another address with --listen (of make run: SANDBOX_LISTEN)")
	}
	url := server.URL()
	// Scripts wait for this line.
	fmt.Fprintf(cmd.OutOrStdout(), "apmsandbox ready at %s\n", url)
	logger.Info("ready",
		zap.String("endpoint", url),
		zap.Strings("upload_paths", []string{
			apm.TracesPath, apm.PrivateTracesPath, apm.PublicTracesPath, apm.MetricsPath, apm.LogsPath,
			apm.PublicSpanPath, apm.PrivateSpanPath,
		}),
		zap.Strings("look_at", []string{url, url + "/api/v1/traces", url + "/api/v1/topology", url + "/api/v1/uploads", url + "/api/v1/counts"}))
	if !localapi.IsLoopback(config.Listen) {
		logger.Warn("other machines can reach the sandbox: its API has no password", zap.String("listen", config.Listen))
	}

	err = cloud.start(cmd.Context(), cmd.OutOrStdout(), server, logger)
	if err != nil {
		err = startup.ExplainListen(err, "choose another address with --oci-listen")
		return errors.Join(err, cloud.close(), shutdown(cmd.Context(), server))
	}

	select {
	case err = <-server.Failed():
		return errors.Join(err, cloud.close())
	case err = <-cloud.failed():
	case <-cmd.Context().Done():
	}
	logger.Info("shutting down")
	return errors.Join(err, cloud.close(), shutdown(cmd.Context(), server))
}

func shutdown(ctx context.Context, server *apm.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return server.Shutdown(ctx)
}

func newLogger(cmd *cobra.Command, level string) (*zap.Logger, error) {
	parsed, err := zapcore.ParseLevel(strings.ToLower(level))
	if err != nil || parsed > zapcore.ErrorLevel {
		return nil, fmt.Errorf("invalid --log-level %q: use debug, info, warn or error", level)
	}
	encoder := zap.NewDevelopmentEncoderConfig()
	encoder.EncodeLevel = zapcore.CapitalLevelEncoder
	sink := zapcore.Lock(zapcore.AddSync(cmd.ErrOrStderr()))
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoder), sink, parsed)), nil
}
