package demo

import (
	"fmt"
	"io"
)

// Hints says what to do with a demo that serves: lines to paste. page is the address of the mesh's page, and stats that of the statistics, if
// there are others.
func Hints(out io.Writer, page, stats string) error {
	first := Clusters()[0]
	text := fmt.Sprintf(`
Send something of your own, to a topic that begins with apples, bananas or cherries; any producer will do:

  echo hello | kcat -P -b %[1]s -t %[2]s
  echo hello | kafka-console-producer.sh --bootstrap-server %[1]s --topic %[2]s

It is then in the cluster %[3]s:

  kcat -C -e -b %[4]s -t %[2]s

`, MeshAddr, first.Topic, first.Name, first.Addr())
	text += "How the mesh does: " + page + "\n"
	if stats != "" {
		text += "What it has counted: " + stats + "\n"
	}
	_, err := io.WriteString(out, text+"\nCtrl-C ends it.\n")
	return err
}
