// Copyright The otelcol-ociapm Authors
// SPDX-License-Identifier: Apache-2.0

//go:build tiers

package tiers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ociapm/otelcol-ociapm/internal/sandbox/apm"
	"github.com/ociapm/otelcol-ociapm/test/harness"
)

const commandTimeout = 5 * time.Minute

// broker is a Kafka broker in its own process.
type broker struct {
	process  *harness.Process
	address  string
	classes  string // class path
	settings string // file
}

func startBroker(t *testing.T) *broker {
	t.Helper()
	dir := t.TempDir()
	b := &broker{address: harness.FreeAddress(t), classes: filepath.Join(dir, "lib", "*"), settings: filepath.Join(dir, "server.properties")}
	run(t, "mvn", "--quiet", "--batch-mode", "--file=testdata/kafka/pom.xml", "dependency:copy-dependencies", "-DoutputDirectory="+filepath.Join(dir, "lib"))
	controller := harness.FreeAddress(t)
	settings := fmt.Sprintf(`process.roles=broker,controller
node.id=1
controller.quorum.voters=1@%[2]s
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://%[1]s,CONTROLLER://%[2]s
advertised.listeners=PLAINTEXT://%[1]s
log.dirs=%[3]s
offsets.topic.replication.factor=1
message.max.bytes=16777216
auto.create.topics.enable=false
`, b.address, controller, filepath.Join(dir, "data"))
	require.NoError(t, os.WriteFile(b.settings, []byte(settings), 0o600))
	run(t, "java", "-cp", b.classes, "kafka.tools.StorageTool", "format", "--cluster-id=b3RlbGNvbC1vY2lhcG0tdA", "--config="+b.settings)
	b.start(t)
	for _, topic := range []string{"otlp_spans", "otlp_metrics", "otlp_logs"} {
		run(t, "java", "-cp", b.classes, "org.apache.kafka.tools.TopicCommand", "--bootstrap-server="+b.address,
			"--create", "--topic="+topic, "--partitions=4", "--config=max.message.bytes=16777216")
	}
	return b
}

func (b *broker) start(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "java", "-Xmx512m", "-cp", b.classes, "kafka.Kafka", b.settings)
	cmd.Cancel = func() error { return nil } // the cleanup of Start stops it
	b.process = harness.Start(t, cmd)
	require.Eventually(t, func() bool {
		conn, err := net.DialTimeout("tcp", b.address, time.Second)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, time.Minute, pollInterval, "the broker does not listen")
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), commandTimeout)
	defer cancel()
	output, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	require.NoError(t, err, string(output))
}

// An agent writes to Kafka through a gateway, and readers upload. Nothing is lost if any
// of them is killed, including the broker, or if APM is down.
func TestKafka(t *testing.T) {
	kafka := startBroker(t)
	sandbox := harness.StartSandbox(t, "--max-spans=1000000", "--max-bytes=2147483648")
	brokers := []string{"KAFKA_BROKERS=" + kafka.address}
	writer := gateway(t, sandbox, brokers, "{}", "components/kafka-writer/exporter.yaml")
	var readers []*harness.Collector
	for range 2 {
		readers = append(readers, gateway(t, sandbox, brokers, uploadSettings(t), "components/kafka-reader/exporter.yaml"))
	}
	sender := agent(t, writer.GRPC)
	load := startLoad(t, sender)
	sandbox.AwaitSpans(t, 100)

	time.Sleep(2 * time.Second)
	kafka.process.Kill(t)
	time.Sleep(3 * time.Second)
	kafka.start(t)

	time.Sleep(2 * time.Second)
	writer.Kill(t)
	time.Sleep(time.Second)
	writer.Restart(t)

	for _, reader := range readers {
		time.Sleep(2 * time.Second)
		reader.Kill(t)
		time.Sleep(time.Second)
		reader.Restart(t)
	}

	stored := sandbox.Counts(t).Spans.Stored
	sandbox.AddFault(t, apm.Fault{Status: 503})
	time.Sleep(3 * time.Second)
	readers[0].Kill(t)
	readers[0].Restart(t)
	sandbox.ClearFaults(t)
	sandbox.AwaitSpans(t, stored+1)

	assert.Zero(t, missing(t, load, sandbox))
}
