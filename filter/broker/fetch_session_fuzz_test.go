package broker_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// FuzzFetchSession plays a client that has sessions, while what there is changes: whatever it asks for, in whatever order, it knows as much
// as one that sends full requests, and is given records and errors as often.
func FuzzFetchSession(f *testing.F) {
	f.Add(true, []byte("\x00\x11\x00\x25\x30\x00\x42\x00\x57\x61\x00\x10\x30\x00\x71\x00\x04\x14\x00\x34\x00\x94\x00\x00"))
	f.Add(false, []byte("\x50\x51\x52\x53\x00\x60\x00\x20\x00\x80\x00\x31\x00\x40\x00\x10\x00\x41\x42\x00\x60\x00\x62\x00\x00"))
	f.Fuzz(func(t *testing.T, byID bool, script []byte) {
		version := int16(11)
		if byID {
			version = 17
		}
		places := []string{"apples/0", "apples/1", "apples/2", "bananas/0"}
		m := &sessionModel{sessionReader: newSessionReader(t, version, 1<<20), knows: map[string]*wire.Fetched{}}
		for _, at := range places {
			m.is(at, 0, "")
		}
		m.ask(places...)
		for _, b := range script[:min(len(script), 200)] {
			m.play(b>>4, places[b&3])
		}
		m.ask()
	})
}

// sessionModel is a client that has a session, or begins one.
type sessionModel struct {
	*sessionReader

	id, epoch int32
	knows     map[string]*wire.Fetched // of what the session has
}

// play has something happen to a partition.
func (m *sessionModel) play(what byte, at string) {
	told := m.told[at]
	switch what {
	case 0:
		m.ask()
	case 1:
		m.is(at, told.HighWatermark+1, "")
	case 2:
		m.is(at, told.HighWatermark+1, "records")
	case 3:
		m.fails(at, wire.NotLeaderOrFollower)
	case 4:
		m.is(at, 9, "")
	case 5:
		m.ask("-" + at)
	case 6:
		m.ask(at + "@7")
	case 7:
		told.LogStartOffset++
		m.told[at] = told
	case 8: // nothing is known here
		delete(m.told, at)
	case 9: // an answer has been lost
		m.epoch++
	}
}

// ask goes on with the session, or begins one, and compares what the client knows then with what there is.
func (m *sessionModel) ask(changes ...string) {
	m.t.Helper()
	for _, change := range changes {
		at, _, _ := strings.Cut(change, "@")
		if forgotten, forgets := strings.CutPrefix(at, "-"); forgets {
			delete(m.knows, forgotten)
		} else if m.knows[at] == nil {
			m.knows[at] = &wire.Fetched{HighWatermark: -1, LogStartOffset: -1}
		}
	}
	if m.epoch == 0 {
		changes = slices.Sorted(maps.Keys(m.knows))
	}
	r := m.fetch(m.id, m.epoch, changes...)
	if r.ErrorCode != 0 {
		m.id, m.epoch = 0, 0
		m.ask()
		return
	}
	given := m.learn(r)
	if m.epoch++; r.SessionID == 0 {
		m.epoch = 0
	}
	m.id = r.SessionID
	for at, knows := range m.knows {
		is, known := m.told[at]
		if known && (is.Code != knows.Code || is.Code == wire.None && is.HighWatermark != knows.HighWatermark || is.Code == wire.None && is.LogStartOffset != knows.LogStartOffset) {
			m.t.Errorf("the client knows %+v of %s, and there is %+v", *knows, at, is)
		}
		if news := len(is.Records) > 0 || is.Code != wire.None; news != given[at] {
			m.t.Errorf("the client is given records or an error of %s: %t, want %t", at, given[at], news)
		}
	}
}

// learn takes an answer, and returns what there were records of, or errors.
func (m *sessionModel) learn(r *kmsg.FetchResponse) map[string]bool {
	given := map[string]bool{}
	for _, t := range r.Topics {
		name := t.Topic
		if t.TopicID != ([16]byte{}) {
			name = []string{"", "apples", "bananas"}[t.TopicID[0]]
		}
		for _, p := range t.Partitions {
			at := fmt.Sprintf("%s/%d", name, p.Partition)
			if m.knows[at] == nil {
				m.t.Errorf("told of %s, which is not of the session", at)
				continue
			}
			*m.knows[at] = wire.Fetched{Code: wire.ErrorCode(p.ErrorCode), HighWatermark: p.HighWatermark, LogStartOffset: p.LogStartOffset}
			given[at] = given[at] || len(p.RecordBatches) > 0 || p.ErrorCode != 0
		}
	}
	return given
}
