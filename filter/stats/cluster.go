package stats

// Cluster is the metrics of one upstream cluster.
//
// It does not change after Set.Cluster: any goroutine may use it. The zero Cluster drops everything.
type Cluster struct {
	// Requests counts the Produce requests sent to the cluster.
	Requests Value
	// Batches, Records and Bytes count the record batches sent to the cluster, the records in them, and their length.
	Batches, Records, Bytes Value
	// Failed counts the batches that were answered with an error.
	Failed Value
	// InFlightBatches and InFlightBytes are what is queued or sent, and not yet answered; QueuedBatches what is not sent.
	InFlightBatches, InFlightBytes, QueuedBatches Value
	// BatchesPerRequest is how many batches left in one request.
	BatchesPerRequest Distribution
	// TimeInFilter is how long batches took, in microseconds, from when the cluster was given them until they were sent,
	// TimeUpstream from then on until the broker's answer, and TimeTotal both, whatever came of it.
	TimeInFilter, TimeUpstream, TimeTotal Distribution
	// Fetch are the metrics of what is read.
	Fetch Fetch
	// ThrottleTime adds the milliseconds up for which brokers asked us to send less.
	ThrottleTime Value
	// Connections is the number of connections to the cluster's brokers that batches are sent on.
	Connections Value
	// Connects counts attempts to reach a broker that succeeded, ConnectFailures those that failed, and LoginFailures those of them
	// that failed with the login.
	Connects, ConnectFailures, LoginFailures Value
	// Reachable is 1 while the cluster can be asked.
	Reachable Level
	// MetadataAge is how many seconds ago the cluster last answered for its metadata.
	MetadataAge Level
	// CertificateExpiry is in how many seconds the first certificate ends, of our own and those that the brokers have shown.
	CertificateExpiry Level
	// Identities is how many identities of clients there are connections to the cluster for, apart from the mesh's own, and IdentityRefusals
	// counts what clients without one have asked of it.
	Identities, IdentityRefusals Value
	// MetadataRefreshes counts the answers to Metadata requests.
	MetadataRefreshes Value

	// Panics is the set's PanicsRecovered: whose upstream path met the bug is in the log.
	Panics Value

	errors     map[int16]Value
	otherError Value
}

// Error counts the batches answered with one error code. Zero is no error and dropped; a code that has no metric of its own counts as
// errors.other.
func (c *Cluster) Error(code int16) Value {
	if code == 0 {
		return Value{}
	}
	if v, ok := c.errors[code]; ok {
		return v
	}
	return c.otherError
}

// Fetch is the metrics of what is read of one cluster. The zero Fetch drops everything.
type Fetch struct {
	// Requests counts the Fetch requests sent to the cluster, Lost those of them that were never answered, and Open is how many wait for
	// their answers.
	Requests, Lost, Open Value
	// Bytes counts the length of the records that came, Empty the answers without any, and Failed the partitions that were answered with an
	// error.
	Bytes, Empty, Failed Value
}

func (f *Fetch) rows() []row {
	return []row{
		{&f.Requests, Metric{Name: "fetch.requests", Unit: "requests", Help: "Fetch requests sent to the cluster's brokers."}},
		{&f.Lost, Metric{Name: "fetch.lost", Unit: "requests", Help: "Those of them that were not answered: the connection ended, or their client was gone."}},
		{&f.Open, Metric{Name: "fetch.open", Kind: Gauge, Unit: "requests", Help: "Fetch requests that wait for their answers now."}},
		{&f.Bytes, Metric{Name: "fetch.bytes", Unit: "bytes", Help: "Length of the records in the answers."}},
		{&f.Empty, Metric{Name: "fetch.empty", Unit: "requests", Help: "Fetch requests that were answered without records."}},
		{&f.Failed, Metric{Name: "fetch.failed_partitions", Unit: "partitions", Help: "Partitions that the cluster's brokers answered with an error."}},
	}
}

func (c *Cluster) rows() []row { return append(c.ownRows(), c.Fetch.rows()...) }

