// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
	"go.uber.org/goleak"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// The placeholders of README.md.
const (
	apmCompartment      = "<compartment of the APM domain>"
	instanceCompartment = "<compartment of the instances>"
	resourceCompartment = "<compartment of the resources>"
	secretCompartment   = "<compartment of the secret>"
	// twoOperations is the condition that leaves what the collector calls.
	twoOperations = " where any {request.operation = 'GetApmDomain', request.operation = 'ListDataKeys'}"
)

func list(objects ...map[string]string) cty.Value {
	var values []cty.Value
	for _, o := range objects {
		object := map[string]cty.Value{}
		for name, value := range o {
			object[name] = cty.StringVal(value)
		}
		values = append(values, cty.ObjectVal(object))
	}
	return cty.TupleVal(values)
}

// cases are uses of the module, with the rules and statements of README.md that it must
// create.
var cases = []struct {
	name       string
	variables  map[string]cty.Value
	rules      []string
	statements []string
}{
	{name: "nobody", variables: nil},
	{
		name:      "instances of a compartment",
		variables: map[string]cty.Value{"instance_compartment_ocids": cty.TupleVal([]cty.Value{cty.StringVal(instanceCompartment)})},
		rules:     []string{"ANY {instance.compartment.id = '<compartment of the instances>'}"},
		statements: []string{
			"Allow dynamic-group otelcol-ociapm-instances to use apm-domains in compartment id <compartment of the APM domain>" + twoOperations,
		},
	},
	{
		name: "instances, every operation of the verb",
		variables: map[string]cty.Value{
			"instance_compartment_ocids": cty.TupleVal([]cty.Value{cty.StringVal(instanceCompartment)}),
			"only_needed_operations":     cty.False,
		},
		rules: []string{"ANY {instance.compartment.id = '<compartment of the instances>'}"},
		statements: []string{
			"Allow dynamic-group otelcol-ociapm-instances to use apm-domains in compartment id <compartment of the APM domain>",
		},
	},
	{
		name: "an instance, a secret",
		variables: map[string]cty.Value{
			"instance_ocids": cty.TupleVal([]cty.Value{cty.StringVal("<instance>")}),
			"vault_secrets":  list(map[string]string{"secret_ocid": "<secret>", "compartment_ocid": secretCompartment}),
		},
		rules: []string{"ANY {instance.id = '<instance>'}"},
		statements: []string{
			"Allow dynamic-group otelcol-ociapm-instances to use apm-domains in compartment id <compartment of the APM domain>" + twoOperations,
			"Allow dynamic-group otelcol-ociapm-instances to read secret-bundles in compartment id <compartment of the secret> where target.secret.id = '<secret>'",
		},
	},
	{
		name:      "a workload",
		variables: map[string]cty.Value{"oke_workloads": list(map[string]string{"cluster_ocid": "<cluster>"})},
		statements: []string{
			"Allow any-user to use apm-domains in compartment id <compartment of the APM domain> where all {request.principal.type = 'workload', request.principal.namespace = 'otelcol-ociapm', request.principal.service_account = 'otelcol-ociapm-agent', request.principal.cluster_id = '<cluster>', any {request.operation = 'GetApmDomain', request.operation = 'ListDataKeys'}}",
		},
	},
	{
		name: "a workload, a secret",
		variables: map[string]cty.Value{
			"oke_workloads": list(map[string]string{"cluster_ocid": "<cluster>"}),
			"vault_secrets": list(map[string]string{"secret_ocid": "<secret>", "compartment_ocid": secretCompartment}),
		},
		statements: []string{
			"Allow any-user to use apm-domains in compartment id <compartment of the APM domain> where all {request.principal.type = 'workload', request.principal.namespace = 'otelcol-ociapm', request.principal.service_account = 'otelcol-ociapm-agent', request.principal.cluster_id = '<cluster>', any {request.operation = 'GetApmDomain', request.operation = 'ListDataKeys'}}",
			"Allow any-user to read secret-bundles in compartment id <compartment of the secret> where all {request.principal.type = 'workload', request.principal.namespace = 'otelcol-ociapm', request.principal.service_account = 'otelcol-ociapm-agent', request.principal.cluster_id = '<cluster>', target.secret.id = '<secret>'}",
		},
	},
	{
		name:      "container instances",
		variables: map[string]cty.Value{"resource_principals": list(map[string]string{"type": "computecontainerinstance", "compartment_ocid": resourceCompartment})},
		rules:     []string{"ALL {resource.type = 'computecontainerinstance', resource.compartment.id = '<compartment of the resources>'}"},
		statements: []string{
			"Allow dynamic-group otelcol-ociapm-computecontainerinstance-0 to use apm-domains in compartment id <compartment of the APM domain>" + twoOperations,
		},
	},
}

