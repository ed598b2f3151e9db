package stats

// Traffic is the metrics of what goes to some topics. The zero Traffic drops everything.
type Traffic struct {
	// Batches, Records and Bytes count the record batches that clients sent, the records in them, and their length.
	Batches, Records, Bytes Value
	// Failed counts the batches that were answered with an error.
	Failed Value
	// ReadBytes counts the length of the records that clients were given, and ReadFailed the partitions for which they got an error.
	ReadBytes, ReadFailed Value
}

// Rule is the metrics of one forwarding rule. The zero Rule drops everything.
type Rule struct {
	Traffic

	// Time is how long requests with batches of the rule took, in microseconds, until all of them had their results.
	Time Distribution
}

// Client is the metrics of the clients of one software. The zero Client drops everything.
type Client struct {
	// Connections counts the connections of such clients, and Active are those there are now.
	Connections, Active Value
}

func (t *Traffic) rows() []row {
	return []row{
		{&t.Batches, Metric{Name: "batches", Unit: "batches", Help: "Record batches from clients that have their results."}},
		{&t.Records, Metric{Name: "records", Unit: "records", Help: "Records in those batches, as their headers say."}},
		{&t.Bytes, Metric{Name: "bytes", Unit: "bytes", Help: "Length of those batches."}},
		{&t.Failed, Metric{Name: "failed_batches", Unit: "batches", Help: "Those of them that were answered with an error."}},
		{&t.ReadBytes, Metric{Name: "read_bytes", Unit: "bytes", Help: "Length of the record batches that clients were given, unopened."}},
		{&t.ReadFailed, Metric{
			Name: "read_failed_partitions", Unit: "partitions", Help: "Partitions, one for each Fetch that asks for it, that were answered with an error.",
		}},
	}
}

func (r *Rule) rows() []row {
	return append(r.Traffic.rows(), row{&r.Time, Metric{
		Name: "time_total_us", Kind: Histogram, Unit: "microseconds",
		Help: "From the end of a client's request until all of its batches have their results.",
	}})
}

func (c *Client) rows() []row {
	return []row{
		{&c.Connections, Metric{Name: "connections", Unit: "connections", Help: "Connections of clients, by the software that they name (KIP-511).", Rare: true}},
		{&c.Active, Metric{
			Name: "connections_active", Kind: Gauge, Unit: "connections", Help: "Clients connected now, by the software that they name.", Rare: true,
		}},
	}
}
