package filter

import (
	"fmt"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/broker"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/config"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/follower"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/login"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/logins"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/stats"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/status"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/guard"
)

// door is what clients log in at. Nil: they do not.
type door struct {
	server     *login.Server
	mechanisms *logins.Mechanisms
	logins     *broker.Logins
}

var _ logins.Server = (*door)(nil)

// openDoor has clients log in, if the configuration says so. It reads files, and asks nobody for keys.
func (f *Filter) openDoor() error {
	c := f.config.Logins
	if c == nil {
		return nil
	}
	caught := func(where string, reason any, _ []byte) { f.caught(reason, where) }
	settings := c.Settings
	settings.Told, settings.Caught, settings.Resting = f.toldOfLogins, caught, true
	server, err := login.New(settings)
	if err != nil {
		return fmt.Errorf("authentication: %w", err)
	}
	d := &door{server: server}
	d.mechanisms = logins.New(logins.Options{
		Server: d, Limiter: login.NewLimiter(login.LimiterSettings{}), Bare: c.Bare, Panics: &guard.Panics{Caught: caught},
	})
	d.logins = &broker.Logins{Mechanisms: d.mechanisms, Optional: c.Optional, Lifetime: c.Lifetime}
	f.door = d
	return nil
}

// Names implements logins.Server.
func (d *door) Names() []string { return d.server.Names() }

// Begin implements logins.Server.
//
//nolint:ireturn // logins.Server asks for it
func (d *door) Begin(mechanism string) (login.Exchange, bool) {
	return d.server.Begin(mechanism)
}

// follow has files and keys be read again when they change, or no longer: then logins are checked against what was read last.
func (d *door) follow(on bool) {
	switch {
	case d == nil:
	case on:
		d.server.Resume()
	default:
		d.server.Rest()
	}
}

// closeDoor waits for what is under way. Nobody logs in any more.
func (f *Filter) closeDoor() {
	if f.door == nil {
		return
	}
	f.door.mechanisms.Close()
	f.door.server.Close()
}

// policy says how clients log in; nil: they do not.
func (d *door) policy() *broker.Logins {
	if d == nil {
		return nil
	}
	return d.logins
}

// toldOfLogins logs what became of a file of users, or of keys.
func (f *Filter) toldOfLogins(r follower.Report) {
	log := f.options.Log
	switch {
	case r.Err != nil:
		log.Error("what clients' logins are checked against cannot be read; what was there before stays", "subject", string(r.Subject), "error", r.Err)
	case r.Warning != "":
		log.Warn("what clients' logins are checked against is not safe", "subject", string(r.Subject), "error", r.Warning)
	default:
		log.Info("what clients' logins are checked against was read", "subject", string(r.Subject), "count", r.Count)
	}
}

// namedBy is what clients are called by their certificates; nil: nothing.
func namedBy(by config.NamedBy) func(uri, dns, subject string) string {
	switch by {
	case config.NamedByURI:
		return func(uri, _, _ string) string { return uri }
	case config.NamedByDNS:
		return func(_, dns, _ string) string { return dns }
	case config.NamedBySubject:
		return func(_, _, subject string) string { return subject }
	default:
		return nil
	}
}

// loginMetrics adds those of logins to a scope.
func loginMetrics(c *config.Config, of *stats.Scope) {
	if c.Logins != nil {
		of.Mechanisms, of.LoginFailures = c.Logins.Settings.Mechanisms, logins.Failures()
	}
}

// logins are how many logins there were by each mechanism, and those by none.
func (f *Filter) logins() (list []status.Login) {
	if f.config.Logins == nil {
		return nil
	}
	for _, mechanism := range f.config.Logins.Settings.Mechanisms {
		list = append(list, loginStatus(mechanism, f.counts.Logins[mechanism]))
	}
	if other := loginStatus(stats.OtherMechanism, f.counts.Logins[""]); other.Failed > 0 {
		list = append(list, other)
	}
	return list
}

func loginStatus(mechanism string, of *stats.Login) status.Login {
	return status.Login{Mechanism: mechanism, Succeeded: of.Succeeded.Load(), Failed: of.FailedAll(), Renewed: of.Renewed.Load()}
}

// loginCounts are what logins are counted in, nil if there are none.
func loginCounts(c *config.Config, set *stats.Set) map[string]*stats.Login {
	if c.Logins == nil {
		return nil
	}
	counts := map[string]*stats.Login{"": set.Login(stats.OtherMechanism)}
	for _, mechanism := range c.Logins.Settings.Mechanisms {
		counts[mechanism] = set.Login(mechanism)
	}
	return counts
}