// userStatements are only in README.md: the module creates no users.
var userStatements = []string{
	"Allow group otelcol-ociapm to use apm-domains in compartment id <compartment of the APM domain>" + twoOperations,
	"Allow group otelcol-ociapm-admins to use apm-domains in compartment id <compartment of the APM domain>",
	"Allow group otelcol-ociapm-admins to manage logging-family in compartment id <compartment of the APM domain>",
	"Allow group otelcol-ociapm-admins to manage alarms in compartment id <compartment of the APM domain>",
	"Allow group otelcol-ociapm-admins to read metrics in compartment id <compartment of the APM domain>",
}

// The module creates the rules and statements of README.md, and README.md has no others.
func TestModuleAndTextAgree(t *testing.T) {
	m := parseModule(t, "terraform")
	inText := textBlocks(t)
	wanted := slices.Clone(userStatements)
	for _, tt := range cases {
		t.Run(tt.name, func(t *testing.T) {
			variables := map[string]cty.Value{"tenancy_ocid": cty.StringVal("<tenancy>"), "compartment_ocid": cty.StringVal(apmCompartment)}
			for name, value := range tt.variables {
				variables[name] = value
			}
			e := m.evaluate(t, variables)
			assert.ElementsMatch(t, tt.rules, e.arguments("oci_identity_dynamic_group", "matching_rule"))
			assert.ElementsMatch(t, tt.statements, e.arguments("oci_identity_policy", "statements"))
			names := append(e.arguments("oci_identity_policy", "name"), e.arguments("oci_identity_dynamic_group", "name")...)
			assert.Len(t, slices.Compact(slices.Sorted(slices.Values(names))), len(names), "names are unique in a tenancy")
		})
		wanted = append(append(wanted, tt.rules...), tt.statements...)
	}
	slices.Sort(wanted)
	slices.Sort(inText)
	assert.Equal(t, slices.Compact(wanted), inText)
}

// The guide has only rules and statements that are also in README.md.
func TestGuideAndTextAgree(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "oci.md"))
	require.NoError(t, err)
	found := regexp.MustCompile(`"((?:Allow|ANY|ALL) .*)"`).FindAllStringSubmatch(string(content), -1)
	require.Len(t, found, 3)
	for _, match := range found {
		assert.Contains(t, textBlocks(t), strings.ReplaceAll(match[1], `'\''`, "'")) // as the shell reads it
	}
}

// A domain created by the module, and resources in the root compartment.
func TestModule(t *testing.T) {
	m := parseModule(t, "terraform")
	e := m.evaluate(t, map[string]cty.Value{
		"tenancy_ocid": cty.StringVal("<tenancy>"), "compartment_ocid": cty.StringVal("<tenancy>"), "apm_domain_ocid": cty.StringVal("<APM domain>"),
		"instance_ocids": cty.TupleVal([]cty.Value{cty.StringVal("<instance>")}),
		"vault_secrets": list(
			map[string]string{"secret_ocid": "<secret 1>", "compartment_ocid": "<a>"},
			map[string]string{"secret_ocid": "<secret 2>", "compartment_ocid": "<tenancy>"},
			map[string]string{"secret_ocid": "<secret 3>", "compartment_ocid": "<a>"}),
	})
	assert.Empty(t, e.arguments("oci_apm_apm_domain", "display_name"))
	assert.Equal(t, "<APM domain>", e.locals["apm_domain_id"].AsString())
	assert.ElementsMatch(t, []string{
		"Allow dynamic-group otelcol-ociapm-instances to use apm-domains in tenancy" + twoOperations,
		"Allow dynamic-group otelcol-ociapm-instances to read secret-bundles in compartment id <a> where target.secret.id = '<secret 1>'",
		"Allow dynamic-group otelcol-ociapm-instances to read secret-bundles in tenancy where target.secret.id = '<secret 2>'",
		"Allow dynamic-group otelcol-ociapm-instances to read secret-bundles in compartment id <a> where target.secret.id = '<secret 3>'",
	}, e.arguments("oci_identity_policy", "statements"))
	assert.ElementsMatch(t, []string{"<tenancy>", "<a>", "<tenancy>"}, e.arguments("oci_identity_policy", "compartment_id"))

	made := m.evaluate(t, map[string]cty.Value{"tenancy_ocid": cty.StringVal("<tenancy>"), "compartment_ocid": cty.StringVal(apmCompartment)})
	assert.Equal(t, []string{"otelcol-ociapm"}, made.arguments("oci_apm_apm_domain", "display_name"))
	assert.Equal(t, "id of oci_apm_apm_domain.this[0]", made.locals["apm_domain_id"].AsString())
	for _, block := range m.blocks {
		if block.Type == "output" {
			made.value(t, block.Body.Attributes["value"].Expr, nil)
		}
	}
}

