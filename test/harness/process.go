// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

package harness // import "github.com/ociapm/otelcol-ociapm/test/harness"

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	startTimeout = 90 * time.Second // a Java agent takes half a minute beside other work
	stopTimeout  = 30 * time.Second
	pollInterval = 10 * time.Millisecond
)

// Root returns the root folder of the repository.
func Root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	require.True(t, ok)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Binary returns the path of a program in bin, where `make build` puts it.
func Binary(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(Root(t), "bin", name)
	_, err := os.Stat(path)
	require.NoError(t, err, "run `make build` first")
	return path
}

var buildTags = regexp.MustCompile(`(?m)^ {2}build_tags: (\S+)$`)

// BuildTags returns the collector's build tags from builder-config.yaml, in the form
// that `go build -tags` expects.
func BuildTags(t testing.TB) string {
	t.Helper()
	manifest, err := os.ReadFile(filepath.Join(Root(t), "builder-config.yaml"))
	require.NoError(t, err)
	tags := buildTags.FindSubmatch(manifest)
	require.NotNil(t, tags, "builder-config.yaml has no build_tags")
	return string(tags[1])
}

// Released returns the path of the only file in dist/release that matches.
func Released(t testing.TB, pattern string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Root(t), "dist", "release", pattern))
	require.NoError(t, err)
	require.Len(t, files, 1, "run `make release` first")
	return files[0]
}

// Ports that FreeAddress hands out. They are below Linux's range for outgoing
// connections (ip_local_port_range starts at 32768). Otherwise a connection could occupy
// the port of a program that is about to start or restart.
const (
	firstPort = 12000
	lastPort  = 32000
)

// givenPorts is how many ports this process has handed out or found in use.
var givenPorts atomic.Int64

// portStride keeps the ports of processes apart whose ids are close to each other, as
// those of the tests of several packages are: it is the golden ratio's share of all ports.
const portStride = 12361

// FreeAddress returns a loopback address whose TCP port was free a moment ago. It never
// returns the same address twice. Another process that runs at the same time seldom
// returns it: the ports of a process follow each other from one that depends on its id.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for given := givenPorts.Add(1); given <= lastPort-firstPort; given = givenPorts.Add(1) {
		port := firstPort + (os.Getpid()*portStride+int(given))%(lastPort-firstPort)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			continue // in use
		}
		require.NoError(t, listener.Close())
		return address
	}
	require.FailNow(t, "no free port")
	return ""
}

// Process is a program under test. It is stopped when the test that started it ends.
type Process struct {
	cmd  *exec.Cmd
	out  syncBuffer
	done chan struct{} // closed when the process has exited
}

// Start runs cmd and collects its output. The process is stopped, by its id, when the
// test ends.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{cmd: cmd, done: make(chan struct{})}
	cmd.Stdout = &p.out
	cmd.Stderr = &p.out
	// Children that outlive the process must not block Wait.
	cmd.WaitDelay = 5 * time.Second
	require.NoError(t, cmd.Start())
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.stop(syscall.SIGTERM)
		if t.Failed() {
			t.Logf("output of %s:\n%s", filepath.Base(cmd.Path), p.Output())
		}
	})
	return p
}

// Pid returns the process id.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Output returns all that the process has printed so far.
func (p *Process) Output() string { return p.out.String() }

// Signal sends a signal to the process.
func (p *Process) Signal(t testing.TB, sig os.Signal) {
	t.Helper()
	require.NoError(t, p.cmd.Process.Signal(sig))
}

// Stop sends SIGTERM, waits until the process has exited, and returns its exit code.
func (p *Process) Stop(t testing.TB) int {
	t.Helper()
	require.True(t, p.stop(syscall.SIGTERM), "%s did not exit within %s of SIGTERM", p.cmd.Path, stopTimeout)
	return p.cmd.ProcessState.ExitCode()
}

// Kill sends SIGKILL and waits until the process has exited.
func (p *Process) Kill(t testing.TB) {
	t.Helper()
	p.Signal(t, syscall.SIGKILL)
	p.Wait(t, stopTimeout)
}

// PeakMemory returns the peak resident memory of the running process, in bytes (VmHWM of
// /proc/PID/status). It returns 0 if the process has exited or the file does not exist.
func (p *Process) PeakMemory() int64 { return p.memory("VmHWM") }

// Memory returns the resident memory of the running process, in bytes (VmRSS of
// /proc/PID/status). It returns 0 in the same cases as PeakMemory.
func (p *Process) Memory() int64 { return p.memory("VmRSS") }

func (p *Process) memory(name string) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Pid()))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), name+":")
	var kib int64
	if _, err := fmt.Sscanf(rest, "%d kB", &kib); err != nil {
		return 0
	}
	return kib << 10
}

// CPUTime returns the CPU time that the running process has used so far in user and
// kernel mode (/proc/PID/stat, in hundredths of a second).
func (p *Process) CPUTime(t testing.TB) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid()))
	require.NoError(t, err)
	// The second field is a name in parentheses, which may contain spaces.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int64
	for _, field := range fields[11:13] { // utime, stime
		n, err := strconv.ParseInt(field, 10, 64)
		require.NoError(t, err)
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100)
}

// Wait waits until the process exits by itself and returns its exit code.
func (p *Process) Wait(t testing.TB, timeout time.Duration) int {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(timeout):
		require.FailNow(t, "process still runs", "%s after %s, output:\n%s", p.cmd.Path, timeout, p.Output())
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *Process) stop(sig os.Signal) bool {
	if err := p.cmd.Process.Signal(sig); errors.Is(err, os.ErrProcessDone) {
		<-p.done
		return true
	}
	select {
	case <-p.done:
		return true
	case <-time.After(stopTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
		return false
	}
}

// AwaitOutput waits until the output matches the pattern and returns the match and its
// groups. It fails the test if the process exits first.
func (p *Process) AwaitOutput(t testing.TB, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	deadline := time.Now().Add(startTimeout)
	for {
		if match := re.FindStringSubmatch(p.Output()); match != nil {
			return match
		}
		select {
		case <-p.done:
			// The last output may contain the match.
			if match := re.FindStringSubmatch(p.Output()); match != nil {
				return match
			}
			require.FailNow(t, "process exited early", "waiting for %q, exit code %d, output:\n%s", pattern, p.cmd.ProcessState.ExitCode(), p.Output())
		case <-time.After(pollInterval):
		}
		if time.Now().After(deadline) {
			require.FailNow(t, "no such output", "waiting for %q within %s, output:\n%s", pattern, startTimeout, p.Output())
		}
	}
}

// cleanEnvironment returns this process's environment without the variables that
// configure the programs under test, plus the given ones.
func cleanEnvironment(extra ...string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if strings.HasPrefix(kv, "APM") || strings.HasPrefix(kv, "OTEL") {
			continue
		}
		env = append(env, kv)
	}
	return append(env, extra...)
}

// syncBuffer is a buffer that a process writes to while a test reads it.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(data []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(data)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