func (c *Cluster) ownRows() []row {
	return []row{
		{&c.Reachable, Metric{Name: "reachable", Kind: Gauge, Unit: "0 or 1", Help: "1 while the cluster can be asked for its metadata."}},
		{&c.Requests, Metric{Name: "requests", Unit: "requests", Help: "Produce requests sent to the cluster's brokers."}},
		{&c.Batches, Metric{Name: "batches", Unit: "batches", Help: "Record batches sent to the cluster's brokers."}},
		{&c.Records, Metric{Name: "records", Unit: "records", Help: "Records in those batches, as their headers say."}},
		{&c.Bytes, Metric{Name: "bytes", Unit: "bytes", Help: "Length of those batches, as the client sent them."}},
		{&c.Failed, Metric{Name: "failed_batches", Unit: "batches", Help: "Batches answered with an error, whether they were sent or not."}},
		{&c.InFlightBatches, Metric{Name: "in_flight_batches", Kind: Gauge, Unit: "batches", Help: "Batches queued or sent, not yet answered."}},
		{&c.InFlightBytes, Metric{
			Name: "in_flight_bytes", Kind: Gauge, Unit: "bytes", Help: "Length of the batches queued or sent, not yet answered.",
		}},
		{&c.QueuedBatches, Metric{Name: "queued_batches", Kind: Gauge, Unit: "batches", Help: "Batches that wait to be sent to their broker."}},
		{&c.BatchesPerRequest, Metric{
			Name: "batches_per_request", Kind: Histogram, Unit: "batches", Help: "Batches in one Produce request to a broker.",
		}},
		{&c.TimeInFilter, Metric{
			Name: "time_in_filter_us", Kind: Histogram, Unit: "microseconds", Help: "From when the cluster is given batches of a client until they are sent.",
		}},
		{&c.TimeUpstream, Metric{
			Name: "time_upstream_us", Kind: Histogram, Unit: "microseconds", Help: "From the sending of a Produce request to the broker's answer.",
		}},
		{&c.TimeTotal, Metric{
			Name: "time_total_us", Kind: Histogram, Unit: "microseconds",
			Help: "From when the cluster is given batches of a client until all of them have their results, sent or not.",
		}},
		{&c.ThrottleTime, Metric{
			Name: "throttle_time_ms", Unit: "milliseconds", Help: "Time for which brokers asked us to send less, because of their quotas.",
		}},
		{&c.Connections, Metric{Name: "connections", Kind: Gauge, Unit: "connections", Help: "Connections open to the cluster's brokers, for batches."}},
		{&c.Connects, Metric{Name: "connects", Unit: "attempts", Help: "Attempts to connect and log in to a broker that succeeded."}},
		{&c.ConnectFailures, Metric{
			Name: "connect_failures", Unit: "attempts", Help: "Attempts to reach a broker that failed, authentication included.",
		}},
		{&c.LoginFailures, Metric{Name: "login_failures", Unit: "attempts", Help: "Those of them that failed with the login."}},
		{&c.Identities, Metric{
			Name: "identities", Kind: Gauge, Unit: "identities", Rare: true,
			Help: "Identities that workers keep connections to the cluster for, where its identity says that clients have some; one for each worker.",
		}},
		{&c.IdentityRefusals, Metric{
			Name: "identity_refusals", Unit: "requests", Rare: true,
			Help: "Requests, or parts of them, that are refused because the cluster has no identity for the client.",
		}},
		{&c.MetadataRefreshes, Metric{Name: "metadata_refreshes", Unit: "requests", Help: "Metadata requests that the cluster answered."}},
		{&c.MetadataAge, Metric{
			Name: "metadata_age_seconds", Kind: Gauge, Level: true, Unit: "seconds", Help: "Since the cluster last answered a Metadata request; 0 before it has.",
		}},
		{&c.CertificateExpiry, Metric{
			Name: "certificate_expiry_seconds", Kind: Gauge, Level: true, Unit: "seconds",
			Help: "Until the first certificate ends, of our own and those that brokers have shown; 0 without TLS, or when it has ended.",
		}},
	}
}
