package stats

// Cluster is the metrics of one upstream cluster.
//
// It does not change after Set.Cluster: any goroutine may use it. The zero Cluster drops everything.
type Cluster struct {
	// Requests counts the Produce requests sent to the cluster.
	Requests Value
	// Batches and Bytes count the record batches taken for the cluster, and their length as the client sent them.
	Batches, Bytes Value
	// InFlightBatches and InFlightBytes are what is queued or sent, and not yet answered.
	InFlightBatches, InFlightBytes Value
	// Connections is the number of connections to the cluster's brokers.
	Connections Value
	// ConnectFailures counts attempts to reach a broker that failed, authentication included.
	ConnectFailures Value
	// MetadataRefreshes counts the answers to Metadata requests.
	MetadataRefreshes Value

	// Panics is the set's PanicsRecovered: whose upstream path met the bug is in the log.
	Panics Value

	errors     map[int16]Value
	otherError Value
}

// Error counts the batches answered with one error code. Zero is no error and dropped; a code that a broker does not
// answer a Produce with counts as errors.other.
func (c *Cluster) Error(code int16) Value {
	if code == 0 {
		return Value{}
	}
	if v, ok := c.errors[code]; ok {
		return v
	}
	return c.otherError
}
