//go:build profile

package main

import _ "github.com/kafkamesh/envoy-kafka-mesh/cmd/internal/profile"
