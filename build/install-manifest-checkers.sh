#!/usr/bin/env bash
# install-manifest-checkers.sh
#
# Puts what checks Kubernetes' manifests into .cache/manifests, and prints the folder: helm and kustomize in bin, and in crds the
# definitions of the resources of Istio, the Gateway API and Envoy Gateway. All of it comes from Go modules.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

dir=$PWD/.cache/manifests
programs=(helm.sh/helm/v3/cmd/helm@v3.22.0 sigs.k8s.io/kustomize/kustomize/v5@v5.7.1) # kustomize 5.8 wants Go 1.27
istio=istio.io/api@v1.31.1
gateway=github.com/envoyproxy/gateway@v1.9.1 # brings the Gateway API 1.6.1, and runs Envoy 1.39

install() {
	need go
	local program
	for program in "${programs[@]}"; do
		GOBIN=$1/bin GOFLAGS='' quietly go install -trimpath -ldflags '-s -w' "$program" || fail "go cannot install $program"
	done
	"$1/bin/helm" version --short >/dev/null || fail "helm does not run here"
	mkdir "$1/crds"
	cp "$(module $istio)/kubernetes/customresourcedefinitions.gen.yaml" "$1/crds/istio.yaml"
	local charts
	charts=$(module $gateway)/charts/gateway-helm/charts/crds/crds
	cp "$charts/gatewayapi-crds.yaml" "$1/crds/gateway-api.yaml"
	cat "$charts"/generated/*.yaml >"$1/crds/envoy-gateway.yaml"
	chmod -R u+w "$1/crds"
}

module() { # VERSION: its folder
	go mod download -json "$1" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' | grep . || fail "go cannot download $1"
}

once "$dir" "${programs[*]} $istio $gateway" install
echo "$dir"
