// Command libkafkamesh is Kafka mesh as a dynamic module of Envoy:
//
//	go build -buildmode=c-shared -o build/out/libkafkamesh.so ./cmd/libkafkamesh
//
// Envoy finds it in the folder that ENVOY_DYNAMIC_MODULES_SEARCH_PATH names, under the module name kafkamesh.
package main

import (
	"github.com/kafkamesh/envoy-kafka-mesh/filter/host/dynamic"
	"github.com/kafkamesh/envoy-kafka-mesh/filter/upstream/saramaclient"
)

// Envoy's first call finds the module registered: nothing calls main in a shared library.
func init() { dynamic.Register(saramaclient.New) }

func main() {}
