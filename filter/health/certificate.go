package health

import (
	"crypto/tls"
	"net"
	"strings"
	"time"
)

// certificates is when certificates end, guarded by the mutex. Zero: never, or there is none.
type certificates struct {
	own     time.Time
	brokers map[string]time.Time // by address
}

// loadCertificate reads when our own certificate ends. It reads files.
func (c *Cluster) loadCertificate() {
	t := c.settings.Dial.TLS
	if t == nil {
		return
	}
	config, problems := t.Load("", time.Now())
	if len(config.Certificates) == 0 && len(problems) > 0 { // dialling says what is wrong, and uses what was there before
		return
	}
	var end time.Time
	for _, pair := range config.Certificates {
		if pair.Leaf != nil {
			end = first(end, pair.Leaf.NotAfter)
		}
	}
	c.locked(func() { c.own = end })
}

// sayStale says that connections are made with what was there before. The mutex is held.
func (c *Cluster) sayStale(err error) {
	if err != nil {
		c.warn("certificates or keys were replaced by what cannot be used; connecting with those from before", "",
			"error", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
}

// noteCertificate takes note of what a broker has shown. The mutex is held.
func (c *Cluster) noteCertificate(addr string, conn net.Conn) {
	encrypted, ok := conn.(interface{ ConnectionState() tls.ConnectionState })
	if !ok {
		return
	}
	shown := encrypted.ConnectionState()
	if len(shown.PeerCertificates) == 0 {
		return
	}
	end := shown.PeerCertificates[0].NotAfter
	if len(shown.VerifiedChains) > 0 {
		for _, certificate := range shown.VerifiedChains[0] {
			end = first(end, certificate.NotAfter)
		}
	}
	if c.certificates.brokers == nil {
		c.certificates.brokers = map[string]time.Time{}
	}
	c.certificates.brokers[addr] = end
}

// forgetCertificates forgets those of brokers that are no longer part of the cluster. The mutex is held.
func (c *Cluster) forgetCertificates() {
	for addr := range c.certificates.brokers {
		if !c.named(addr) {
			delete(c.certificates.brokers, addr)
		}
	}
}

// shown is when the first of the brokers' certificates ends. The mutex is held.
func (c *Cluster) shown() (end time.Time) {
	for _, at := range c.certificates.brokers {
		end = first(end, at)
	}
	return end
}

// first is the earlier of two times; zero is never.
func first(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
