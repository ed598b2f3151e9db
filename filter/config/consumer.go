package config

import (
	"maps"
	"slices"
	"time"
)

// Fetches bounds what clients' fetches ask of a cluster. Zero fields leave it to the clients.
type Fetches struct {
	// MaxWait is the longest that a broker may wait for records.
	MaxWait time.Duration
	// MinBytes is how much a broker waits for at least.
	MinBytes int32
	// MaxBytes is the most that a broker may answer with, and MaxPartitionBytes the most of one partition. A batch is never divided.
	MaxBytes, MaxPartitionBytes int32
}

// Reasons that several properties share.
const (
	members     = "has no effect: each client says it for itself when it joins its group"
	ownOffsets  = "has no effect: each client commits its own offsets"
	readAhead   = "has no effect: nothing is read ahead, brokers are asked for what clients ask for"
	application = "has no effect: it is between a client and its application"
)

// consumerTreatments has every property that is for consumers, under its first name, and those of both that are another matter for consumers.
func consumerTreatments() map[string]treatment {
	return map[string]treatment{
		"fetch.max.bytes":         number(func(c *Cluster, n int64) { c.Fetches.MaxBytes = int32(max(n, 1)) }),
		"fetch.message.max.bytes": number(func(c *Cluster, n int64) { c.Fetches.MaxPartitionBytes = int32(n) }),
		"fetch.min.bytes":         number(func(c *Cluster, n int64) { c.Fetches.MinBytes = int32(n) }),
		"fetch.wait.max.ms":       ms(func(c *Cluster, d time.Duration) { c.Fetches.MaxWait = max(d, time.Millisecond) }),

		"group.id":                      {ignored: "has no effect: each client names its own group"},
		"group.instance.id":             {ignored: members},
		"group.protocol":                {ignored: members},
		"group.protocol.type":           {ignored: members},
		"group.remote.assignor":         {ignored: members},
		"partition.assignment.strategy": {ignored: members},
		"session.timeout.ms":            {ignored: members},
		"heartbeat.interval.ms":         {ignored: members},
		"max.poll.interval.ms":          {ignored: members},
		"coordinator.query.interval.ms": {ignored: "has no effect: a coordinator is asked for when one is lost, or denies that it is one"},
		"enable.auto.commit":            {ignored: ownOffsets},
		"auto.commit.enable":            {ignored: ownOffsets},
		"auto.commit.interval.ms":       {ignored: ownOffsets},
		"enable.auto.offset.store":      {ignored: ownOffsets},
		"offset.store.method":           {ignored: ownOffsets},
		"offset.store.path":             {ignored: ownOffsets},
		"offset.store.sync.interval.ms": {ignored: ownOffsets},
		"auto.offset.reset":             {ignored: "has no effect: each client says where it begins"},
		"isolation.level":               {ignored: "has no effect: each client says whether it reads what is not committed, and leaves out what was aborted"},
		"check.crcs":                    {ignored: "has no effect: batches are handed on whole, and checked by the clients"},
		"queued.min.messages":           {ignored: readAhead},
		"queued.max.messages.kbytes":    {ignored: readAhead},
		"fetch.queue.backoff.ms":        {ignored: readAhead},
		"fetch.error.backoff.ms":        {ignored: retries},
		"enable.partition.eof":          {ignored: application},
		"max.poll.records":              {ignored: application},
		"consume.callback.max.messages": {ignored: application},
		"share.acknowledgement.mode":    {ignored: application},
		"consume_cb":                    {refused: callback},
		"rebalance_cb":                  {refused: callback},
		"offset_commit_cb":              {refused: callback},

		"client.rack":              {ignored: "has no effect: records are fetched from the partitions' leaders"},
		"allow.auto.create.topics": {ignored: "has no effect: each client says whether a topic may be created; producer_config can forbid it to all"},
		"message.max.bytes":        {ignored: "has no effect: it is for producers"},
	}
}

// consumerConfig reads consumer_config into cl. producer is its producer_config, which gets a login that stands here alone.
func (c *Config) consumerConfig(bad *mistakes, cl *Cluster, producer *given, path string, raw map[string]string) {
	g := c.readProperties(bad, path, raw)
	table, both := consumerTreatments(), treatments()
	for _, name := range slices.Sorted(maps.Keys(g.values)) {
		s, value := specs()[name], g.values[name]
		t, forConsumers := table[name]
		if !forConsumers {
			t = both[name]
		}
		switch {
		case name == "metadata.broker.list":
			c.sameServers(bad, cl, g.at(name), value)
		case s.who == "P":
			c.warn(g.at(name), "has no effect: it is for producers")
		case t.security: // below
		case forConsumers || t.apply == nil:
			c.treat(bad, cl, g.at(name), t, value != s.fallback, value)
		case producer.has(name) && value != producer.values[name], !producer.has(name) && value != s.fallback:
			c.warn(g.at(name), "has no effect: producer_config says it for all connections to the cluster; write it there")
		}
	}
	shareSecurity(bad, producer, g)
}

// shareSecurity has consumers and producers log in to a cluster in the same way: as producer_config says, or else consumer_config.
func shareSecurity(bad *mistakes, producer, consumer *given) {
	table := treatments()
	security := func(name string) bool { return table[name].security }
	said := slices.ContainsFunc(slices.Collect(maps.Keys(producer.values)), security)
	for _, name := range slices.Sorted(maps.Keys(consumer.values)) {
		switch {
		case !security(name):
		case !said:
			producer.values[name], producer.paths[name] = consumer.values[name], consumer.at(name)
		case producer.values[name] != consumer.values[name]:
			bad.add(consumer.at(name), "differs from producer_config: a cluster has one login, for producers and consumers; remove it, or write the same there")
		}
	}
}
