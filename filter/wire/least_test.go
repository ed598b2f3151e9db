package wire_test

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/wire"
)

// fields are the places in a request where something may stand: of lists, those of one element.
func fields(v reflect.Value, path string, each func(path string, field reflect.Value)) {
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		if name == "Version" || name == "UnknownTags" {
			continue
		}
		each(path+name, f)
		if f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct {
			before := reflect.ValueOf(f.Interface())
			one := reflect.New(f.Type().Elem())
			one.MethodByName("Default").Call(nil)
			f.Set(reflect.Append(reflect.MakeSlice(f.Type(), 0, 1), one.Elem()))
			fields(f.Index(0), path+name+".", each)
			f.Set(before)
		}
	}
}

// put puts in something that is no default.
func put(f reflect.Value) {
	switch f.Kind() { //nolint:exhaustive // fields of requests have no other types
	case reflect.Bool:
		f.SetBool(!f.Bool())
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		f.SetInt(7)
	case reflect.String:
		f.SetString("said")
	case reflect.Pointer:
		f.Set(reflect.New(f.Type().Elem()))
		put(f.Elem())
	case reflect.Slice:
		one := reflect.New(f.Type().Elem())
		if d := one.MethodByName("Default"); d.IsValid() {
			d.Call(nil)
		} else {
			put(one.Elem())
		}
		f.Set(reflect.Append(reflect.MakeSlice(f.Type(), 0, 1), one.Elem()))
	case reflect.Array:
		f.Index(0).SetUint(7)
	case reflect.Uint8:
		f.SetUint(7)
	}
}

// sentOn are the requests that go on to clusters for clients, with the oldest version that a cluster may get.
func sentOn() map[wire.APIKey]int16 {
	return map[wire.APIKey]int16{
		wire.KeyListOffsets: 1, wire.KeyOffsetCommit: 2, wire.KeyOffsetFetch: 1, wire.KeyJoinGroup: 2, wire.KeyHeartbeat: 0,
		wire.KeyLeaveGroup: 0, wire.KeySyncGroup: 0, wire.KeyDescribeGroups: 0, wire.KeyListGroups: 0, wire.KeyDeleteGroups: 0,
		wire.KeyOffsetDelete: 0, wire.KeyOffsetForLeaderEpoch: 0, wire.KeyConsumerGroupHeartbeat: 0, wire.KeyConsumerGroupDescribe: 0,
		wire.KeyCreateTopics: 2, wire.KeyDeleteTopics: 1, wire.KeyCreatePartitions: 0, wire.KeyDescribeConfigs: 1, wire.KeyAlterConfigs: 0,
		wire.KeyIncrementalAlterConfigs: 0, wire.KeyDeleteRecords: 0,
	}
}

// leftOut are the versions in which something that a request says is left out, though it may be written in them.
func leftOut(key wire.APIKey, oldest int16) (all []string) {
	request := kmsg.RequestForKey(int16(key))
	reflect.ValueOf(request).MethodByName("Default").Call(nil)
	fields(reflect.ValueOf(request).Elem(), "", func(path string, f reflect.Value) {
		before := reflect.New(f.Type()).Elem()
		before.Set(f)
		said := reflect.New(f.Type()).Elem()
		put(f)
		said.Set(f)
		least, versions := max(oldest, wire.Least(request)), []int16(nil)
		for version := least; version <= request.MaxVersion(); version++ {
			with := inVersion(request, version)
			f.Set(before)
			if string(with) == string(inVersion(request, version)) {
				versions = append(versions, version)
			}
			f.Set(said)
		}
		f.Set(before)
		if len(versions) > 0 {
			all = append(all, fmt.Sprintf("%s %s: %d to %d", kmsg.NameForKey(int16(key)), path, versions[0], versions[len(versions)-1]))
		}
	})
	return all
}

// notMissed are those that nobody misses, and why.
func notMissed() map[string]string {
	const (
		older   = "older versions say it elsewhere, and both places are filled in"
		newer   = "newer versions say it elsewhere, and both places are filled in"
		note    = "it is for logs, or for a check that a broker of that age does not make"
		unused  = "no client says it here"
		ignored = "it is as if nobody had asked, or asked of the answer here"
	)
	return map[string]string{
		"DeleteTopics TopicNames: 6 to 6": newer, "DeleteTopics Topics.Topic: 1 to 5": older, "DeleteTopics Topics: 1 to 5": older,
		"DeleteTopics Topics.TopicID: 1 to 5":                               "ids are made names here",
		"DescribeConfigs IncludeDocumentation: 1 to 2":                      ignored,
		"DescribeGroups IncludeAuthorizedOperations: 0 to 2":                ignored,
		"JoinGroup Reason: 2 to 7":                                          note,
		"LeaveGroup MemberID: 3 to 5":                                       newer,
		"LeaveGroup Members.Reason: 0 to 4":                                 note,
		"LeaveGroup Members: 0 to 2":                                        older,
		"ListGroups StatesFilter: 0 to 3":                                   ignored,
		"ListGroups TypesFilter: 0 to 4":                                    ignored,
		"ListOffsets TimeoutMillis: 1 to 9":                                 note,
		"ListOffsets Topics.Partitions.CurrentLeaderEpoch: 1 to 3":          note,
		"ListOffsets Topics.Partitions.MaxNumOffsets: 1 to 11":              unused,
		"OffsetCommit RetentionTimeMillis: 5 to 10":                         "package broker asks for versions that have it",
		"OffsetCommit Topics.Partitions.LeaderEpoch: 2 to 5":                note,
		"OffsetCommit Topics.Partitions.Timestamp: 2 to 10":                 unused,
		"OffsetCommit Topics.Topic: 10 to 10":                               "package broker asks for older versions",
		"OffsetCommit Topics.TopicID: 2 to 9":                               unused,
		"OffsetFetch Group: 8 to 10":                                        newer,
		"OffsetFetch Groups.Group: 2 to 7":                                  older,
		"OffsetFetch Groups.MemberEpoch: 2 to 8":                            "it is that of a member, which needs version 9",
		"OffsetFetch Groups.Topics.Partitions: 2 to 7":                      older,
		"OffsetFetch Groups.Topics.Topic: 2 to 10":                          older,
		"OffsetFetch Groups.Topics.TopicID: 2 to 9":                         unused,
		"OffsetFetch Groups.Topics: 2 to 7":                                 older,
		"OffsetFetch Groups: 2 to 7":                                        older,
		"OffsetFetch RequireStable: 2 to 6":                                 "clients that always ask for it do without, too",
		"OffsetFetch Topics.Partitions: 8 to 10":                            newer,
		"OffsetFetch Topics.Topic: 8 to 10":                                 newer,
		"OffsetFetch Topics: 8 to 10":                                       newer,
		"OffsetForLeaderEpoch ReplicaID: 0 to 2":                            unused,
		"OffsetForLeaderEpoch Topics.Partitions.CurrentLeaderEpoch: 0 to 1": note,
		"SyncGroup Protocol: 0 to 4":                                        note,
		"SyncGroup ProtocolType: 0 to 4":                                    note,
	}
}

// What a request says is in it in every version that it may be written in, or it is known here that nobody misses it.
func TestNothingIsLeftOut(t *testing.T) {
	t.Parallel()
	var got []string
	for key, oldest := range sentOn() {
		got = append(got, leftOut(key, oldest)...)
	}
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(notMissed())), got); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
}

func inVersion(r kmsg.Request, version int16) []byte {
	r.SetVersion(version)
	return r.AppendTo(nil)
}
