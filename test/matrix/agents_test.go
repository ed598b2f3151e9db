package matrix

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kafkamesh/envoy-kafka-mesh/test/driver"
	"github.com/kafkamesh/envoy-kafka-mesh/test/stack"
)

// agent is a program that sends the lines of a file, or lines of its own, as records without keys or headers.
type agent struct {
	name, version string
	dir           string // in .cache/clients
	program       string // in dir, or in the PATH
	// files are its configuration, by name; they are made in its working directory.
	files func(a agentRun) map[string]string
	args  func(a agentRun) []string
	note  string
}

// agentRun is what an agent is to do: send the lines of the file to a topic.
type agentRun struct {
	dir   string // where it is installed
	work  string // its working directory, which holds the file "lines"
	addr  string
	kafka string // the broker itself
	topic string
}

const agentLines = 200

// lineOf is line n as kafka-verifiable-producer makes it, and as the others read it.
func lineOf(n int) string { return "1." + strconv.Itoa(n) }

func agents() []agent {
	return []agent{
		{
			name: "kafka-verifiable-producer", version: stack.KafkaVersion, dir: "tools-4.3.1", program: "java",
			note: "acks=all, no retries",
			args: func(a agentRun) []string {
				return append(toolsJava(a.dir), "org.apache.kafka.tools.VerifiableProducer", "--bootstrap-server", a.addr,
					"--topic", a.topic, "--max-messages", strconv.Itoa(agentLines), "--value-prefix", "1")
			},
		},
		{
			name: "Kafka Connect", version: stack.KafkaVersion, dir: "tools-4.3.1", program: "java",
			note:  "FileStreamSource; the worker on the cluster, `producer.bootstrap.servers` on the mesh",
			files: connectFiles,
			args: func(a agentRun) []string {
				return append(toolsJava(a.dir), "org.apache.kafka.connect.cli.ConnectStandalone",
					filepath.Join(a.work, "worker"), filepath.Join(a.work, "source"))
			},
		},
		{
			name: "rsyslog", version: "8.2302.0", dir: "rsyslog-8.2302.0", program: "usr/sbin/rsyslogd",
			note:  "omkafka; librdkafka 2.0.2",
			files: rsyslogFiles,
			args: func(a agentRun) []string {
				return []string{"-n", "-f", filepath.Join(a.work, "conf"), "-i", filepath.Join(a.work, "pid"), "-M", filepath.Join(a.dir, "libraries/rsyslog")}
			},
		},
		{
			name: "syslog-ng", version: "3.38.1", dir: "syslog-ng-3.38.1", program: "usr/sbin/syslog-ng",
			note:  "kafka-c; librdkafka 2.0.2",
			files: syslogNGFiles,
			args: func(a agentRun) []string {
				return []string{
					"-F", "-e", "--no-caps", "-f", filepath.Join(a.work, "conf"), "-R", filepath.Join(a.work, "persist"),
					"-p", filepath.Join(a.work, "pid"), "-c", filepath.Join(a.work, "control"),
					"--module-path", filepath.Join(a.dir, "usr/lib/syslog-ng/3.38"),
				}
			},
		},
	}
}

func toolsJava(dir string) []string {
	return []string{"-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", filepath.Join(dir, "libs", "*")}
}

func connectFiles(a agentRun) map[string]string {
	return map[string]string{
		"worker": fmt.Sprintf(`bootstrap.servers=%s
producer.bootstrap.servers=%s
key.converter=org.apache.kafka.connect.storage.StringConverter
value.converter=org.apache.kafka.connect.storage.StringConverter
offset.storage.file.filename=%s/offsets
plugin.discovery=service_load
listeners=http://127.0.0.1:0
`, a.kafka, a.addr, a.work),
		"source": fmt.Sprintf(`name=lines
connector.class=org.apache.kafka.connect.file.FileStreamSourceConnector
file=%s/lines
topic=%s
`, a.work, a.topic),
	}
}

func rsyslogFiles(a agentRun) map[string]string {
	return map[string]string{"conf": fmt.Sprintf(`global(workDirectory=%[1]q)
module(load="imfile")
module(load="omkafka")
template(name="line" type="string" string="%%msg%%")
input(type="imfile" file="%[1]s/lines" tag="matrix" ruleset="send")
ruleset(name="send") {
  action(type="omkafka" broker=[%[2]q] topic=%[3]q template="line")
}
`, a.work, a.addr, a.topic)}
}

func syslogNGFiles(a agentRun) map[string]string {
	return map[string]string{"conf": fmt.Sprintf(`@version: 3.38
source lines { file("%s/lines" follow-freq(0.1) flags(no-parse)); };
destination mesh { kafka-c(bootstrap-servers(%q) topic(%q) message("$MESSAGE")); };
log { source(lines); destination(mesh); };
`, a.work, a.addr, a.topic)}
}

