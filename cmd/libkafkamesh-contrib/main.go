// libkafkamesh-contrib is Kafka mesh for Envoy's contrib image, as a plugin of the filter envoy.filters.network.golang:
//
//	go build -buildmode=c-shared -o libkafkamesh-contrib.so ./cmd/libkafkamesh-contrib
//
// docs/configuration.md has Envoy's configuration for it.
package main

import (
	_ "github.com/envoyproxy/envoy/contrib/golang/common/go/api_impl" // Envoy's log

	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/contrib"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/saramaclient"
)

func init() { contrib.Register(saramaclient.New) }

func main() {} // not run: Envoy loads the library
