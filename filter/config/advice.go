package config

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/kafkamesh/envoy-kafka-mesh/filter/config/tree"
	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

func known(d protoreflect.MessageDescriptor, name string) bool { return fieldOf(d, name) != nil }

// knows tells whether n is a mapping with a field of d.
func knows(d protoreflect.MessageDescriptor, n *tree.Node) bool {
	return n.Kind == tree.Map && slices.ContainsFunc(n.Fields, func(f tree.Field) bool { return known(d, f.Name) })
}

// aFile is the name of a file with certificates, and nothing else.
var aFile = regexp.MustCompile(`^/[A-Za-z0-9._/-]+\.(pem|crt|cer|cert|chain)$`)

// instead says what belongs where n stands, which is no mapping.
func instead(n *tree.Node, d protoreflect.MessageDescriptor, path string) string {
	wrong := "must be " + expected(d) + ", not " + kindOf(n)
	switch {
	case d.FullName() == fullName(&kafkameshv1.Tls{}) && n.Kind == tree.Bool && n.On:
		return "write {} for TLS with the system's authorities, or a mapping with the fields " + strings.Join(fieldNames(d), ", ")
	case n.Kind == tree.Bool && !n.On:
		return wrong + "; remove it if it is to be off"
	case n.Kind == tree.Bool && isSwitch(d):
		return wrong + "; write {} to have it on"
	case n.Kind == tree.List && len(n.Items) == 1 && knows(d, n.Items[0]):
		return wrong + "; remove the dash before its fields"
	case n.Kind == tree.Text && hasMain(d):
		return wrong + "; write {" + fieldNames(d)[0] + ": …} for that alone"
	case !isDataSource(d) || n.Kind == tree.List || n.Kind == tree.Map:
		return wrong
	}
	switch field := path[strings.LastIndexByte(path, '.')+1:]; {
	case strings.Contains(n.Text, "-----BEGIN"):
		return wrong + "; write inline_string: before it"
	case aFile.MatchString(n.Text) && (field == "ca" || field == "certificate" || field == "crl"):
		return wrong + "; write {filename: " + quote(n.Text) + "}"
	case field == "ca" || field == "certificate" || field == "crl" || field == "key" || field == "keystore":
		return wrong + "; write {filename: PATH} for a file"
	default:
		return wrong + "; write {inline_string: …} for the value itself"
	}
}

// isSwitch tells whether a message that has fields says something with nothing in it, too.
func isSwitch(d protoreflect.MessageDescriptor) bool {
	switch d.FullName() {
	case fullName(&kafkameshv1.Authentication_Sasl_Scram{}),
		fullName(&kafkameshv1.OAuth_Aws{}), fullName(&kafkameshv1.OAuth_Google{}), fullName(&kafkameshv1.OAuth_Azure{}):
		return true
	default:
		return false
	}
}

// hasMain tells whether a message's first field is what people mean who write a text in its place.
func hasMain(d protoreflect.MessageDescriptor) bool {
	switch d.FullName() {
	case fullName(&kafkameshv1.Admin{}), fullName(&kafkameshv1.AccessLog{}), fullName(&kafkameshv1.OpenTelemetry{}),
		fullName(&kafkameshv1.ProxyProtocol{}), fullName(&kafkameshv1.Administration{}):
		return true
	default:
		return false
	}
}

// unknown says what to do about a field that the message d at path does not have. in is all of the message.
func (s *shaper) unknown(path string, f tree.Field, d protoreflect.MessageDescriptor, in *tree.Node) {
	name := beforeValue(f.Name)
	text := "unknown field" + shownName(f, d)
	suggested := similar(name, fieldNames(d))
	if foreign[name] != "" && suggested == "listen_tls" { // where to listen is meant, and not how
		suggested = ""
	}
	given := suggested != "" && (in.Field(suggested) != nil || in.Field(fieldOf(d, suggested).JSONName()) != nil)
	switch {
	case known(d, name): // with a value behind it
		suggested = fieldOf(d, name).TextName()
		text = "a space is missing behind the colon of " + suggested
	case given:
		text += "; " + suggested + " is given too, remove this"
	case suggested != "":
		text += "; did you mean " + suggested + "?"
	default:
		where, spoilt := s.belongs(path, name, d, f.Position)
		s.bad.spoil(spoilt)
		switch {
		case where != "":
			text += "; " + where
		default:
			text += "; remove it (fields: " + strings.Join(fieldNames(d), ", ") + ")"
		}
	}
	if suggested != "" && !given {
		s.bad.spoil(join(path, suggested))
		s.place(join(path, suggested), f.Position)
	}
	s.bad.list = append(s.bad.list, &Remark{f.Line, f.Column, path, text})
}

