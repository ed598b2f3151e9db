package config

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Defaults of producer_config, librdkafka's but for client.id.
const (
	defaultClientID        = "kafkamesh"
	defaultRequestTimeout  = 30 * time.Second
	defaultMetadataMaxAge  = 15 * time.Minute
	defaultMetadataRefresh = 5 * time.Minute
	// ageOfRefreshes is how many refresh intervals metadata is believed when only the interval is given.
	ageOfRefreshes = 3
)

// Ranges of producer_config in milliseconds, librdkafka's.
const (
	maxRequestTimeoutMs  = 900_000
	maxLingerMs          = 900_000
	maxMetadataAgeMs     = 86_400_000
	maxMetadataRefreshMs = 3_600_000
)

// property is one librdkafka property that producer_config can hold.
type property struct {
	name  string
	alias string // another name of it in librdkafka, or ""
	// set reads the value into the cluster. The error says what to write.
	set func(*Cluster, string) error
	// noEffect is the reason why a value other than the default changes nothing, or "".
	noEffect string
}

// properties returns all that are supported, by name.
func properties() []property {
	return []property{
		{name: "acks", alias: "request.required.acks", set: setAcks},
		{name: "client.id", set: setClientID},
		{
			name: "linger.ms", alias: "queue.buffering.max.ms", set: setLinger,
			noEffect: "has no effect in this release: batches do not wait for company yet",
		},
		{name: "metadata.max.age.ms", set: func(c *Cluster, v string) (err error) {
			c.MetadataMaxAge, err = milliseconds(v, 1, maxMetadataAgeMs)
			return err
		}},
		{name: "request.timeout.ms", set: func(c *Cluster, v string) (err error) {
			c.RequestTimeout, err = milliseconds(v, 1, maxRequestTimeoutMs)
			return err
		}},
		{name: "topic.metadata.refresh.interval.ms", set: func(c *Cluster, v string) (err error) {
			d, err := milliseconds(v, -1, maxMetadataRefreshMs)
			c.MetadataRefreshInterval = max(d, 0) // −1 is off, and so is 0
			return err
		}},
	}
}

// newCluster returns a cluster without producer_config.
func newCluster() Cluster {
	return Cluster{
		ClientID:                defaultClientID,
		RequestTimeout:          defaultRequestTimeout,
		MetadataMaxAge:          defaultMetadataMaxAge,
		MetadataRefreshInterval: defaultMetadataRefresh,
	}
}

// producerConfig reads producer_config into cl. Values of properties that are not known never get into a message: they
// may be passwords.
func (c *Config) producerConfig(bad *mistakes, cl *Cluster, path string, given map[string]string) {
	known := properties()
	names := make(map[string]bool)
	for _, p := range known {
		names[p.name], names[p.alias] = true, true
		c.property(bad, cl, path, p, given)
	}
	for _, k := range slices.Sorted(maps.Keys(given)) {
		if !names[k] || k == "" {
			bad.add(key(path, k), "%s", unsupported(k, known))
		}
	}
	_, ageGiven := given["metadata.max.age.ms"]
	if _, ok := given["topic.metadata.refresh.interval.ms"]; ok && !ageGiven && cl.MetadataRefreshInterval > 0 {
		cl.MetadataMaxAge = ageOfRefreshes * cl.MetadataRefreshInterval
	}
}

// property sets p if it is given, under its name, its alias or both.
func (c *Config) property(bad *mistakes, cl *Cluster, path string, p property, given map[string]string) {
	before := *cl
	for _, name := range []string{p.name, p.alias} {
		value, ok := given[name]
		if !ok || name == "" {
			continue
		}
		next := before
		if err := p.set(&next, value); err != nil {
			bad.add(key(path, name), "%v", err)
			continue
		}
		if _, both := given[p.name]; both && name == p.alias && !reflect.DeepEqual(next, *cl) {
			bad.add(key(path, name), "is another name of %s, which has a different value; keep one of them", p.name)
			continue
		}
		*cl = next
		if p.noEffect != "" && !reflect.DeepEqual(next, before) {
			c.warn(key(path, name), "%s", p.noEffect)
		}
	}
}

// unsupported says what to do about a property that is not in known.
func unsupported(name string, known []property) string {
	if name == "bootstrap.servers" || name == "metadata.broker.list" {
		return "remove it; the brokers are in the cluster's bootstrap_servers"
	}
	var words, supported []string
	for _, p := range known {
		words = append(words, p.name)
		supported = append(supported, p.name)
		if p.alias != "" {
			words = append(words, p.alias)
		}
	}
	if n := nearest(name, words); n != "" {
		return "unknown property; did you mean " + n + "?"
	}
	return "not supported yet; remove it (supported: " + strings.Join(supported, ", ") + ")"
}

func setAcks(c *Cluster, v string) error {
	switch v {
	case "all", "-1":
		c.Acks = AcksAll
	case "0":
		c.Acks = AcksNone
	case "1":
		c.Acks = AcksLeader
	default:
		return fmt.Errorf("%s is not allowed; write all, -1, 0 or 1", quote(v))
	}
	return nil
}

func setClientID(c *Cluster, v string) error {
	switch {
	case v == "":
		return errors.New("is empty; write a name, or remove it")
	case len(v) > math.MaxInt16:
		return fmt.Errorf("has %d bytes; write at most %d", len(v), math.MaxInt16)
	}
	c.ClientID = v
	return nil
}

// setLinger reads the one property that need not be whole milliseconds.
func setLinger(c *Cluster, v string) error {
	ms, err := strconv.ParseFloat(v, 64)
	if err != nil || !isDecimal(v) || ms < 0 || ms > maxLingerMs {
		return fmt.Errorf("%s is not allowed; write milliseconds from 0 to %d", quote(v), maxLingerMs)
	}
	c.Linger = time.Duration(math.Round(ms * float64(time.Millisecond)))
	return nil
}

// milliseconds reads a whole number of milliseconds.
func milliseconds(v string, low, high int64) (time.Duration, error) {
	ms, err := strconv.ParseInt(v, 10, 64)
	if err != nil || strconv.FormatInt(ms, 10) != v || ms < low || ms > high {
		return 0, fmt.Errorf("%s is not allowed; write whole milliseconds from %d to %d", quote(v), low, high)
	}
	return time.Duration(ms) * time.Millisecond, nil
}

// isDecimal tells whether v is made of digits and at most one dot, which excludes hexadecimal, infinity and the like.
func isDecimal(v string) bool {
	whole, fraction, dot := strings.Cut(v, ".")
	return isDigits(whole) && (!dot || isDigits(fraction))
}
