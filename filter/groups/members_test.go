package groups_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/groups"
)

// The members that were heard of last are remembered, and what they come to is bounded, whatever it is that they are large by.
func TestMembersAreBounded(t *testing.T) {
	t.Parallel()
	const mebibyte = 1 << 20
	text := func() *string { return new(strings.Repeat("x", mebibyte)) }
	for name, large := range map[string]func() *groups.Member{
		"names": func() *groups.Member {
			return &groups.Member{Subscription: groups.Subscription{Names: []string{*text()}}}
		},
		"regex":    func() *groups.Member { return &groups.Member{Subscription: groups.Subscription{Regex: *text()}} },
		"instance": func() *groups.Member { return &groups.Member{Subscription: groups.Subscription{Instance: text()}} },
		"rack":     func() *groups.Member { return &groups.Member{Subscription: groups.Subscription{Rack: text()}} },
		"assignor": func() *groups.Member { return &groups.Member{Subscription: groups.Subscription{Assignor: text()}} },
		"owned": func() *groups.Member {
			return &groups.Member{Owned: []groups.Assigned{{Partitions: make([]int32, mebibyte/4)}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			areBounded(t, large)
		})
	}
}

// areBounded keeps members of one mebibyte.
func areBounded(t *testing.T, large func() *groups.Member) {
	t.Helper()
	var m groups.Members
	key := func(i int) groups.Key { return groups.Key{Group: "g", Member: strconv.Itoa(i)} }
	const many = 100
	for i := range many {
		m.Keep(key(i), large())
		m.Find(key(0))
	}
	found := 0
	for i := range many {
		if m.Find(key(i)) != nil {
			found++
		}
	}
	if found == 0 || found > 32 || m.Find(key(0)) == nil || m.Find(key(many-1)) == nil || m.Find(key(1)) != nil {
		t.Errorf("%d of %d members of 1 MiB are remembered; want up to 32, the ones heard of last", found, many)
	}
	m.Forget(key(0))
	m.Forget(key(0))
	if m.Find(key(0)) != nil {
		t.Error("one that is to be forgotten is remembered")
	}
}

// TestHammerMembers has goroutines remember and forget the same members: what is found is whole.
func TestHammerMembers(t *testing.T) {
	t.Parallel()
	var m groups.Members
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 5000 {
				k := groups.Key{Group: "g", Member: strconv.Itoa(i % 7)}
				switch (i + n) % 3 {
				case 0:
					m.Keep(k, &groups.Member{Told: groups.Epochs{"c1": int32(i), "c2": 1}})
				case 1:
					m.Forget(k)
				default:
					if found := m.Find(k); found != nil {
						if _, ok := found.EpochsOf(found.Told["c1"] + 1); !ok {
							t.Errorf("found %+v, half of it another's", found)
						}
					}
				}
			}
		})
	}
	all.Wait()
}

func TestEpochsOf(t *testing.T) {
	t.Parallel()
	m := &groups.Member{Told: groups.Epochs{"a": 3, "b": 4}, Before: groups.Epochs{"a": 3, "b": 2}}
	for _, tt := range []struct {
		name  string
		m     *groups.Member
		epoch int32
		want  groups.Epochs
	}{
		{"told last", m, 7, m.Told},
		{"told before", m, 5, m.Before},
		{"never told", m, 6, nil},
		{"not known", nil, 7, nil},
		{"asked", &groups.Member{Asked: true}, 0, nil},
	} {
		got, ok := tt.m.EpochsOf(tt.epoch)
		if got.Sum() != tt.want.Sum() || ok != (tt.want != nil) {
			t.Errorf("%s: EpochsOf(%d) = %v, %t; want %v", tt.name, tt.epoch, got, ok, tt.want)
		}
	}
}