// foreign are fields that people look for here and that belong elsewhere.
//
//nolint:gochecknoglobals // a table
var foreign = map[string]string{
	"listen":         "the address to listen on is Envoy's listener's, or --listen of kafkamesh serve",
	"listener":       "the address to listen on is Envoy's listener's, or --listen of kafkamesh serve",
	"port":           "clients are told advertised_port; the port to listen on is Envoy's listener's, or --listen of kafkamesh serve",
	"stat_prefix":    "metrics are named by metrics_namespace of dynamic_module_config; remove it",
	"filter_name":    "it belongs beside filter_config, in Envoy's configuration",
	"filter_config":  "what is in it belongs here, without it",
	"value":          "what is in it belongs here, without it",
	"typed_config":   "what is in it belongs here, without it",
	"static_cluster": "it is not the filter's",
	"direct":         "brokers are connected to directly unless dial says something else; remove it",
}

// belongs says where a field belongs that is known elsewhere, or is empty. spoilt is the path of which nothing more is to be said.
func (s *shaper) belongs(path, name string, d protoreflect.MessageDescriptor, at tree.Position) (advice, spoilt string) {
	if text, ok := foreign[name]; ok {
		return text, "?"
	}
	if name == "authorization" && d.FullName() == fullName(&kafkameshv1.Header{}) {
		return "write {name: authorization, value: …}", "?"
	}
	for _, place := range placesNear(path) {
		if !known(place.message, name) {
			continue
		}
		where := s.nearestPlace(place.path, at)
		if there := s.node(where); there.Field(name) != nil {
			return "it is given in " + where + " too, remove this", "?"
		}
		if strings.HasPrefix(where, path) && where != path {
			return "it belongs into " + where + ": indent it", join(where, fieldOf(place.message, name).TextName())
		}
		if where == "" {
			return "it belongs to the top: write it without indentation", name
		}
		return "it belongs into " + where, join(where, fieldOf(place.message, name).TextName())
	}
	if _, ok := specs()[name]; ok && !isSecret(d) {
		if known(d, "producer_config") {
			return "it is a property of librdkafka's, which belongs into producer_config: indent it", "?"
		}
		return "it is a property of librdkafka's, which belongs into producer_config of a cluster", "?"
	}
	return "", "?"
}

// node is what stands at a path that nearestPlace has made, or nil.
func (s *shaper) node(path string) *tree.Node {
	n := s.root
	for name := range strings.SplitSeq(path, ".") {
		list, i, ok := strings.Cut(strings.TrimSuffix(name, "]"), "[")
		if n = n.Field(list); !ok || n == nil {
			continue
		}
		number, err := strconv.Atoi(i)
		if err != nil || number >= len(n.Items) {
			return nil
		}
		n = n.Items[number]
	}
	return n
}

type fieldPlace struct {
	path    string // upstream_clusters[] stands for one of its elements
	message protoreflect.MessageDescriptor
}

// fieldPlaces are all messages of a configuration with their paths, the outer ones first.
func fieldPlaces() []fieldPlace {
	all := []fieldPlace{{"", (&kafkameshv1.KafkaMesh{}).ProtoReflect().Descriptor()}}
	for i := 0; i < len(all); i++ {
		fields := all[i].message.Fields()
		for j := range fields.Len() {
			f := fields.Get(j)
			if f.Message() == nil || f.IsMap() || isDataSource(f.Message()) {
				continue
			}
			path := join(all[i].path, f.TextName())
			if f.IsList() {
				path += "[]"
			}
			all = append(all, fieldPlace{path, f.Message()})
		}
	}
	return all
}

