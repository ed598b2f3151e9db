// Package manifests checks the YAML that we show, and what kustomize and Helm make of it, without a cluster: tiers 0 and 1.
//
// A manifest is a document of Kubernetes'. Each is read as an API server does that is told to be strict (command strict, in this folder).
// What Envoy Gateway and Istio are to hand to Envoy is lifted out of EnvoyPatchPolicies and EnvoyFilters into a configuration that the real
// Envoy validates, with the module in it; so are whole configurations in ConfigMaps. Every kind of file has somebody who checks it, and
// each of them is shown copies with one field too many, at every place, and has to refuse them.
//
// Tier 1 is what a cluster's own programs say, which take long to compile: they have the build tag onrequest. An API server of
// Kubernetes is told to take each manifest in a dry run (apply_test.go; server_test.go starts it), istioctl validates what is Istio's
// (istio_test.go), and egctl makes of a Gateway what Envoy Gateway would tell its Envoys (gateway_test.go). Each is shown copies with mistakes
// as well (judged_test.go). `make validate-manifests` runs it.
package manifests