// arguments returns the values of an argument in all resources of a type: strings, or
// the elements of lists of strings.
func (e *evaluation) arguments(kind, argument string) []string {
	var all []string
	_ = cty.Walk(cty.ObjectVal(e.resources[kind]), func(path cty.Path, value cty.Value) (bool, error) {
		for _, step := range path {
			if attribute, ok := step.(cty.GetAttrStep); ok && attribute.Name == argument && value.Type() == cty.String {
				all = append(all, value.AsString())
				break
			}
		}
		return true, nil
	})
	return all
}

// textBlocks returns the lines of README.md's blocks of rules and statements.
func textBlocks(t *testing.T) []string {
	t.Helper()
	content, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var lines []string
	for _, match := range regexp.MustCompile("(?ms)^ *```text\n(.*?)\n *```$").FindAllStringSubmatch(string(content), -1) {
		lines = append(lines, strings.TrimSpace(match[1]))
	}
	return lines
}

// schema is what the documentation of Oracle's provider says about a resource or about a
// block in it.
type schema struct {
	Required   []string          `json:"required"`
	Optional   []string          `json:"optional"`
	Attributes []string          `json:"attributes"`
	Blocks     map[string]schema `json:"blocks"`
}

// The format is that of terraform fmt.
func TestFormat(t *testing.T) {
	checked := 0
	require.NoError(t, filepath.WalkDir("terraform", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".tf" {
			content, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			assert.Equal(t, string(hclwrite.Format(content)), string(content), path)
			checked++
		}
		return err
	}))
	assert.Equal(t, 7, checked)
}

// The module and the examples use only arguments that the provider knows, set all
// required ones, and pass variables that the module has.
func TestNames(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("testdata", "provider.json"))
	require.NoError(t, err)
	var provider struct {
		Resources map[string]schema `json:"resources"`
	}
	require.NoError(t, json.Unmarshal(content, &provider))
	own := parseModule(t, "terraform")
	variables, outputs := map[string]bool{}, []string{}
	for _, block := range own.blocks {
		switch block.Type {
		case "variable":
			_, optional := block.Body.Attributes["default"]
			variables[block.Labels[0]] = !optional
		case "output":
			outputs = append(outputs, block.Labels[0])
		}
	}

	for _, dir := range []string{"terraform", "terraform/examples/compute", "terraform/examples/oke"} {
		t.Run(dir, func(t *testing.T) {
			m := parseModule(t, dir)
			declared := []string{}
			for _, block := range m.blocks {
				switch block.Type {
				case "resource":
					s, known := provider.Resources[block.Labels[0]]
					require.True(t, known, "%s is not a resource that was looked up", block.Labels[0])
					checkArguments(t, block, s)
				case "module":
					for name := range block.Body.Attributes {
						if name != "source" && name != "providers" {
							assert.Contains(t, variables, name, "the module has no such variable")
						}
					}
					for name, required := range variables {
						if required {
							assert.Contains(t, block.Body.Attributes, name)
						}
					}
				case "variable":
					declared = append(declared, "var."+block.Labels[0])
				}
			}
			for name := range m.locals {
				declared = append(declared, "local."+name)
			}
			for name := range m.resources {
				declared = append(declared, name)
			}
			for _, block := range m.blocks {
				for _, reference := range references(block) {
					root := reference.RootName()
					switch root {
					case "each", "count", "path", "oci", "string", "bool", "list", "object": // Terraform's own, and types
						continue
					case "module":
						assert.Contains(t, outputs, reference[2].(hcl.TraverseAttr).Name)
						continue
					}
					if len(reference) > 1 {
						assert.Contains(t, declared, root+"."+reference[1].(hcl.TraverseAttr).Name)
					}
				}
			}
		})
	}
}

// checkArguments compares the arguments of a resource and of its blocks with the
// provider's.
func checkArguments(t *testing.T, block *hclsyntax.Block, s schema) {
	t.Helper()
	for name := range block.Body.Attributes {
		if !slices.Contains(metaArguments, name) {
			assert.Contains(t, append(s.Required, s.Optional...), name, "%s %v", block.Type, block.Labels)
		}
	}
	for _, name := range s.Required {
		assert.Contains(t, block.Body.Attributes, name, "%s %v", block.Type, block.Labels)
	}
	for _, inner := range block.Body.Blocks {
		known, ok := s.Blocks[inner.Type]
		if assert.True(t, ok, "%s %v has no block %s", block.Type, block.Labels, inner.Type) {
			checkArguments(t, inner, known)
		}
	}
}

// references returns the references in the expressions of a block and of its nested
// blocks.
func references(block *hclsyntax.Block) []hcl.Traversal {
	var all []hcl.Traversal
	for _, attribute := range block.Body.Attributes {
		all = append(all, attribute.Expr.Variables()...)
	}
	for _, inner := range block.Body.Blocks {
		all = append(all, references(inner)...)
	}
	return all
}