// placesNear are fieldPlaces with those first that are in the same field of the configuration as path.
func placesNear(path string) []fieldPlace {
	all := fieldPlaces()
	slices.SortStableFunc(all, func(a, b fieldPlace) int { return apart(a.path, path) - apart(b.path, path) })
	return all
}

func apart(a, b string) int {
	a, _, _ = strings.Cut(a, "[")
	b, _, _ = strings.Cut(b, "[")
	if a, _, _ = strings.Cut(a, "."); a == "" || strings.HasPrefix(b, a) {
		return 0
	}
	return 1
}

// nearestPlace puts the index of the last element before at into path.
func (s *shaper) nearestPlace(path string, at tree.Position) string {
	list, rest, ok := strings.Cut(path, "[]")
	if !ok {
		return path
	}
	n, i := s.root.Field(list), 0
	switch {
	case n == nil || len(n.Items) == 0:
		return list + "[0]" + rest
	case at.Line == 0 && len(n.Items) > 1: // nobody knows which
		return list + "[…]" + rest
	}
	for j, item := range n.Items {
		if item.Line <= at.Line {
			i = j
		}
	}
	return index(list, i) + rest
}

// words are synonyms that no likeness finds.
//
//nolint:gochecknoglobals // a table
var synonyms = map[string][]string{
	"brokers": {"bootstrap_servers"}, "hosts": {"bootstrap_servers"}, "servers": {"bootstrap_servers"}, "upstreams": {"upstream_clusters"},
	"routes": {"forwarding_rules"}, "rules": {"forwarding_rules"}, "clusters": {"upstream_clusters"}, "cluster": {"upstream_clusters"},
	"groups": {"group_rules"}, "groupcluster": {"default_group_cluster"}, "operation": {"operations"}, "consumergroup": {"group_prefix"},
	"user": {"username", "principals"}, "cert": {"certificate"}, "cafile": {"ca"}, "ssl": {"tls"}, "file": {"filename", "path"},
	"path": {"filename", "socket"}, "filename": {"path"}, "env": {"environment_variable"}, "prefix": {"topic_prefix", "group_prefix"}, "topicprefix": {"group_prefix"}, "partitions": {"partition_count"},
	"dns": {"dns_server"}, "resolver": {"dns_server"}, "pipe": {"socket"}, "unix": {"socket"}, "alpnprotocols": {"alpn"}, "sans": {"spiffe_ids"}, "subjectaltnames": {"spiffe_ids"},
	"matchtypedsubjectaltnames": {"spiffe_ids"}, "sni": {"server_name"},
	"throttle": {"quotas"}, "throttling": {"quotas"}, "ratelimit": {"quotas"}, "ratelimits": {"quotas"}, "producerbyterate": {"produce_bytes_per_second"}, "producebyterate": {"produce_bytes_per_second"},
	"consumerbyterate": {"fetch_bytes_per_second"}, "fetchbyterate": {"fetch_bytes_per_second"}, "clientid": {"client_ids"},
	"url": {"endpoint", "token_url"}, "otlp": {"open_telemetry"}, "otel": {"open_telemetry"},
	"acls": {"authorization"}, "acl": {"authorization"}, "rbac": {"authorization"}, "users": {"principals"}, "who": {"principals"}, "subjects": {"principals"},
	"action": {"effect"}, "permission": {"effect", "operations"}, "transactions": {"transactional_ids"}, "consumergroups": {"groups", "group_rules"},
}

// similar is the known name that a wrong one is meant for, as far as one can tell, or empty: a slip, a synonym, or words of it alone.
func similar(wrong string, names []string) string {
	if n := Nearest(wrong, names); n != "" {
		return n
	}
	for _, n := range synonyms[plain(wrong)] {
		if slices.Contains(names, n) {
			return n
		}
	}
	found := ""
	for _, name := range names {
		if !hasWords(splitWords(name), splitWords(wrong)) {
			continue
		}
		if found != "" {
			return ""
		}
		found = name
	}
	return found
}

