package conformance

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// difference names a way in which the mesh differs from a broker by design. docs/protocol.md has the reasons.
type difference string

// The differences. Each is shown by one scenario or several.
const (
	none difference = ""

	versionsListed     difference = "versions-listed"
	clientsOnly        difference = "clients-only"
	noTransactions     difference = "no-transactions"
	noFeatures         difference = "no-features"
	oneNode            difference = "one-node"
	noOperations       difference = "no-authorized-operations"
	unmatchedTopic     difference = "unmatched-topic"
	metadataRemembered difference = "metadata-remembered"
	brokerStumbles     difference = "broker-stumbles"
	ownWords           difference = "own-words"
	messageSets        difference = "message-sets"
	partitionTwice     difference = "partition-twice"
	requestFirst       difference = "request-first"
	emptyTopic         difference = "empty-topic"
	invalidTopic       difference = "invalid-topic"
	metadataIDs        difference = "metadata-ids"
	byConfiguration    difference = "administration-by-configuration"
	noAssignments      difference = "no-assignments"
	noConfiguration    difference = "no-configuration"
	answeredOnce       difference = "answered-once"
	memberAsked        difference = "member-asked"

	sessionOfConnection difference = "session-of-connection"
	quotaWithRecords    difference = "quota-with-records"
)

// differences are all that there are.
var differences = []difference{
	versionsListed, clientsOnly, noTransactions, noFeatures, oneNode, noOperations, unmatchedTopic, invalidTopic,
	metadataRemembered, metadataIDs, messageSets, ownWords, brokerStumbles, requestFirst, partitionTwice, emptyTopic,
	byConfiguration, noAssignments, noConfiguration, answeredOnce, memberAsked, sessionOfConnection, quotaWithRecords,
}

// TestDifferencesAreDocumented compares the list with the table in docs/protocol.md.
func TestDifferencesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Where we differ from a broker\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var documented []difference
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9-]+)` \\| .+ \\| .+ \\|$").FindAllStringSubmatch(section, -1) {
		documented = append(documented, difference(row[1]))
	}
	for _, d := range differences {
		if !slices.Contains(documented, d) {
			t.Errorf("docs/protocol.md does not tell of %s", d)
		}
	}
	for _, d := range documented {
		if !slices.Contains(differences, d) {
			t.Errorf("docs/protocol.md tells of %s, which no scenario shows", d)
		}
	}
}
