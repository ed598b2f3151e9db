package accesslog

import "strings"

// Connection is what a connection's requests came to, for a host that has an access log of connections.
type Connection struct {
	// ClientID and Software are what the client said of itself.
	ClientID, Software string
	// Principal is who the client has proved to be, and Mechanism how.
	Principal, Mechanism string
	// Requests were answered, or never will be. Of them, Failures were answered with an error, or closed the connection; Refusals with
	// one of the mesh's own; Unanswered were not answered.
	Requests, Failures, Refusals, Unanswered int64
	// Records and BatchBytes are what was taken for clusters; RequestBytes and ResponseBytes the lengths of frames.
	Records, BatchBytes, RequestBytes, ResponseBytes int64
	// Topics and Clusters are the first that had to do with it.
	Topics, Clusters []string
	// LastError is the last error that was answered, and ClosedBecause why the mesh has closed the connection.
	LastError, ClosedBecause string
	// LastRequest and LastFailure are the lines of these requests.
	LastRequest, LastFailure []byte
}

// clean is a text that may stand in any format, within quotes or not: what would have to be escaped there is replaced.
func clean(s string, most int) string {
	return string(appendClipped(nil, s, most, func(b []byte, r rune) []byte {
		if r == '"' {
			return append(b, '\'')
		}
		return append(b, '?')
	}))
}

// Host is told of a connection that ends. Nothing is kept.
type Host interface {
	// Text and Number are the connection's metadata.
	Text(key, value string)
	Number(key string, value int64)
	// State is what would be too long for that.
	State(key string, value []byte)
}

// Tell tells a host what there is to tell.
func (c *Connection) Tell(h Host) {
	text := func(key, value string, most int) {
		if value != "" {
			h.Text(key, clean(value, most))
		}
	}
	number := func(key string, n int64) {
		if n != 0 {
			h.Number(key, n)
		}
	}
	text("client_id", c.ClientID, maxName)
	text("software", c.Software, maxName)
	text("principal", c.Principal, maxName)
	text("mechanism", c.Mechanism, maxName)
	h.Number("requests", c.Requests)
	number("failures", c.Failures)
	number("refusals", c.Refusals)
	number("unanswered", c.Unanswered)
	number("records", c.Records)
	number("batch_bytes", c.BatchBytes)
	number("request_bytes", c.RequestBytes)
	number("response_bytes", c.ResponseBytes)
	text("topics", strings.Join(c.Topics, ","), MaxTopics*maxName)
	text("clusters", strings.Join(c.Clusters, ","), MaxClusters*maxName)
	text("last_error", c.LastError, maxReason)
	text("closed_because", c.ClosedBecause, maxReason)
	if len(c.LastRequest) > 0 {
		h.State("kafkamesh.last_request", c.LastRequest)
	}
	if len(c.LastFailure) > 0 {
		h.State("kafkamesh.last_failure", c.LastFailure)
	}
}
