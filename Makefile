# Everything that is slow to fetch goes to .cache/, everything that is built to build/out/; neither is in git.
ENVOY_VERSION := 1.39.3
OTHER_ENVOYS  := 1.38.3 1.40.0
KAFKA_VERSION := 4.3.1
OLDER_KAFKA   := 3.9.2

GO_TOOL := go tool -modfile=build/tools/go.mod
LINT    := go tool -modfile=build/tools/lint/go.mod golangci-lint
LDFLAGS := -s -w

.DEFAULT_GOAL := help

##@ Use
.PHONY: demo
demo: ## Envoy with our module in front of three embedded clusters; DEMO_KAFKA=real for Apache Kafka
	@build/demo.sh $(ENVOY_VERSION) $(KAFKA_VERSION)

.PHONY: build
build: build/out/libkafkamesh.so build/out/libkafkamesh-contrib.so build/out/kafkamesh ## the modules and the plain binary, in build/out/

.PHONY: build/out/libkafkamesh.so build/out/libkafkamesh-contrib.so build/out/kafkamesh
build/out/libkafkamesh.so build/out/libkafkamesh-contrib.so:
	CGO_ENABLED=1 go build -trimpath -buildmode=c-shared -ldflags '$(LDFLAGS)' -o $@ ./cmd/$(basename $(@F))
build/out/kafkamesh:
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o $@ ./cmd/kafkamesh
# Position-independent, as the modules are: what both are made of is compiled once.
.PHONY: build/out/demo
build/out/demo:
	CGO_ENABLED=1 go build -trimpath -buildmode=pie -ldflags '$(LDFLAGS)' -o $@ ./test/demo

.PHONY: release
release: ## archives for linux/amd64 and linux/arm64, with checksums, in build/out/release/
	build/release.sh

.PHONY: release-check
release-check: ## builds the release twice, from nothing, in two places: the same bytes (8 minutes)
	build/release-check.sh

##@ Test
.PHONY: test
test: ## every test; installs what it needs; says what it does, and how long that took
	@build/timed.sh 'all tests: a quarter of an hour on two CPUs, and what it takes to fetch Kafka and clients the first time' \
		$(MAKE) --no-print-directory fetch unit e2e

.PHONY: fetch
fetch:
	@build/timed.sh 'fetching what tests need into .cache/' $(MAKE) --no-print-directory envoy kafka clients checkers manifest-checkers krb5 nft prometheus chromium envoyhost

.PHONY: unit
unit: ## the tests that need Go and a C compiler only
	@build/timed.sh 'unit tests, under the race detector' go test -race ./cmd/... ./filter/... ./proto/... \
		./test/arch/... ./test/bench/... ./test/clock/... ./test/ledger/... ./test/rawkafka/...
	@build/timed.sh 'clients, mesh and clusters in fake time under faults' go test -count=1 ./test/simulation
	@build/timed.sh 'what reads manifests, a module of its own' go test -C test/manifests/strict ./...

.PHONY: e2e
e2e: build envoy envoyhost kafka clients checkers manifest-checkers krb5 nft prometheus chromium ## real Envoy, real Kafka, real clients
	@build/timed.sh 'tests with real Envoy, real Kafka and real clients' go test -count=1 -timeout 20m \
		./test/stack/... ./test/demo/... ./test/conformance/... ./test/robust/... ./test/envoyhost/... \
		./test/matrix/... ./test/metrics/... ./test/e2e/... ./test/alerts/... ./test/groups/... ./test/guide/... ./test/manifests/... ./test/redirect/... ./test/release/... ./test/secure/... ./test/soak/...
	@build/timed.sh 'TLS and logins to clusters, with Kafka $(OLDER_KAFKA)' env SECURE_KAFKA=$(OLDER_KAFKA) go test -count=1 -timeout 20m \
		-skip '^TestClients(LogIn|Renew)$$' ./test/secure # which are about no cluster
	@build/timed.sh 'a load under faults, alone: it measures what becomes of the load' go test -count=1 -timeout 20m ./test/chaos

.PHONY: matrix
matrix: build envoy kafka clients ## every client in every setting, against both Kafkas; writes docs/clients.md
	MATRIX=full MATRIX_KAFKA=$(KAFKA_VERSION) go test -count=1 -timeout 60m ./test/matrix -update
	MATRIX=full MATRIX_KAFKA=$(OLDER_KAFKA) go test -count=1 -timeout 60m ./test/matrix -update

