// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package queuestorageextension

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"

	"github.com/ociapm/otelcol-ociapm/components/extension/queuestorageextension/internal/metadata"
)

// The environment of the process that a test starts to kill it.
const (
	workerDirectory = "QUEUE_STORAGE_TEST_DIRECTORY"
	workerSend      = "QUEUE_STORAGE_TEST_SEND"    // "FIRST COUNT": items to store
	workerDeliver   = "QUEUE_STORAGE_TEST_DELIVER" // if set, items are delivered
)

// TestWorker is a process with a queue. It reports on its standard output which
// items were accepted, refused and delivered.
func TestWorker(t *testing.T) {
	directory := os.Getenv(workerDirectory)
	if directory == "" {
		t.Skip("a process that other tests start")
	}
	ext, err := NewFactory().Create(t.Context(), extensiontest.NewNopSettings(metadata.Type), &Config{Directory: directory})
	require.NoError(t, err)
	if err := ext.Start(t.Context(), componenttest.NewNopHost()); err != nil {
		fmt.Println("failed", err)
		return
	}
	q := startQueue(t, ext.(*queueStorage), os.Getenv(workerDeliver) == "", func(name string) { fmt.Println("delivered", name) })
	fmt.Println("ready")
	var first, count int
	if send := os.Getenv(workerSend); send != "" {
		_, err := fmt.Sscan(send, &first, &count)
		require.NoError(t, err)
	}
	for i := first; i < first+count; i++ {
		if err := q.exporter.ConsumeTraces(t.Context(), named(strconv.Itoa(i), 1000)); err != nil {
			fmt.Println("refused", i, err)
		} else {
			fmt.Println("accepted", i)
		}
	}
	fmt.Println("sent")
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test closes it
	q.shutdown(t)
	require.NoError(t, ext.Shutdown(context.Background()))
}

// worker is a process that runs TestWorker.
type worker struct {
	cmd   *exec.Cmd
	stdin io.Closer
	ended chan struct{}

	mu    sync.Mutex
	lines map[string][]string // the rest of each line, by its first word
}

func startWorker(t *testing.T, directory string, environment ...string) *worker {
	t.Helper()
	w := &worker{lines: map[string][]string{}, ended: make(chan struct{})}
	w.cmd = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWorker$")
	w.cmd.Env = append(append(os.Environ(), workerDirectory+"="+directory), environment...)
	w.cmd.Stderr = os.Stderr
	stdout, err := w.cmd.StdoutPipe()
	require.NoError(t, err)
	w.stdin, err = w.cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, w.cmd.Start())
	go func() {
		defer close(w.ended)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			word, rest, _ := strings.Cut(lines.Text(), " ")
			w.mu.Lock()
			w.lines[word] = append(w.lines[word], rest)
			w.mu.Unlock()
		}
	}()
	t.Cleanup(func() { w.kill() })
	return w
}

func (w *worker) said(word string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.lines[word]...)
}

func (w *worker) waitFor(t *testing.T, word string, count int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(w.said(word)) >= count }, 30*time.Second, time.Millisecond, "%s: %d of %d", word, len(w.said(word)), count)
}

// kill ends the process with SIGKILL.
func (w *worker) kill() {
	_ = w.cmd.Process.Kill() // it may have exited
	<-w.ended
	_ = w.cmd.Wait()
}

// stop shuts the process down.
func (w *worker) stop(t *testing.T) {
	t.Helper()
	require.NoError(t, w.stdin.Close())
	<-w.ended
	require.NoError(t, w.cmd.Wait())
}

// check compares the accepted items with the delivered ones, and returns how
// many were delivered twice.
func check(t *testing.T, accepted, delivered []string) (duplicates int) {
	t.Helper()
	count := map[string]int{}
	for _, name := range delivered {
		count[name]++
		duplicates += min(count[name]-1, 1)
	}
	lost := 0
	for _, name := range accepted {
		if count[name] == 0 {
			lost++
		}
	}
	require.Zero(t, lost, "of %d accepted items", len(accepted))
	return duplicates
}

// Accepted items are delivered, whenever the process is killed.
func TestKillTwentyTimes(t *testing.T) {
	directory := t.TempDir()
	var accepted, delivered []string
	for i := range 20 {
		send := fmt.Sprintf("%s=%d 100000", workerSend, i*100_000)
		w := startWorker(t, directory, send, workerDeliver+"="+strings.Repeat("x", i%3/2))
		w.waitFor(t, "accepted", 50+i*20)
		w.kill()
		accepted = append(accepted, w.said("accepted")...)
		delivered = append(delivered, w.said("delivered")...)
	}
	w := startWorker(t, directory, workerDeliver+"=x")
	missing := map[string]bool{}
	for _, name := range accepted {
		missing[name] = true
	}
	for _, name := range delivered {
		delete(missing, name)
	}
	w.waitFor(t, "delivered", len(missing))
	w.stop(t)
	duplicates := check(t, accepted, append(delivered, w.said("delivered")...))
	t.Logf("%d accepted, %d delivered twice", len(accepted), duplicates)
	assert.LessOrEqual(t, duplicates, 20*4, "only items in delivery are duplicated")
}

