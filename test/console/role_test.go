// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// element is what a screen reader finds by a role and a name. A later element with the
// same role and name takes its place if the page draws it again.
type element struct {
	page       *page
	role, name string
}

// get returns the element with a role and an accessible name; it need not exist yet.
func (p *page) get(role, name string) element { return element{page: p, role: role, name: name} }

// awaitRole waits for an element and returns it.
func (p *page) awaitRole(role, name string) element {
	p.t.Helper()
	e := p.get(role, name)
	if !assert.Eventually(p.t, e.exists, awaitTimeout, pollInterval) {
		require.FailNow(p.t, "no "+role+" has the name "+quoted(name), "these are the names: %q", p.names(role))
	}
	return e
}

// awaitNoRole waits until no element has the role and the name.
func (p *page) awaitNoRole(role, name string) {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return !p.get(role, name).exists() }, awaitTimeout, pollInterval,
		"there still is a %s with the name %q", role, name)
}

// names returns the accessible names of all elements with a role.
func (p *page) names(role string) []string {
	p.t.Helper()
	names := []string{}
	for _, node := range p.nodes(role) {
		names = append(names, nameOf(node))
	}
	return names
}

func nameOf(node *accessibility.Node) string {
	var name string
	if node.Name == nil || json.Unmarshal(node.Name.Value, &name) != nil {
		return ""
	}
	return name
}

// nodes returns the elements with a role that are not hidden from a screen reader.
func (p *page) nodes(role string) []*accessibility.Node {
	p.t.Helper()
	return read(p, chromedp.Action[[]*accessibility.Node](func(ctx context.Context, _ *chromedp.Target) ([]*accessibility.Node, error) {
		root, err := chromedp.Call(ctx, runtime.Evaluate, runtime.EvaluateParams{Expression: "document"})
		if err != nil {
			return nil, err
		}
		found, err := chromedp.Call(ctx, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{ObjectID: root.Result.ObjectID, Role: role})
		if err != nil {
			return nil, err
		}
		return slices.DeleteFunc(found.Nodes, func(node *accessibility.Node) bool { return node.Ignored }), nil
	}))
}

func (e element) exists() bool {
	e.page.t.Helper()
	return slices.ContainsFunc(e.page.nodes(e.role), func(node *accessibility.Node) bool { return nameOf(node) == e.name })
}

// ask waits for the element, calls a JavaScript function with it as this, and returns
// the result.
func ask[T any](e element, function string) T {
	e.page.t.Helper()
	e.page.awaitRole(e.role, e.name)
	return read(e.page, chromedp.Action[T](func(ctx context.Context, t *chromedp.Target) (T, error) {
		var none T
		for _, node := range e.page.nodes(e.role) { //nolint:contextcheck // a page has its own context
			if nameOf(node) != e.name {
				continue
			}
			resolved, err := chromedp.Call(ctx, dom.ResolveNode, dom.ResolveNodeParams{BackendNodeID: node.BackendDOMNodeID})
			if err != nil {
				return none, err
			}
			return chromedp.CallFunctionOn[T](function, func(params *runtime.CallFunctionOnParams) { params.ObjectID = resolved.Object.ObjectID })(ctx, t)
		}
		return none, fmt.Errorf("the %s %q is no longer on the page", e.role, e.name)
	}))
}

// click clicks the element.
func (e element) click() {
	e.page.t.Helper()
	ask[bool](e, `function () { this.scrollIntoView({block: 'center'}); this.focus(); this.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true})); return true }`)
}

// fill replaces the text of a field by typing.
func (e element) fill(text string) {
	e.page.t.Helper()
	ask[bool](e, `function () { this.focus(); this.select(); return true }`)
	e.page.press(text)
}

// text returns the visible text of the element.
func (e element) text() string {
	e.page.t.Helper()
	return ask[string](e, `function () { return this.innerText ?? this.textContent }`)
}

// value returns the text of a field.
func (e element) value() string {
	e.page.t.Helper()
	return ask[string](e, `function () { return this.value }`)
}

// attribute returns an attribute of the element, or "".
func (e element) attribute(name string) string {
	e.page.t.Helper()
	return ask[string](e, `function () { return this.getAttribute(`+quoted(name)+`) ?? '' }`)
}

// evaluate is an action that runs JavaScript.
func evaluate(script string) chromedp.Action[chromedp.Void] {
	return chromedp.Evaluate[chromedp.Void](script)
}
