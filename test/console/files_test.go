// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build console

package console

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdpbrowser "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/ociapm/otelcol-ociapm/test/harness"
)

// drop drops a file on the page.
func (p *page) drop(name, content string) {
	p.t.Helper()
	p.run(evaluate(fmt.Sprintf(`(() => {
		const dataTransfer = new DataTransfer()
		dataTransfer.items.add(new File([%s], %s))
		for (const type of ['dragover', 'drop']) {
			document.querySelector('main').dispatchEvent(new DragEvent(type, {dataTransfer, bubbles: true, cancelable: true}))
		}
	})()`, quoted(content), quoted(name))))
}

// TestFiles downloads a trace, forgets everything, and opens the file again.
func TestFiles(t *testing.T) {
	sandbox := harness.StartSandbox(t)
	sendShop(t, sandbox)
	b := startBrowser(t)
	tab := b.open(t, sandbox.URL, desktop)
	folder := t.TempDir()
	tab.run(chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.CallBrowser(ctx, cdpbrowser.SetDownloadBehavior, cdpbrowser.SetDownloadBehaviorParams{
			Behavior: cdpbrowser.SetDownloadBehaviorBehaviorAllow, DownloadPath: folder,
		})
		return err
	}))
	const id = "00000000000000000000000000000001"
	tab.goTo("traces/" + id)
	tab.awaitRole("link", "Download JSON").click()
	path := filepath.Join(folder, "trace-"+id+".json")
	var content []byte
	require.Eventually(t, func() bool {
		var err error
		content, err = os.ReadFile(path)
		return err == nil && len(content) > 0
	}, awaitTimeout, pollInterval)
	request := ptraceotlp.NewExportRequest()
	require.NoError(t, request.UnmarshalJSON(content))
	assert.Equal(t, 2, request.Traces().SpanCount())

	tab.goTo("deliveries")
	tab.get("button", "Forget everything…").click()
	tab.get("button", "Forget all spans, metrics and logs").click()
	tab.goTo("traces")
	tab.awaitRole("heading", "No traces yet")
	isOpen := func(p *page) {
		p.t.Helper()
		p.awaitRole("heading", "GET /rooms")
		p.awaitText(".badge", "From a file, not stored")
		p.click(".row", "SELECT")
		p.awaitText(".panel .sql", "SELECT name FROM rooms WHERE id = :1")
	}

	t.Run("dropped", func(t *testing.T) {
		p := tab.in(t)
		p.drop("trace.json", string(content))
		isOpen(p)
		p.requireAccessible("a trace of a file")
		p.get("link", "Topology").click()
		p.awaitRole("heading", "Nothing calls anything yet")
		assert.Zero(t, sandbox.Counts(t).Spans.InStore)
	})

	t.Run("chosen", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("traces")
		p.awaitRole("button", "Open file")
		p.run(chromedp.SetUploadFiles(chromedp.CSS("input[type=file]"), []string{path}, chromedp.NodeReady))
		isOpen(p)
	})

	t.Run("several traces", func(t *testing.T) {
		p := tab.in(t)
		other := `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"00000000000000000000000000000007","spanId":"0000000000000001","name":"<b>other</b>"}]}]}]}`
		p.goTo("traces")
		p.drop("<i>two.jsonl", string(content)+"\n"+other+"\n")
		p.awaitRole("heading", "<i>two.jsonl")
		assert.Equal(t, 2, p.count("tbody tr"))
		b.requireAccessible(t, sandbox.URL, strings.TrimPrefix(p.hash(), "#/"))
		p.get("link", "<b>other</b>").click()
		p.awaitRole("heading", "<b>other</b>")
		p.get("link", "← Traces of the file").click()
		p.awaitRole("link", "GET /rooms").click()
		isOpen(p)
	})

	t.Run("no traces in it", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("traces")
		p.drop("notes.txt", "hello")
		p.awaitText("[role=alert]", "notes.txt: the file is not OTLP/JSON")
		p.requireAccessible("a file that cannot be opened")
		p.get("link", "Check").click()
		p.await(`!document.querySelector('[role=alert]')`)
	})

	t.Run("no longer open", func(t *testing.T) {
		p := tab.in(t)
		p.goTo("files/99")
		p.awaitRole("heading", "This file is no longer open")
		p.requireAccessible("a file that is no longer open")
		p.goTo("files/99/" + id)
		p.awaitRole("heading", "This trace is not here")
	})
}
