package status

import "time"

// Group is a consumer group that clients have to do with.
type Group struct {
	ID       string        `json:"id"`
	Protocol GroupProtocol `json:"protocol,omitempty"`
	// Home is the cluster that the group lives on, and Coordinator the broker there that has its members, as far as that is known.
	Home        string `json:"home"`
	Coordinator string `json:"coordinator,omitempty"`
	// Members are those that are connected here. There may be others.
	Members int `json:"members"`
	// Rebalances is how often one of them, the one with most, has been assigned anew since it connected.
	Rebalances int `json:"rebalances"`
	// Commits are the clusters on which offsets were committed from here.
	Commits []string `json:"commits_on"`
	// Refused is how many commits were refused, and the rest is of the last of them; its Time is zero if there was none.
	Refused     int64         `json:"refused_commits"`
	LastRefused RefusedCommit `json:"last_refused_commit,omitzero"`
}

// GroupProtocol is by what a group's members are made.
type GroupProtocol string

// The protocols. A group without one has no members here, and offsets are committed.
const (
	Classic  GroupProtocol = "classic"
	Consumer GroupProtocol = "consumer"
)

// RefusedCommit is a commit that was refused.
type RefusedCommit struct {
	Time time.Time `json:"time"`
	// Cluster has refused it; empty: the mesh has.
	Cluster string `json:"cluster,omitempty"`
	// Code is Kafka's name for why, and Reason says more.
	Code   string `json:"code"`
	Reason string `json:"reason,omitempty"`
	// Client and ClientID are who has sent it.
	Client   string `json:"client"`
	ClientID string `json:"client_id,omitempty"`
}

// Throttled is somebody whom a rule of quotas holds back now, or did in the last minute.
type Throttled struct {
	Rule string `json:"rule"`
	// Principal is empty for those together for whom there was no allowance of their own.
	Principal string `json:"principal,omitempty"`
	// Limits are those that it was over: produce, fetch, requests.
	Limits []string  `json:"limits"`
	Since  time.Time `json:"since"`
	// Share is for which part of the time since it was held back, and WaitMillis for how long it is from now on.
	Share      float64 `json:"share_of_time"`
	WaitMillis int64   `json:"wait_ms"`
}

// LoginFailure is how many logins by a mechanism have failed for a reason.
type LoginFailure struct {
	Mechanism string `json:"mechanism"`
	Reason    string `json:"reason"`
	// Times is since the start, and Recent in the last ten minutes.
	Times  int64 `json:"times"`
	Recent int64 `json:"last_ten_minutes"`
}

// TLSFailure is how many handshakes of TLS with clients have failed for a reason.
type TLSFailure struct {
	Reason string `json:"reason"`
	Times  int64  `json:"times"`
	Recent int64  `json:"last_ten_minutes"`
}
