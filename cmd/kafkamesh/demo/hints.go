package demo

import (
	"fmt"
	"io"
)

// Hints says what to do with a demo that serves: lines to paste. stats is the address of the statistics, if there are any to be seen.
func Hints(out io.Writer, stats string) error {
	first := Clusters()[0]
	text := fmt.Sprintf(`
Send something of your own, to a topic that begins with apples, bananas or cherries; any producer will do:

  echo hello | kcat -P -b %[1]s -t %[2]s
  echo hello | kafka-console-producer.sh --bootstrap-server %[1]s --topic %[2]s

It is then in the cluster %[3]s:

  kcat -C -e -b %[4]s -t %[2]s

`, MeshAddr, first.Topic, first.Name, first.Addr())
	if stats != "" {
		text += "What the mesh has counted: " + stats + "\n\n"
	}
	_, err := io.WriteString(out, text+"Ctrl-C ends it.\n")
	return err
}