func TestSecondProcess(t *testing.T) {
	directory := t.TempDir()
	first := startWorker(t, directory, workerSend+"=0 100")
	first.waitFor(t, "sent", 1)
	second := startWorker(t, directory, workerDeliver+"=x")
	second.waitFor(t, "failed", 1)
	assert.Contains(t, second.said("failed")[0], directory+" is in use by another collector")
	first.kill()
	third := startWorker(t, directory, workerDeliver+"=x")
	third.waitFor(t, "delivered", 100)
	third.stop(t)
	check(t, first.said("accepted"), third.said("delivered"))
}

// diskSize is the size of the disk that a test fills, in bytes.
const diskSize = 24 << 20

// onSmallDisk runs a test again in a mount namespace, where directory is a small
// disk. It returns false in the outer process.
func onSmallDisk(t *testing.T) (directory string, inside bool) {
	t.Helper()
	const variable = "QUEUE_STORAGE_TEST_DISK"
	if directory = os.Getenv(variable); directory != "" {
		return directory, true
	}
	directory = t.TempDir()
	script := fmt.Sprintf(`mount -t tmpfs -o size=%d queue "$%s" || exit 77; exec "$@"`, diskSize, variable)
	cmd := exec.CommandContext(t.Context(), "unshare", "--map-root-user", "--mount", "sh", "-c", script, "sh",
		os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"="+directory)
	output, err := cmd.CombinedOutput()
	t.Log(string(output))
	if cmd.ProcessState == nil || strings.Contains(string(output), "unshare:") || cmd.ProcessState.ExitCode() == 77 {
		t.Skip("no mount namespace here")
	}
	require.NoError(t, err)
	return "", false
}

// fillUp fills the rest of a disk.
func fillUp(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(t, err)
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	require.NoError(t, file.Close())
}

// On a full disk, new items are refused, stored ones survive three restarts and
// are delivered, and their space is freed.
func TestFullDisk(t *testing.T) {
	disk, inside := onSmallDisk(t)
	if !inside {
		return
	}
	directory, ballast := filepath.Join(disk, "queue"), filepath.Join(disk, "ballast")
	require.NoError(t, os.Mkdir(directory, 0o700))
	w := startWorker(t, directory, workerSend+"=0 30000")
	w.waitFor(t, "refused", 100)
	assert.Contains(t, w.said("refused")[0], "no space left on device")
	fillUp(t, ballast)
	w.kill()
	accepted := w.said("accepted")
	require.Greater(t, len(accepted), 10_000)
	refused := len(w.said("refused"))
	for i := range 3 {
		w = startWorker(t, directory, workerSend+"=100000 5")
		w.waitFor(t, "sent", 1)
		accepted = append(accepted, w.said("accepted")...)
		fillUp(t, ballast)
		if i == 1 {
			w.stop(t)
		} else {
			w.kill()
		}
	}
	// Another program also fills the space that is freed.
	w = startWorker(t, directory, workerDeliver+"=x")
	w.waitFor(t, "delivered", len(accepted)/3)
	fillUp(t, ballast)
	w.kill()
	delivered := w.said("delivered")
	w = startWorker(t, directory, workerDeliver+"=x", workerSend+"=200000 2000")
	w.waitFor(t, "sent", 1)
	accepted = append(accepted, w.said("accepted")...)
	require.Eventually(t, func() bool {
		have := map[string]bool{}
		for _, name := range append(delivered, w.said("delivered")...) {
			have[name] = true
		}
		for _, name := range accepted {
			if !have[name] {
				return false
			}
		}
		return true
	}, 30*time.Second, 50*time.Millisecond)
	w.stop(t)
	duplicates := check(t, accepted, append(delivered, w.said("delivered")...))
	t.Logf("%d accepted, %d refused, %d delivered twice", len(accepted), refused, duplicates)
	assert.Less(t, duplicates, 20)
	size := int64(0)
	for _, path := range segments(t, directory) {
		info, err := os.Stat(path)
		require.NoError(t, err)
		size += info.Size()
	}
	assert.Less(t, size, int64(2<<20), "disk space is freed")
	assert.NoDirExists(t, filepath.Join(filepath.Dir(segments(t, directory)[0]), "unreadable"), "no write that failed has left anything")
}

// A file_storage queue is kept if there is no disk space for a copy, and the
// collector works meanwhile. Nothing of an incomplete copy is sent.
func TestTakeOverOnAFullDisk(t *testing.T) {
	disk, inside := onSmallDisk(t)
	if !inside {
		return
	}
	directory, ballast := filepath.Join(disk, "queue"), filepath.Join(disk, "ballast")
	require.NoError(t, os.Mkdir(directory, 0o700))
	names := numbered(300)
	path := fillPadded(t, directory, 10_000, names...)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(ballast, make([]byte, diskSize-info.Size()-copySize*2), 0o600))

	ext, logs := startStorage(t, directory)
	q := startQueue(t, ext, false)
	require.Equal(t, 1, logs.FilterMessageSnippet("was not migrated: no disk space").Len(), logs.All())
	q.send(t, "new")
	q.waitFor(t, []string{"new"})
	q.shutdown(t)
	require.NoError(t, ext.Shutdown(t.Context()))
	require.FileExists(t, path)

	require.NoError(t, os.Remove(ballast))
	deliver(t, directory, names)
	assert.NoFileExists(t, path)
}
