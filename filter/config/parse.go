package config

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	kafkameshv1 "github.com/kafkamesh/envoy-kafka-mesh/proto/kafkamesh/v1"
)

// maxSize is the largest configuration that is read, in bytes. Envoy has none; a file of this size is a mistake.
const maxSize = 16 << 20

// Parse reads what a host was given as configuration, checks it and returns it. It does not keep raw.
//
// raw is YAML or JSON text, or a KafkaMesh message (or a TypedStruct holding one) in protobuf's binary form: text is what
// is valid UTF-8 without control characters other than tab and line ends. Errors are as New's: one line for each mistake.
// They
// have line and column, unless the text is JSON in one line: no person has seen that.
//
// raw comes from whoever runs the proxy and is trusted: YAML aliases can make a small text large in memory.
func Parse(raw []byte) (*Config, error) {
	if len(raw) > maxSize {
		return nil, fmt.Errorf("the configuration has %d bytes; at most %d are read", len(raw), maxSize)
	}
	if len(raw) == 0 {
		return nil, errEmpty()
	}
	if isText(raw) {
		return parseText(raw)
	}
	if text, ok, err := typedStruct(raw); err != nil {
		return nil, err
	} else if ok {
		return parseText(text)
	}
	m := &kafkameshv1.KafkaMesh{}
	if err := proto.Unmarshal(raw, m); err != nil {
		return nil, errors.New("the configuration is neither UTF-8 text (YAML or JSON) nor a KafkaMesh message")
	}
	return New(m)
}

func errEmpty() error {
	return errors.New("the configuration is empty; write at least upstream_clusters and forwarding_rules")
}

func isText(raw []byte) bool {
	for _, b := range raw {
		if b < ' ' && b != '\t' && b != '\n' && b != '\r' || b == 0x7f {
			return false
		}
	}
	return utf8.Valid(raw)
}