.PHONY: test-tools
test-tools: build envoy kafka ## Kafka Streams, Connect, MirrorMaker 2, a schema registry and Kafka's commands through Envoy (five minutes)
	build/install-tools.sh >/dev/null
	go test -tags onrequest -count=1 -timeout 30m -v ./test/tools

SEEDS ?= 100000
.PHONY: simulate
simulate: ## clients, mesh and clusters in fake time under faults, SEEDS of them (100000: some minutes); SEED=n plays one again
	SEEDS=$(SEEDS) GROUP_SEEDS=$(SEEDS) go test -count=1 -timeout 10h -v -run '^Test(Simulation|Groups)$$' ./test/simulation

CHAOS_FAULTS ?= all
.PHONY: chaos
chaos: build envoy kafka clients ## a verified load under each fault; writes build/out/chaos.md (CHAOS_FAULTS, CHAOS_SEED, CHAOS_TIME)
	CHAOS_FAULTS='$(CHAOS_FAULTS)' go test -count=1 -timeout 12h -v ./test/chaos

SOAK_TIME ?= 2h
.PHONY: soak
soak: envoy kafka ## Envoy and the plain binary under a verified load for SOAK_TIME (2h), and what grows; SOAK_RACE=1 for races
	SOAK_TIME=$(SOAK_TIME) go test -count=1 -timeout 100h -v -run '^TestSoak$$' ./test/soak

CHURN ?= 100000
.PHONY: churn
churn: build envoy envoyhost ## many connections (CHURN) on every Envoy, and on the program that plays the contrib image's
	CHURN_CONNECTIONS=$(CHURN) go test -count=1 -timeout 60m -v -run '^TestChurnLeavesNothing$$' ./test/e2e
	CHURN_CONNECTIONS=$(CHURN) go test -count=1 -timeout 60m -v -run '^TestNothingIsFreedTooEarly$$' ./test/envoyhost

.PHONY: validate-manifests
validate-manifests: build envoy manifest-checkers ## every manifest, and copies with mistakes, put to an API server, Istio and Envoy Gateway (a minute; a quarter of an hour to compile them)
	@build/timed.sh "compiling Kubernetes' API server, istioctl and egctl into .cache/" build/install-manifest-judges.sh
	go test -tags onrequest -count=1 -timeout 20m -v -run 'Judges' ./test/manifests

.PHONY: mesh-lab
mesh-lab: build envoy kafka ## a service mesh of Istio's kind in network namespaces, and our ways to deploy in it (root; four minutes)
	build/install-nft.sh >/dev/null
	go test -tags onrequest -count=1 -timeout 20m -v ./test/meshlab

FUZZTIME ?= 30s
.PHONY: fuzz
fuzz: ## every fuzz test, FUZZTIME each (30s)
	build/fuzz.sh $(FUZZTIME)

##@ Measure
.PHONY: bench
bench: build bench-profile envoy kafka peers ## us, a direct connection and our peers in one run; writes docs/benchmarks (an hour; BENCH=-help)
	@build/install-plotter.sh >/dev/null
	go build -o build/out/bench ./test/bench
	build/out/bench -out docs/benchmarks $(BENCH)

.PHONY: bench-quick
bench-quick: build envoy ## the same in short, without peers: ratios alone (three minutes)
	@go build -o build/out/bench ./test/bench
	@build/out/bench -quick $(BENCH)

.PHONY: bench-before
bench-before: ## another commit of ours (COMMIT=...) into build/out/before, for BENCH='-before build/out/before'
	build/bench-before.sh '$(COMMIT)'

.PHONY: bench-micro
bench-micro: ## the hot code alone, six times, with its allocations
	go test -run '^$$' -bench . -count 6 ./filter/... | $(GO_TOOL) benchstat -

.PHONY: bench-profile
bench-profile: ## binaries with symbols in build/out/profile/ that serve Go's profiles at KAFKAMESH_PROFILE=HOST:PORT
	CGO_ENABLED=0 go build -tags profile -o build/out/profile/kafkamesh ./cmd/kafkamesh
	CGO_ENABLED=1 go build -tags profile -buildmode=c-shared -o build/out/profile/libkafkamesh.so ./cmd/libkafkamesh

