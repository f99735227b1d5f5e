// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/stretchr/testify/require"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// module is the HCL of one folder.
type module struct {
	files     map[string]*hcl.File
	blocks    []*hclsyntax.Block
	locals    map[string]hclsyntax.Expression
	resources map[string]*hclsyntax.Block // by type.name
}

// parseModule reads the *.tf files of a folder.
func parseModule(t *testing.T, dir string) *module {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.tf"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	parser := hclparse.NewParser()
	m := &module{locals: map[string]hclsyntax.Expression{}, resources: map[string]*hclsyntax.Block{}}
	for _, path := range paths {
		file, diagnostics := parser.ParseHCLFile(path)
		require.False(t, diagnostics.HasErrors(), diagnostics.Error())
		m.blocks = append(m.blocks, file.Body.(*hclsyntax.Body).Blocks...)
	}
	m.files = parser.Files()
	for _, block := range m.blocks {
		switch block.Type {
		case "locals":
			for name, attribute := range block.Body.Attributes {
				m.locals[name] = attribute.Expr
			}
		case "resource":
			m.resources[block.Labels[0]+"."+block.Labels[1]] = block
		}
	}
	return m
}

// evaluation holds the values that Terraform knows before it applies a module.
type evaluation struct {
	locals    map[string]cty.Value
	resources map[string]map[string]cty.Value // by type and name
	context   *hcl.EvalContext
}

// evaluate computes a module's locals and resources from its variables. A resource has
// its arguments, and an id that contains its name.
func (m *module) evaluate(t *testing.T, variables map[string]cty.Value) *evaluation {
	t.Helper()
	e := &evaluation{
		locals:    map[string]cty.Value{},
		resources: map[string]map[string]cty.Value{},
		context: &hcl.EvalContext{Functions: map[string]function.Function{
			"compact": stdlib.CompactFunc, "concat": stdlib.ConcatFunc, "distinct": stdlib.DistinctFunc, "flatten": stdlib.FlattenFunc,
			"join": stdlib.JoinFunc, "jsonencode": stdlib.JSONEncodeFunc, "length": stdlib.LengthFunc, "merge": stdlib.MergeFunc,
			"values": stdlib.ValuesFunc,
		}},
	}
	given := m.variables(t, variables)
	todo := map[string]func() cty.Value{}
	needs := map[string][]hcl.Traversal{}
	for name, expression := range m.locals {
		todo["local."+name] = func() cty.Value {
			e.locals[name] = e.value(t, expression, nil)
			return e.locals[name]
		}
		needs["local."+name] = expression.Variables()
	}
	for name, block := range m.resources {
		todo[name] = func() cty.Value {
			value := e.resource(t, block)
			if e.resources[block.Labels[0]] == nil {
				e.resources[block.Labels[0]] = map[string]cty.Value{}
			}
			e.resources[block.Labels[0]][block.Labels[1]] = value
			return value
		}
		for _, attribute := range block.Body.Attributes {
			if attribute.Name != "provider" {
				needs[name] = append(needs[name], attribute.Expr.Variables()...)
			}
		}
	}
	// Each round computes everything whose dependencies are known.
	for len(todo) > 0 {
		e.context.Variables = map[string]cty.Value{"var": cty.ObjectVal(given), "local": cty.ObjectVal(e.locals)}
		for kind, named := range e.resources {
			e.context.Variables[kind] = cty.ObjectVal(named)
		}
		ready := slices.DeleteFunc(slices.Sorted(maps.Keys(todo)), func(name string) bool {
			return slices.ContainsFunc(needs[name], func(traversal hcl.Traversal) bool {
				root := traversal.RootName()
				if attribute, ok := traversal[min(1, len(traversal)-1)].(hcl.TraverseAttr); ok {
					_, waiting := todo[root+"."+attribute.Name]
					return waiting
				}
				return false
			})
		})
		require.NotEmpty(t, ready, "these depend on each other: %v", slices.Sorted(maps.Keys(todo)))
		for _, name := range ready {
			todo[name]()
			delete(todo, name)
		}
	}
	return e
}

// variables returns the values or defaults of the module's variables, converted to their
// types.
func (m *module) variables(t *testing.T, values map[string]cty.Value) map[string]cty.Value {
	t.Helper()
	all := map[string]cty.Value{}
	for _, block := range m.blocks {
		if block.Type != "variable" {
			continue
		}
		name := block.Labels[0]
		kind, defaults, diagnostics := typeexpr.TypeConstraintWithDefaults(block.Body.Attributes["type"].Expr)
		require.False(t, diagnostics.HasErrors(), diagnostics.Error())
		value, given := values[name]
		if !given {
			attribute, ok := block.Body.Attributes["default"]
			require.True(t, ok, "%s has no value and no default", name)
			value, diagnostics = attribute.Expr.Value(nil)
			require.False(t, diagnostics.HasErrors(), diagnostics.Error())
		}
		if defaults != nil && !value.IsNull() {
			value = defaults.Apply(value)
		}
		value, err := convert.Convert(value, kind)
		require.NoError(t, err, name)
		all[name] = value
	}
	for name := range values {
		require.Contains(t, all, name, "the module has no such variable")
	}
	return all
}

// value evaluates an expression, with additional variables such as each and count.
func (e *evaluation) value(t *testing.T, expression hcl.Expression, more map[string]cty.Value) cty.Value {
	t.Helper()
	context := e.context
	if more != nil {
		context = e.context.NewChild()
		context.Variables = more
	}
	value, diagnostics := expression.Value(context)
	require.False(t, diagnostics.HasErrors(), diagnostics.Error())
	return value
}

// resource evaluates a resource: one object, or one for each instance of count or
// for_each.
func (e *evaluation) resource(t *testing.T, block *hclsyntax.Block) cty.Value {
	t.Helper()
	one := func(key string, more map[string]cty.Value) cty.Value {
		object := map[string]cty.Value{"id": cty.StringVal(fmt.Sprintf("id of %s.%s%s", block.Labels[0], block.Labels[1], key))}
		for name, attribute := range block.Body.Attributes {
			if !slices.Contains(metaArguments, name) {
				object[name] = e.value(t, attribute.Expr, more)
			}
		}
		return cty.ObjectVal(object)
	}
	if attribute, ok := block.Body.Attributes["count"]; ok {
		count, _ := e.value(t, attribute.Expr, nil).AsBigFloat().Int64()
		instances := []cty.Value{}
		for i := range count {
			index := cty.ObjectVal(map[string]cty.Value{"index": cty.NumberIntVal(i)})
			instances = append(instances, one(fmt.Sprintf("[%d]", i), map[string]cty.Value{"count": index}))
		}
		return cty.TupleVal(instances)
	}
	if attribute, ok := block.Body.Attributes["for_each"]; ok {
		instances := map[string]cty.Value{}
		for key, value := range e.value(t, attribute.Expr, nil).AsValueMap() {
			each := cty.ObjectVal(map[string]cty.Value{"key": cty.StringVal(key), "value": value})
			instances[key] = one("["+key+"]", map[string]cty.Value{"each": each})
		}
		return cty.ObjectVal(instances)
	}
	return one("", nil)
}

// metaArguments are Terraform's own arguments, which every resource may have.
var metaArguments = []string{"count", "for_each", "provider"}