func splitWords(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// hasWords tells whether all of some words, in the singular or the plural, are in all.
func hasWords(all, some []string) bool {
	for _, w := range some {
		if !slices.ContainsFunc(all, func(a string) bool { return strings.TrimSuffix(a, "s") == strings.TrimSuffix(strings.ToLower(w), "s") }) {
			return false
		}
	}
	return len(some) > 0
}

// effects say what the values of an enumeration do, where their names do not.
//
//nolint:gochecknoglobals // a table
var effects = map[string]string{
	"UNMATCHED_TOPIC_UNKNOWN_TOPIC_OR_PARTITION": "most clients try again for a minute",
	"UNMATCHED_TOPIC_INVALID_TOPIC_EXCEPTION":    "clients give up at once, as over a name that cannot be",
	"ACCESS_NONE":        "nothing is allowed",
	"ACCESS_READ":        "looking is allowed, which is the default",
	"ACCESS_CREATE":      "topics can be created, too",
	"ACCESS_ALL":         "also altering and deleting",
	"EFFECT_ALLOW":       "what matches may be done",
	"EFFECT_DENY":        "what matches may not be done",
	"READINESS_ALL":      "every cluster has to be reachable",
	"READINESS_ANY":      "one cluster has to be reachable",
	"VERIFICATION_CHAIN": "who signed a certificate is looked at, its name is not",
	"VERIFICATION_NONE":  "whoever answers is believed",
}

// enumAdvice says what to write in place of a value that an enumeration does not have.
func enumAdvice(wrong string, d protoreflect.EnumDescriptor) string {
	var names, short []string
	unspecified := ""
	for i := range d.Values().Len() {
		name := string(d.Values().Get(i).Name())
		if before, ok := strings.CutSuffix(name, "UNSPECIFIED"); ok {
			unspecified = before
			continue
		}
		names = append(names, name)
	}
	for _, name := range names {
		short = append(short, strings.TrimPrefix(name, unspecified))
	}
	if near := Nearest(wrong, append(slices.Clone(short), names...)); near != "" {
		return "did you mean " + unspecified + strings.TrimPrefix(near, unspecified) + "?"
	}
	required := slices.Contains([]protoreflect.FullName{
		kafkameshv1.Sasl_Mechanism(0).Descriptor().FullName(), kafkameshv1.AuthorizationRule_Effect(0).Descriptor().FullName(),
		kafkameshv1.AuthorizationRule_Operation(0).Descriptor().FullName(), kafkameshv1.Authentication_Tls_From(0).Descriptor().FullName(),
	}, d.FullName())
	if d.FullName() == kafkameshv1.UnmatchedTopic(0).Descriptor().FullName() && plain(wrong) == "topicauthorizationfailed" {
		return "remove it: that is what clients are told without it"
	}
	for i, name := range names {
		if effects[name] != "" {
			names[i] += " (" + effects[name] + ")"
		}
	}
	if !required {
		names = append(names, "remove it")
	}
	names[0] = "write " + names[0]
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// bounds are those of a field that is a whole number.
func bounds(f protoreflect.FieldDescriptor) (low, high int64) {
	switch f.TextName() {
	case "advertised_port":
		return 1, maxPort
	case "connections_per_broker":
		return 1, maxConnections
	case "offset_retention_days":
		return 1, maxRetentionDays
	case "max_request_bytes":
		return minRequestBytes, maxRequestBytes
	case "max_in_flight_requests_per_connection":
		return 1, maxConnectionRequests
	case "max_in_flight_bytes_per_connection":
		return minConnectionBytes, maxBytes
	case "max_in_flight_bytes_per_worker":
		return minWorkerBytes, maxBytes
	case "partial_request_timeout_ms":
		return minPartialTimeoutMs, maxPartialTimeoutMs
	case "produce_bytes_per_second", "fetch_bytes_per_second":
		return 1, maxBytes
	case "requests_per_second":
		return 1, maxRequestsPerSecond
	case "burst_seconds":
		return 1, maxBurstSeconds
	case "slower_than_ms":
		return 1, math.MaxInt32
	case "max_reauth_ms":
		return minReauthMs, math.MaxInt32
	case "clock_skew_ms":
		return 1, maxClockSkewMs
	case "lifetime_ms":
		return minAssertionMs, maxAssertionMs
	case "early_ms":
		return 0, maxAssertionMs
	case "interval_ms":
		return minExportMs, maxExportMs
	default:
		return 0, math.MaxInt32
	}
}
