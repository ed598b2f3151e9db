// Package meshlab is a service mesh of Istio's kind in network namespaces: pods with an address each, the redirect of their packets to a
// sidecar, sidecars that insist on mutual TLS with SPIFFE certificates, and Apache Kafka behind them. Into it come Kafka mesh's ways to
// deploy, and what becomes of a producer is looked at.
//
// It is no Kubernetes and no Istio: a sidecar is a stock Envoy with the listeners and clusters that istiod gives one, as far as they matter
// here. `make mesh-lab` runs it, as root (its tests have the build tag onrequest); its log is what docs/istio.md tells.
//
// Where the next line goes: a pod and its packets, pod.go; certificates that are replaced, identity.go; what Envoys are told, sidecar.go and
// the templates in testdata; a cluster of Kafka in a pod, kafka_test.go; a producer, producer_test.go; what is shown, step by step,
// walk_test.go, the ways of deploying ways_test.go.
package meshlab
