package demo

import _ "embed"

// Config is the mesh in front of the clusters, as `kafkamesh serve` reads it.
//
//go:embed mesh.yaml
var Config string
