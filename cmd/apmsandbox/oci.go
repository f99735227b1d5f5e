// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"go.uber.org/zap"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	ocisandbox "github.com/ociapm/otelcol-ociapm/internal/sandbox/oci"
)

// defaultOCIListen is the default address of the emulated OCI, the port after
// the sandbox's.
const defaultOCIListen = "127.0.0.1:4321"

// oci is the emulated OCI around the APM domain, configured by the flags.
type oci struct {
	enabled bool
	config  ocisandbox.Config
	dir     string

	server    *ocisandbox.Server
	temporary string // directory to delete on exit
}

func (o *oci) addFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.enabled, "oci", false, "also emulate the OCI services around the domain: control plane, Vault, tokens, instance metadata")
	flags.StringVar(&o.config.Listen, "oci-listen", defaultOCIListen, "`host:port` of the emulated OCI, loopback only; with port 0 a free port")
	flags.StringVar(&o.config.Region, "oci-region", ocisandbox.DefaultRegion, "`region` of the domain and of its clients")
	flags.BoolVar(&o.config.EmptyDomain, "oci-empty-domain", false, "start with a domain without data keys and naming rule, for apmctl setup")
	flags.StringVar(&o.dir, "oci-dir", "", "`directory` for the configuration file and its keys; a temporary one by default")
}

// start starts the emulated OCI and writes instructions for its use to out.
// Call close afterwards, even if start fails.
func (o *oci) start(ctx context.Context, out io.Writer, uploads *apm.Server, logger *zap.Logger) error {
	if !o.enabled {
		return nil
	}
	dir, err := o.makeDir()
	if err != nil {
		return err
	}
	if o.server, err = ocisandbox.Start(ctx, o.config, uploads, logger); err != nil {
		return fmt.Errorf("emulated OCI: %w", err)
	}
	file, err := o.server.WriteConfigFile(dir)
	if err != nil {
		return err
	}
	environment := append(o.server.Environment(), "OCI_CONFIG_FILE="+file.Path, "APM_DOMAIN_ID="+o.server.DomainID())
	lines := exports(environment)
	envFile := filepath.Join(dir, "env")
	if err := os.WriteFile(envFile, []byte(lines), 0o600); err != nil {
		return fmt.Errorf("environment: %w", err)
	}
	fmt.Fprintf(out, "emulated OCI ready at %s; for the collector's shell, also in %s:\n%s", o.server.ProxyURL(), envFile, lines)
	return nil
}

// makeDir returns the absolute path of the directory for the credentials.
func (o *oci) makeDir() (string, error) {
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "apmsandbox-oci-")
		if err != nil {
			return "", fmt.Errorf("directory of the emulated OCI: %w", err)
		}
		o.temporary = dir
		return dir, nil
	}
	dir, err := filepath.Abs(o.dir)
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return "", fmt.Errorf("--oci-dir: %w", err)
	}
	return dir, nil
}

// failed returns a channel that receives the error if the emulated OCI stops by
// itself. Without one the channel is nil, and so never ready.
func (o *oci) failed() <-chan error {
	if o.server == nil {
		return nil
	}
	return o.server.Failed()
}

func (o *oci) close() error {
	var errs []error
	if o.server != nil {
		errs = append(errs, o.server.Close())
	}
	if o.temporary != "" {
		errs = append(errs, os.RemoveAll(o.temporary))
	}
	return errors.Join(errs...)
}

// exports returns NAME=value pairs as export commands for a shell.
func exports(environment []string) string {
	var lines strings.Builder
	for _, pair := range environment {
		name, value, _ := strings.Cut(pair, "=")
		fmt.Fprintf(&lines, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	return lines.String()
}
