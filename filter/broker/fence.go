package broker

import (
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/target"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// offsetRetention is how long a cluster keeps offsets that a group at home elsewhere commits, if nothing else is configured.
const offsetRetention = 365 * 24 * time.Hour

// fence has the home of a group say whether its client may commit.
type fence struct {
	call    *Call
	home    Brokers
	request *kmsg.OffsetCommitRequest
}

const (
	heartbeatVersion      = 4
	describeGroupsVersion = 5
)

// check calls then with why the client may not commit, None if it may, and with when the home has said so.
func (f *fence) check(then func(code wire.ErrorCode, at time.Time)) {
	asked := time.Now()
	g := groupRequest{brokers: f.home, group: f.request.Group, harmless: true, send: onOwn(f.call, f.home, groupTime)}
	if f.request.Generation >= 0 || f.request.MemberID != "" || f.request.InstanceID != nil {
		beat := kmsg.NewPtrHeartbeatRequest()
		beat.Group, beat.Generation = f.request.Group, f.request.Generation
		beat.MemberID, beat.InstanceID = f.request.MemberID, f.request.InstanceID
		g.request, g.most, g.code = beat, heartbeatVersion, heartbeatCode
	} else {
		describe := kmsg.NewPtrDescribeGroupsRequest()
		describe.Groups = []string{f.request.Group}
		g.request, g.most, g.code = describe, describeGroupsVersion, membersCode
	}
	g.ask(func(_ kmsg.Response, code wire.ErrorCode) {
		if code == wire.RebalanceInProgress { // the member is right, and commits before it joins again
			code = wire.None
		}
		then(code, saidAt(asked))
	})
}

// saidAt is when what is answered now was said. An answer that comes later than any is waited for, as when this process was paused, may be
// as old as its question.
func saidAt(asked time.Time) time.Time {
	if now := time.Now(); now.Sub(asked) <= groupTime {
		return now
	}
	return asked
}

// membersCode is what is told to somebody who commits and is no member: an error if there are members.
func membersCode(r kmsg.Response) wire.ErrorCode {
	said := r.(*kmsg.DescribeGroupsResponse).Groups //nolint:forcetypeassert // as the request is
	switch {
	case len(said) == 0:
		return wire.UnknownServerError
	case wire.ErrorCode(said[0].ErrorCode) == wire.GroupIDNotFound:
		return wire.None
	case said[0].ErrorCode == 0 && len(said[0].Members) > 0:
		return wire.UnknownMemberID
	default:
		return wire.ErrorCode(said[0].ErrorCode)
	}
}

// lateness finds out that a commit could not be sent soon enough after its check.
type lateness struct {
	until time.Time
	found atomic.Bool
}

func newLateness(checked time.Time) *lateness { return &lateness{until: checked.Add(fenceAge)} }

// still reports whether it is early enough.
func (l *lateness) still() bool {
	early := time.Now().Before(l.until)
	if !early {
		l.found.Store(true)
	}
	return early
}

// is reports whether it was too late once.
func (l *lateness) is() bool { return l.found.Load() }

// onOwn sends on connections of the client's own, unless it is too late then.
func (l *lateness) onOwn(c *Call, b Brokers) sender {
	return func(to target.Broker, request kmsg.Request, most int16, done func(kmsg.Response, error)) {
		c.Client.ownOf(b).CallIf(to, request, most, groupTime, l.still, done)
	}
}

// retention is how long a cluster is to keep what a group at home elsewhere commits, in milliseconds.
func (u Upstream) retention(r *kmsg.OffsetCommitRequest) int64 {
	switch {
	case r.RetentionTimeMillis >= 0: // the client says so
		return r.RetentionTimeMillis
	case u.OffsetRetention > 0:
		return u.OffsetRetention.Milliseconds()
	default:
		return offsetRetention.Milliseconds()
	}
}
