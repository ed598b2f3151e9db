// Package manifests checks the YAML that we show, and what kustomize and Helm make of it, without a cluster: tier 0.
//
// A manifest is a document of Kubernetes'. Each is read as an API server does that is told to be strict (command strict, in this folder).
// What Envoy Gateway and Istio are to hand to Envoy is lifted out of EnvoyPatchPolicies and EnvoyFilters into a configuration that the real
// Envoy validates, with the module in it; so are whole configurations in ConfigMaps. Every kind of file has somebody who checks it, and
// each of them is shown copies with one field too many, at every place, and has to refuse them.
//
// What takes a server (values of Kubernetes' own enumerations, say) is tier 1's.
package manifests
