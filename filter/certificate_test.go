package filter_test

import (
	"testing"
)

// A client is called what its certificate says, as far as the configuration wants that, and what it asks for is served without a login.
func TestCertified(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{
		"FROM_URI_SAN": "spiffe://mesh/orders", "FROM_DNS_SAN": "orders.example", "FROM_SUBJECT": "CN=orders",
	} {
		withMesh(t, twoClusters+"\nauthentication: {tls: {from: "+from+"}}\n", func(m *mesh) {
			c, nobody := m.connect(), m.connectFrom(0, "10.0.0.9:999")
			c.session.Certified("spiffe://mesh/orders", "orders.example", "CN=orders")
			nobody.session.Certified("", "", "")
			for _, client := range []*client{c, nobody} {
				client.session.Data(produce(1, "apples"))
				client.wantAnswers(1)
			}
			for _, client := range m.filter.Clients().Busiest {
				if of := map[string]string{"10.0.0.1:999": want}[client.Address]; client.Principal != of {
					t.Errorf("%s: %s is called %q, want %q", from, client.Address, client.Principal, of)
				}
			}
		})
	}
	withMesh(t, twoClusters, func(m *mesh) {
		c := m.connect()
		c.session.Certified("spiffe://mesh/orders", "orders.example", "CN=orders")
		if got := m.filter.Clients().Busiest[0].Principal; got != "" {
			t.Errorf("called %q though nobody asks for that", got)
		}
	})
}
