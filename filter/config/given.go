package config

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// given is what a producer_config or consumer_config holds, checked one by one.
type given struct {
	path   string            // of the map
	values map[string]string // by first name, written in one way
	names  map[string]string // as written, by first name
	paths  map[string]string // of those that another map holds, by first name
}

// at is the path of a property, as it was written if it was.
func (g *given) at(name string) string {
	if path, ok := g.paths[name]; ok {
		return path
	}
	if written, ok := g.names[name]; ok {
		name = written
	}
	return key(g.path, name)
}

// has says whether the property is given.
func (g *given) has(name string) bool { _, ok := g.values[name]; return ok }

// readProperties checks names and values. Values of unknown properties, and texts, never get into a message: they may be passwords.
func (c *Config) readProperties(bad *mistakes, path string, raw map[string]string) *given {
	g := &given{path: path, values: map[string]string{}, names: map[string]string{}, paths: map[string]string{}}
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		s, ok := specs()[name]
		if !ok {
			advice := unknownProperty(name, raw[name])
			bad.add(key(path, name), "%s", advice)
			for _, word := range strings.FieldsFunc(advice, notInName) { // what is to be written instead is not missing
				if _, known := specs()[word]; known {
					bad.spoil(key(path, word))
				}
			}
			continue
		}
		value, err := s.read(raw[name])
		if err != nil {
			bad.unreadable(key(path, name), "%v", err)
			continue
		}
		if other, twice := g.names[s.alias]; twice && g.values[s.alias] != value {
			bad.add(key(path, name), "is another name of %s, which has a different value; keep one of them", other)
			continue
		}
		if _, twice := g.names[s.alias]; !twice || name == s.alias {
			g.names[s.alias] = name
		}
		g.values[s.alias] = value
	}
	return g
}

func notInName(r rune) bool { return r != '.' && r != '_' && !unicode.IsLetter(r) }

// producerConfig reads producer_config into cl.
func (c *Config) producerConfig(bad *mistakes, cl *Cluster, path string, raw map[string]string) *given {
	g := c.readProperties(bad, path, raw)
	table := treatments()
	for _, name := range slices.Sorted(maps.Keys(g.values)) {
		s, t, value := specs()[name], table[name], g.values[name]
		switch {
		case name == "metadata.broker.list":
			c.sameServers(bad, cl, g.at(name), value)
		case s.who == "C":
			c.warn(g.at(name), "has no effect: it is for consumers")
		default:
			c.treat(bad, cl, g.at(name), t, value != s.fallback, value)
		}
	}
	if g.has("topic.metadata.refresh.interval.ms") && !g.has("metadata.max.age.ms") && cl.MetadataRefreshInterval > 0 {
		cl.MetadataMaxAge = ageOfRefreshes * cl.MetadataRefreshInterval
	}
	if longest := cl.RequestTimeout / 2; cl.Linger > longest {
		c.warn(g.at("queue.buffering.max.ms"), "is more than half of request.timeout.ms; batches wait %v at most", longest)
		cl.Linger = longest
	}
	if cl.ReconnectBackoffMax > 0 && cl.ReconnectBackoff > cl.ReconnectBackoffMax {
		bad.add(g.at("reconnect.backoff.max.ms"), "is less than reconnect.backoff.ms; write at least as much")
	}
	return g
}

// treat does with the property at path what is to become of it. changed says that its value is not librdkafka's default.
func (c *Config) treat(bad *mistakes, cl *Cluster, path string, t treatment, changed bool, value string) {
	switch {
	case t.refused != "" && changed:
		bad.add(path, "%s", t.refused)
	case t.apply != nil:
		if err := t.apply(cl, value); err != nil {
			bad.add(path, "%v", err)
		}
	case t.ignored != "" && changed:
		c.warn(path, "%s", t.ignored)
	}
}

// sameServers sees that bootstrap.servers says what bootstrap_servers does.
func (c *Config) sameServers(bad *mistakes, cl *Cluster, path, list string) {
	var ignored mistakes
	scratch := &Config{}
	servers, _ := scratch.bootstrapServers(&ignored, path, list)
	if ignored.err() != nil || !slices.Equal(slices.Sorted(slices.Values(servers)), slices.Sorted(slices.Values(cl.BootstrapServers))) {
		bad.add(path, "differs from the cluster's bootstrap_servers; remove it")
	}
}
