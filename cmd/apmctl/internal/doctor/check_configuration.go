// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"go.opentelemetry.io/collector/confmap"

	"github.com/ociapm/otelcol-ociapm/internal/startup"
)

// configurationCheck resolves the configuration, and has the collector validate it. The
// sentences are those of a collector that does not start.
type configurationCheck struct{}

func (configurationCheck) run(ctx context.Context, p *patient) []Finding {
	resolved, err := resolve(ctx, p.source.configs, p.variables)
	if err != nil {
		return []Finding{configurationFinding(startup.Explain(err, p.source.configs).Error())}
	}
	p.settings = resolved
	for _, key := range resolved.dataKeys() {
		p.secrets.add(key)
	}
	if named := p.options.Program; named != "" && !isProgram(named) {
		return []Finding{failed(Configuration, "--collector: "+named+" is not a program", "correct the path; without the flag, the collector is searched for")}
	}
	program := p.program()
	if program == "" {
		if err = errors.Join(resolved.exporterErr, validateExporter(resolved)); err != nil {
			return []Finding{configurationFinding(err.Error())}
		}
		return []Finding{ok(Configuration, "can be read; the collector is not on this machine's PATH, so nothing but "+apmOr(resolved.exporterID)+" is validated")}
	}
	if problem := validate(ctx, program, p.source.configs); problem != "" {
		return []Finding{configurationFinding(problem)}
	}
	return []Finding{ok(Configuration, "is valid")}
}

// configurationFinding splits a sentence into what is wrong and what to do. Several
// sentences stay together.
func configurationFinding(problem string) Finding {
	if strings.Contains(problem, "\n") {
		return failed(Configuration, strings.Join(strings.Fields(strings.ReplaceAll(problem, "\n", "; ")), " "), "")
	}
	for _, between := range []string{"): ", "; "} {
		if text, advice, found := strings.Cut(problem, between); found {
			return failed(Configuration, text+strings.Trim(between, ":; "), advice)
		}
	}
	return failed(Configuration, problem, "")
}

func apmOr(id string) string {
	if id == "" {
		return "its form"
	}
	return id
}

// program returns the path of the collector, or "".
func (p *patient) program() string {
	candidates := []string{p.options.Program, p.source.process.executable}
	if own, err := os.Executable(); err == nil {
		candidates = append(candidates, filepath.Join(filepath.Dir(own), programName))
	}
	for _, candidate := range candidates {
		if isProgram(candidate) {
			return candidate
		}
	}
	found, err := exec.LookPath(programName)
	if err != nil {
		return ""
	}
	return found
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// validateTimeout limits the collector's command validate, whose providers may wait for
// a server.
const validateTimeout = time.Minute

// validate runs the collector's command validate, which changes nothing. It returns what
// is wrong, or "".
func validate(ctx context.Context, program string, configs []string) string {
	arguments := []string{"validate"}
	for _, config := range configs {
		arguments = append(arguments, "--config", config)
	}
	ctx, cancel := context.WithTimeout(ctx, validateTimeout)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, arguments...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err == nil {
		return ""
	}
	if _, text, found := strings.Cut("\n"+out.String(), "\nError: "); found {
		return strings.TrimSpace(text)
	}
	return "the collector's command validate does not run: " + err.Error()
}

// validateExporter returns what the exporter's own validation finds.
func validateExporter(s *settings) error {
	if s.exporter == nil {
		return nil
	}
	return confmap.Validate(s.exporter)
}

// variablesCheck reports variables that the configuration reads and nobody has set.
type variablesCheck struct{}

func (variablesCheck) run(_ context.Context, p *patient) []Finding {
	v := p.variables
	where := "export them in the shell that starts the collector"
	if p.source.packaged {
		where = "set them in " + packageEnv
	}
	switch {
	case p.settings == nil && len(v.read) == 0:
		return []Finding{skipped(Variables, "the configuration cannot be read")}
	case len(v.unset) > 0:
		return []Finding{failed(Variables, "not set: "+strings.Join(v.unset, ", "), where)}
	case len(v.problems) > 0:
		return []Finding{failed(Variables, strings.Join(v.problems, "; "), "correct the variable; the collector starts without that entry")}
	case len(v.read) == 0:
		return []Finding{skipped(Variables, "the configuration reads none")}
	}
	return []Finding{ok(Variables, strings.Join(v.read, ", ")+": each is set or has a default")}
}

// pipelinesCheck reports what is missing between the apps and APM.
type pipelinesCheck struct{}

func (pipelinesCheck) run(_ context.Context, p *patient) []Finding {
	if p.settings == nil {
		return []Finding{skipped(Pipelines, "the configuration cannot be read")}
	}
	if to := p.settings.forwardsTo(); p.settings.exporterID == "" && to != "" {
		return []Finding{skipped(Pipelines, "traces go to "+to+": run apmctl doctor also on the collector there")}
	}
	if p.settings.exporterID == "" {
		return []Finding{failed(Pipelines, "no pipeline has the exporter oci_apm", "add it to exporters and to the pipelines")}
	}
	var findings []Finding
	traces := false
	for _, pipe := range p.settings.pipelines {
		if pipe.signal != "traces" || !hasType(pipe.exporters, "oci_apm", "ociapm") {
			continue
		}
		traces = true
		var missing []string
		for _, wanted := range [][2]string{{"db_span_enricher", "dbspanenricher"}, {"peer_service", "peerservice"}} {
			if !hasType(pipe.processors, wanted[:]...) {
				missing = append(missing, wanted[0])
			}
		}
		if len(missing) > 0 {
			findings = append(findings, failed(Pipelines, "the pipeline "+pipe.name+" lacks "+strings.Join(missing, " and ")+": APM shows its database calls without statement or as \"External Unknown\"",
				"add to service::pipelines::"+pipe.name+"::processors what is missing, unless another collector in front has it"))
		}
	}
	switch {
	case !traces:
		return []Finding{failed(Pipelines, "no pipeline of traces ends in oci_apm", "add it to service::pipelines::traces::exporters")}
	case len(findings) > 0:
		return findings
	}
	text := "traces pass db_span_enricher and peer_service to " + p.settings.exporterID
	if len(p.settings.others) > 0 {
		text += "; not examined: " + strings.Join(p.settings.others, ", ")
	}
	return []Finding{ok(Pipelines, text)}
}

// forwardsTo returns the exporter with which traces go to another collector, or "".
func (s *settings) forwardsTo() string {
	for _, p := range s.pipelines {
		for _, id := range p.exporters {
			if p.signal == "traces" && isOneOf(id, "otlp", "otlp_grpc", "otlphttp", "otlp_http", "loadbalancing", "load_balancing", "kafka") {
				return id
			}
		}
	}
	return ""
}

func hasType(ids []string, types ...string) bool {
	for _, id := range ids {
		if isOneOf(id, types...) {
			return true
		}
	}
	return false
}