// TestAgentsDeliverOnce has each agent send lines to a topic, which are then there, once each; and to a topic without a rule, of
// which it must tell.
func TestAgentsDeliverOnce(t *testing.T) {
	t.Parallel()
	p := shared(t)
	for _, a := range agents() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			line := rowKey(a.name, a.version)
			topic := "apples-agent-" + strings.ReplaceAll(a.name, " ", "-")
			kafka := direct(t, p.kafka.Addr())
			kafka.create(t, topic)
			agent := a.start(t, p, topic)
			found := map[string]int{}
			for _, part := range kafka.read(t, agentLines, topic) {
				for _, r := range part.records {
					found[string(r.Value)]++
				}
			}
			agent.stop(t)
			for n := range agentLines {
				if found[lineOf(n)] != 1 {
					t.Fatalf("%s is stored %d times", lineOf(n), found[lineOf(n)])
				}
			}
			line += fmt.Sprintf(" %d of %d |", len(found), agentLines)
			nowhere := a.start(t, p, unruled)
			said := nowhere.says(t, regexp.MustCompile(`(?i)[^\n]*not authoriz[^\n]*|[^\n]*authorization failed[^\n]*`))
			nowhere.stop(t)
			t.Logf("to a topic without a rule: %s", said)
			if full() && kafkaVersion() == stack.KafkaVersion {
				results.add(agentTable(), line+" told in its log | "+a.note+" |\n")
			}
		})
	}
}

// agentTable is the table of the agents.
func agentTable() *table {
	t := &table{
		name: "agents", title: "Programs that send lines, Kafka " + stack.KafkaVersion,
		header: "| program | version | lines stored | topic without a rule | notes |\n|---|---|---|---|---|\n",
	}
	for _, a := range agents() {
		t.keys = append(t.keys, rowKey(a.name, a.version))
	}
	return t
}

// agentProcess is an agent that runs.
type agentProcess struct {
	*exec.Cmd

	agent agent
	work  string
	ended chan error
	log   stack.Output
}

func (a *agent) start(t *testing.T, p *parts, topic string) *agentProcess {
	t.Helper()
	run := agentRun{dir: a.installed(t), work: t.TempDir(), addr: p.mesh.Addr, kafka: p.kafka.Addr(), topic: topic}
	files := map[string]string{}
	if a.files != nil {
		files = a.files(run)
	}
	for n := range agentLines {
		files["lines"] += lineOf(n) + "\n"
	}
	for name, text := range files {
		stack.Check(t, os.WriteFile(filepath.Join(run.work, name), []byte(text), 0o600))
	}
	program := a.program
	if strings.Contains(program, "/") {
		program = filepath.Join(run.dir, program)
	}
	out := &agentProcess{Cmd: exec.Command(program, a.args(run)...), agent: *a, work: run.work, ended: make(chan error, 1)}
	out.Env = append(os.Environ(), "LD_LIBRARY_PATH="+filepath.Join(run.dir, "libraries"))
	out.Stdout, out.Stderr = &out.log, &out.log
	stack.Check(t, out.Start())
	go func() { out.ended <- out.Wait() }()
	t.Cleanup(func() {
		out.stop(t)
		if t.Failed() {
			t.Logf("%s printed:\n%s", a.name, tail(out.log.String()))
		}
	})
	return out
}

// installed is the directory of the agent, which is installed first if everything is required.
func (a *agent) installed(t *testing.T) string {
	t.Helper()
	p := driver.Program{Dir: a.dir, Command: func(string) []string { return []string{"java"} }}
	return p.Installed(t)
}

// says waits until the agent has said something that matches. It goes on getting lines: a log daemon looks at what became of
// its lines, and speaks of it, when it sends the next.
func (p *agentProcess) says(t *testing.T, what *regexp.Regexp) string {
	t.Helper()
	deadline := time.After(readWait)
	for {
		if found := what.FindString(p.log.String()); found != "" {
			return found
		}
		select {
		case <-deadline:
			t.Fatalf("%s does not say %s", p.agent.name, what)
		case <-time.After(50 * time.Millisecond):
			stack.Check(t, p.appendLine())
		}
	}
}

func (p *agentProcess) appendLine() error {
	f, err := os.OpenFile(filepath.Join(p.work, "lines"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString("one more\n")
	return errors.Join(err, f.Close())
}

// stop ends the agent, if it has not ended, and waits for it.
func (p *agentProcess) stop(t *testing.T) {
	t.Helper()
	if p.ended == nil {
		return
	}
	_ = p.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(readWait):
		_ = p.Process.Kill()
		<-p.ended
		t.Errorf("%s does not end", p.agent.name)
	}
	p.ended = nil
}
