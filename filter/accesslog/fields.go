package accesslog

// Field is one field of a line.
type Field struct {
	Name string
	// Type is JSON's, with what is in lists and objects; or what of Envoy's it is.
	Type string
	// Always says that every line has it. Others are left out where they are empty, zero, or say nothing.
	Always bool
	// Meaning is what docs/access-log.md says of it.
	Meaning string
}

// HostFields lists what a host is told of a connection that ends, in the order in which it is told: dynamic metadata, and behind it filter
// state.
func HostFields() []Field {
	const metadata, state = "dynamic metadata", "filter state"
	return []Field{
		{"client_id", metadata, false, "What the client calls itself."},
		{"software", metadata, false, "The client library and its version."},
		{"principal", metadata, false, "Who the client has proved to be by its login."},
		{"mechanism", metadata, false, "How it has proved that: `SCRAM-SHA-512`."},
		{"requests", metadata, true, "Requests, a number."},
		{"failures", metadata, false, "How many of them were answered with an error of a cluster, or had the connection closed."},
		{"refusals", metadata, false, "How many were answered with an error of the mesh's own."},
		{"unanswered", metadata, false, "How many were not answered before the connection was gone."},
		{"records", metadata, false, "The records that were taken for clusters."},
		{"batch_bytes", metadata, false, "The length of the batches that these are in."},
		{"request_bytes", metadata, false, "The length of all requests."},
		{"response_bytes", metadata, false, "The length of all answers."},
		{"topics", metadata, false, "The first five topics, with commas between them."},
		{"clusters", metadata, false, "The first eight clusters that had to do with it, with commas between them."},
		{"last_error", metadata, false, "The last error that was answered, and why."},
		{"closed_because", metadata, false, "Why the mesh has closed the connection, if it has: `idle`, `hung_up` when Envoy or the mesh had to end it, or what the client has sent that it should not."},
		{"kafkamesh.last_request", state, false, "The line of the last request, as above."},
		{"kafkamesh.last_failure", state, false, "The line of the last request that was not answered as asked for."},
	}
}

// Fields lists the fields of a line in the order in which they stand there.
func Fields() []Field {
	return []Field{
		{"time", "string", true, "When all of the request had come: RFC 3339, UTC, with microseconds."},
		{"client", "string", false, "The client's address and port."},
		{"local_address", "string", false, "The address and port that the client dialled."},
		{"server_name", "string", false, "The host that the client named in its TLS handshake (SNI)."},
		{"client_id", "string", false, "What the client calls itself: its `client.id`."},
		{"software", "string", false, "The client library and its version, as it gave them (KIP-511). Older ones do not."},
		{"api", "string", false, "The API: `Produce`, `Metadata`, … Missing where what came was no request."},
		{"version", "number", false, "The version of the API."},
		{"correlation_id", "number", false, "The client's number for the request; it is in the client's own log too."},
		{"principal", "string", false, "Who the client is: the name that it has [logged in](security.md#logins-of-clients) by, or `ANONYMOUS`. Of one that has not logged in it is missing where `authorization` had nothing to decide."},
		{"mechanism", "string", false, "How it has logged in: `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512` or `OAUTHBEARER`."},
		{"decision", "string", false, "`denied`: a part of the request at least; or `allowed`."},
		{"rule", "string", false, "The name or number of the rule of `authorization` that was the first to deny a part of it, or else to allow one."},
		{"acks", "number", false, "Of a Produce: -1, 0 or 1, as the client asked."},
		{"topics", "list of strings", false, "The first five topics that were asked for."},
		{"topic_count", "number", false, "How many topics were asked for."},
		{"partitions", "number", false, "Of a Produce: how many partitions it has batches for."},
		{"records", "number", false, "Of a Produce: the records that were taken for clusters, as the batches' headers count them."},
		{"batch_bytes", "number", false, "Of a Produce: the length of the batches that these are in."},
		{"request_bytes", "number", false, "The length of the request."},
		{"response_bytes", "number", false, "The length of the answer. Missing where there was none, as with acks=0."},
		{"clusters", "list of strings", false, "The clusters that the batches went to."},
		{"outcome", "string", true, "`ok`; `failed`: a part of it was answered with an error; `refused`: with one of the mesh's own; " +
			"`closed`: the connection was closed for it; `unanswered`: the client was gone before the answer was there."},
		{"errors", "object of numbers", false, "How often each error code was answered, by Kafka's names; five codes at most."},
		{"failed_partitions", "number", false, "How many partitions of a Produce, or topics of a Metadata, were answered with an error."},
		{"reason", "string", false, "More of the first error, in words."},
		{"duration_us", "number", true, "From `time` until the answer was handed to the network, in microseconds; the sum of the three below."},
		{"waiting_us", "number", true, "Of it, in the mesh, before it was sent to clusters; what is sent to none waits until it is answered."},
		{"upstream_us", "number", true, "Of it, of a Produce: until the clusters had answered."},
		{"answering_us", "number", true, "Of it, the rest: until the answer could leave, behind those to what the client had asked before."},
		{"throttled_us", "number", false, "For how long, from the request on, the client is not read from because of it, by [`quotas`](quotas.md); of a Fetch, from its answer on."},
	}
}
