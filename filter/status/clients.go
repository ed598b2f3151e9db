package status

import "time"

// Clients is what is known of a mesh's clients.
type Clients struct {
	// Connected is how many there are, and Total how many there have been.
	Connected int64 `json:"connected"`
	Total     int64 `json:"total"`
	// Software is what they call themselves, with the most connections first.
	Software []Software `json:"software"`
	// Logins are those by each mechanism that clients may log in by. Empty: they do not.
	Logins []Login `json:"logins,omitempty"`
	// LoginFailures and TLSFailures say why logins, and handshakes of TLS, have failed in the last ten minutes.
	LoginFailures []LoginFailure `json:"login_failures,omitempty"`
	TLSFailures   []TLSFailure   `json:"tls_failures,omitempty"`
	// Groups are consumer groups, those first that somebody should look at, and MoreGroups is how many more there are.
	Groups     []Group `json:"groups"`
	MoreGroups int     `json:"more_groups"`
	// Throttled are those whom quotas hold back, most first, and MoreThrottled is how many more there are.
	Throttled     []Throttled `json:"throttled"`
	MoreThrottled int         `json:"more_throttled"`
	// Busiest are those that sent most in the last minute, the busiest first.
	Busiest []Client `json:"busiest"`
	// Unmatched are topics that no rule matches, the last asked for first.
	Unmatched []Unmatched `json:"unmatched_topics"`
	// Closings are connections that we ended for a reason, the last first.
	Closings []Closing `json:"closings"`
	// Refusals are what is not served and was asked for, the last first.
	Refusals []Refusal `json:"refusals"`
}

// Software is what clients call themselves in ApiVersions (KIP-511).
type Software struct {
	Name string `json:"name"`
	// Connected is how many connections there are of it, and Total how many there have been.
	Connected int64 `json:"connected"`
	Total     int64 `json:"total"`
	// Requests and Bytes are what those that are connected have sent.
	Requests int64 `json:"requests"`
	Bytes    int64 `json:"bytes"`
}

// Login is the logins by one mechanism.
type Login struct {
	Mechanism string `json:"mechanism"`
	// Succeeded and Failed are how many did, and Renewed how many were of clients that were logged in already.
	Succeeded int64 `json:"succeeded"`
	Failed    int64 `json:"failed"`
	Renewed   int64 `json:"renewed"`
}

// Client is a client's connection.
type Client struct {
	Address  string `json:"address"`
	ID       string `json:"client_id,omitempty"`
	Software string `json:"software,omitempty"`
	// Principal is who the client has proved to be, if it has.
	Principal string    `json:"principal,omitempty"`
	Since     time.Time `json:"since"`
	// Requests and Bytes are what it has sent. How much in a second is of a minute or two if somebody looks as often, else since it
	// connected, or somebody last looked.
	Requests          int64   `json:"requests"`
	Bytes             int64   `json:"bytes"`
	RequestsPerSecond float64 `json:"requests_per_second"`
	BytesPerSecond    float64 `json:"bytes_per_second"`
}

// Unmatched is a topic that no rule matches.
type Unmatched struct {
	Topic string `json:"topic"`
	// Client, ClientID and Software are who asked last.
	Client   string    `json:"client"`
	ClientID string    `json:"client_id,omitempty"`
	Software string    `json:"software,omitempty"`
	Times    int64     `json:"times"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

// Closing is a connection that we ended.
type Closing struct {
	Time     time.Time `json:"time"`
	Client   string    `json:"client"`
	ClientID string    `json:"client_id,omitempty"`
	Software string    `json:"software,omitempty"`
	// Kind is the reason as metrics name it, and Reason its words.
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

// Refusal is what is not served: consumers, administrators, logins, transactions.
type Refusal struct {
	Kind string `json:"kind"`
	// API is what was asked for last.
	API string `json:"api"`
	// Client, ClientID and Software are who asked last.
	Client   string    `json:"client"`
	ClientID string    `json:"client_id,omitempty"`
	Software string    `json:"software,omitempty"`
	Times    int64     `json:"times"`
	Last     time.Time `json:"last"`
}
