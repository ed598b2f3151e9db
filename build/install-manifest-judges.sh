#!/usr/bin/env bash
# install-manifest-judges.sh
#
# Puts into .cache/judges what reads manifests as a cluster does, and prints the folder: in bin an API server of Kubernetes, its etcd,
# istioctl and egctl, which have Istio's and Envoy Gateway's own code, and in crds what install-manifest-checkers.sh does not have: the
# definitions of PodMonitor, and of Strimzi's resources. Those are made by Strimzi's program: without a Java of 21 or later they are left out.
#
# The versions are those of build/tools/*/go.mod. All is compiled from Go modules, in a quarter of an hour on two CPUs.
set -euo pipefail
cd "$(dirname "$0")/.."
. build/once.sh

dir=$PWD/.cache/judges
modules=(apiserver etcd istioctl egctl)
prometheus=github.com/prometheus-operator/prometheus-operator@v0.93.1
strimzi=1.2.0

install() {
	need go
	compile "$1" etcd go.etcd.io/etcd/server/v3
	# A server that does not know its own version calls itself 0.0.0.
	compile "$1" kube-apiserver k8s.io/kubernetes/cmd/kube-apiserver "-X k8s.io/component-base/version.gitVersion=$(required apiserver k8s.io/kubernetes)"
	compile "$1" egctl github.com/envoyproxy/gateway/cmd/egctl
	compile "$1" istioctl istio.io/istio/istioctl/cmd/istioctl
	mkdir "$1/crds"
	local operator
	operator=$(go mod download -json $prometheus | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p' | grep .) || fail "go cannot download $prometheus"
	cp "$operator/example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml" "$1/crds/prometheus.yaml"
	chmod -R u+w "$1/crds"
	if [ -n "$java" ]; then define "$1"; fi
}

compile() { # DIR NAME PACKAGE [LDFLAGS]
	local module=${2#kube-}
	CGO_ENABLED=0 GOFLAGS='' quietly go build -C "build/tools/$module" -trimpath -ldflags "-s -w ${4-}" -o "$1/bin/$2" "$3" || fail "go cannot compile $2"
	"$1/bin/$2" --help >/dev/null 2>&1 || fail "$2 does not run here"
}

required() { # MODULE OTHER: the version of the other module that it requires
	go list -C "build/tools/$1" -m -f '{{.Version}}' "$2" || fail "build/tools/$1/go.mod does not require $2"
}

# define DIR: the definitions of Strimzi's resources that the examples use.
define() {
	local kind
	need mvn
	quietly mvn --quiet --batch-mode -Dstyle.color=never -f build/strimzi/pom.xml -Dstrimzi.version=$strimzi \
		dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$1/strimzi" || fail "Maven cannot fetch Strimzi $strimzi"
	for kind in kafka.Kafka nodepool.KafkaNodePool user.KafkaUser; do
		quietly "$java" -cp "$1/strimzi/*" io.strimzi.crdgenerator.CrdGenerator --target-kube 1.36+ --crd-api-version v1 --yaml \
			"io.strimzi.api.kafka.model.$kind=$1/crds/strimzi-${kind#*.}.yaml" || fail "Strimzi's program does not define $kind"
	done
	rm -r "$1/strimzi"
}

java21() {
	local java version
	for java in java /usr/lib/jvm/*/bin/java; do
		version=$("$java" --version 2>/dev/null | sed -n '1s/^[^0-9]*\([0-9]*\).*/\1/p')
		if [ "${version:-0}" -ge 21 ]; then
			echo "$java"
			return
		fi
	done
}

java=$(java21)
once "$dir" "$(for m in "${modules[@]}"; do cat "build/tools/$m"/go.{mod,sum}; done | cksum) $prometheus ${java:+strimzi $strimzi}" install
echo "$dir"
