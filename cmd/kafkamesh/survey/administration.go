package survey

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Administration is what clients are to do with topics of the cluster beside writing and reading.
type Administration uint8

// What clients are to do.
const (
	// Nothing is what needs no rights that are looked for.
	Nothing Administration = iota
	// Creating is to create topics and to give them more partitions.
	Creating
	// Altering is Creating, and to alter configurations, to delete topics and records.
	Altering
)

// JudgeAdministration looks for what clients are to do and the mesh's user may not. Written is as Judge has it. What is missing is a warning:
// a right to create may be one to names that begin so, of which a cluster does not tell, and not every topic is to be altered.
func (c *Cluster) JudgeAdministration(a Administration, written func(topic string) string) {
	if a == Nothing {
		return
	}
	if c.Rights.Lacks(Create) {
		c.Findings = append(c.Findings, Finding{
			What:    "administration.topics lets clients create topics, and the mesh's user lacks CREATE on the cluster",
			Do:      "allow it CREATE on the cluster, or on topics whose names begin so; what it may not create gets TOPIC_AUTHORIZATION_FAILED",
			Warning: true,
		})
	}
	var topics []*Topic
	for i := range c.Topics {
		if t := &c.Topics[i]; !t.Internal && written(t.Name) != "" {
			topics = append(topics, t)
		}
	}
	needs := []kmsg.ACLOperation{kmsg.ACLOperationAlter}
	if a == Altering {
		needs = append(needs, kmsg.ACLOperationAlterConfigs, kmsg.ACLOperationDelete)
	}
	for _, o := range needs {
		if locked, many := lacking(topics, o); len(locked) > 0 {
			right := strings.ToUpper(o.String())
			c.Findings = append(c.Findings, Finding{
				What:    fmt.Sprintf("administration.topics lets clients do what needs %s, and the mesh's user lacks it on %s: %s", right, many, few(locked)),
				Do:      "allow it " + right + " where clients are to do that; they get TOPIC_AUTHORIZATION_FAILED until then",
				Warning: true,
			})
		}
	}
}