.PHONY: peers
peers: ## the proxies that we are compared with, into .cache/; Shotover with SHOTOVER=1 (Rust, half an hour)
	@build/install-kroxylicious.sh 0.12.0 >/dev/null
	@build/install-kafka-proxy.sh 0.4.3 >/dev/null
	@if [ -n "$(SHOTOVER)" ]; then build/install-shotover.sh 0.7.4 >/dev/null; fi

##@ Check
.PHONY: check
check: generate tidy fmt lint dependencies ## generated code, go.mod, format, lint, licences and known vulnerabilities; fails when something changes a file
	@git diff --exit-code || { echo 'make check changed the files above: commit them' >&2; exit 1; }

.PHONY: lint
lint:
	$(LINT) run ./...
	cd test/manifests/strict && go tool -modfile=../../../build/tools/lint/go.mod golangci-lint run --config ../../../.golangci.yml ./...
	for tool in dashboard licences vuln; do \
		(cd build/tools/$$tool && go tool -modfile=../lint/go.mod golangci-lint run --config ../../../.golangci.yml ./...) || exit 1; done
	build/buf.sh lint
	CGO_ENABLED=1 go vet ./...

.PHONY: dependencies
dependencies: ## licences of all modules that we need, and known vulnerabilities of what we call of them (GOVULNDB)
	cd build/tools/licences && go test ./... && go build -o ../../out/licences .
	build/out/licences ./...
	cd build/tools/vuln && go test -count=1 ./...
	build/vuln.sh

.PHONY: fmt
fmt: ## gofumpt and import order
	$(LINT) fmt ./...

.PHONY: generate
generate: ## Go code from proto/ and from Kafka's message definitions; Grafana's dashboard
	build/buf.sh generate
	go generate ./filter/wire
	cd build/tools/dashboard && go run . ../../../examples/grafana/dashboard.json

.PHONY: tidy
tidy:
	go mod tidy
	cd build/tools && go mod tidy
	cd build/tools/lint && go mod tidy
	cd build/tools/sbom && go mod tidy
	cd test/manifests/strict && go mod tidy
	cd build/tools/dashboard && go mod tidy
	cd build/tools/licences && go mod tidy
	cd build/tools/vuln && go mod tidy

##@ Fetch
.PHONY: envoy
envoy: ## the pinned Envoy, and an older and a newer one, into .cache/
	@for version in $(ENVOY_VERSION) $(OTHER_ENVOYS); do build/install-envoy.sh $$version >/dev/null || exit 1; done

.PHONY: envoyhost
envoyhost: ## the program that plays Envoy's contrib image, into .cache/; without a C++ compiler its tests are left out
	@if command -v g++ >/dev/null; then build/compile-envoyhost.sh >/dev/null; fi

.PHONY: kafka
kafka: ## the pinned Apache Kafka, and an older one, into .cache/
	@build/install-kafka.sh $(KAFKA_VERSION) >/dev/null
	@build/install-kafka.sh $(OLDER_KAFKA) >/dev/null

.PHONY: clients
clients: ## the clients of the tests, into .cache/
	@build/install-clients.sh >/dev/null

.PHONY: checkers
checkers: ## what checks our Dockerfile and compose file, into .cache/
	@build/install-checkers.sh >/dev/null

.PHONY: prometheus
prometheus: ## Prometheus and promtool for the tests, into .cache/; without apt-get their tests are left out
	@if command -v apt-get >/dev/null; then build/install-prometheus.sh >/dev/null; fi

.PHONY: chromium
chromium: ## a headless browser for the tests, into .cache/; without apt-get its tests are left out
	@if command -v apt-get >/dev/null; then build/install-chromium.sh >/dev/null; fi

.PHONY: manifest-checkers
manifest-checkers: ## what checks Kubernetes' manifests, into .cache/
	@build/install-manifest-checkers.sh >/dev/null

.PHONY: krb5
krb5: ## a Kerberos server for the tests, into .cache/; without apt-get its test is left out
	@if command -v apt-get >/dev/null; then build/install-krb5.sh >/dev/null; fi

.PHONY: nft
nft: ## what writes the kernel's rules for packets, for the tests, into .cache/; without apt-get they are left out
	@if command -v apt-get >/dev/null; then build/install-nft.sh >/dev/null; fi

.PHONY: clean
clean: ## what was built; .cache/ stays
	rm -rf build/out

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
