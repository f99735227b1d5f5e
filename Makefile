# `make help` lists the targets.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

TOOL := go tool -modfile=internal/tools/go.mod
ALL_GO_MODULES := . $(wildcard third_party/*/) cmd/otelcol-ociapm internal/tools packaging test/benchmark test/load

# Static binaries, without paths of the build machine.
export CGO_ENABLED ?= 0
GO_BUILD := go build -trimpath -ldflags="-s -w"
APMCTL_BUILD = go build -trimpath -ldflags="-s -w -X main.version=$(VERSION)$(addprefix +,$(COMMIT))"

# Settings of bench-processors. The heap of a benchmark is much smaller than a collector's:
# with the default settings, most of the measured time would be garbage collection.
BENCH_GOGC := 400
BENCH_TIME := 100000x
BENCH_COUNT := 6

# builder-config.yaml has the version, and the parts of Prometheus that are left out.
export VERSION := $(shell sed -n 's/^  version: //p' builder-config.yaml)
export BUILD_TAGS := $(shell sed -n 's/^  build_tags: //p' builder-config.yaml)

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z][a-z0-9-]*:.*## / {printf "  %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Build

.PHONY: build
build: ## Build bin/otelcol-ociapm, bin/apmsandbox and bin/apmctl
	@echo "building bin/otelcol-ociapm (the first build takes some minutes)"
	@cd cmd/otelcol-ociapm && $(GO_BUILD) -tags=$(BUILD_TAGS) -o ../../bin/otelcol-ociapm .
	@$(GO_BUILD) -o bin/apmsandbox ./cmd/apmsandbox
	@$(APMCTL_BUILD) -o bin/apmctl ./cmd/apmctl

.PHONY: run
run: build ## Build and start the collector, with a local sandbox unless APM_ENDPOINT is set
	@scripts/run.sh $(RUN_ARGS)

.PHONY: demo
demo: build .venv/stayeasy ## Start the collector, the sandbox, and StayEasy with steady traffic (needs Python 3)
	@scripts/demo.sh

CONSOLE := internal/sandbox/apm/console

$(CONSOLE)/node_modules: $(CONSOLE)/package-lock.json
	cd $(CONSOLE) && npm ci --silent --no-fund --no-audit
	@touch $@

.venv/stayeasy: examples/stayeasy/requirements.txt examples/stayeasy/constraints.txt
.venv/oracle: examples/stayeasy/requirements-oracle.txt examples/stayeasy/requirements.txt examples/stayeasy/constraints.txt
# An environment without its packages would count as made.
.venv/stayeasy .venv/oracle:
	python3 -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check --requirement $< || { rm -rf $@; exit 1; }
	@touch $@

.PHONY: console
console: $(CONSOLE)/node_modules ## Build the sandbox's console from its TypeScript (needs Node)
	cd $(CONSOLE) && npm run --silent build

.PHONY: generate
generate: ## Write all generated files
	go generate ./...
	$(TOOL) builder --config=builder-config.yaml --skip-compilation --skip-strict-versioning=false
	gofmt -w cmd/otelcol-ociapm
	sed -i 's/run(set)/run(prepare(set))/; s/otelcol.NewCommand(params)/newCommand(params)/' cmd/otelcol-ociapm/main.go
	deploy/generate.sh

.PHONY: tidy
tidy: ## Run go mod tidy in every module
	@for module in $(ALL_GO_MODULES); do (cd $$module && go mod tidy); done

.PHONY: fmt
fmt: ## Format all Go code
	$(TOOL) golangci-lint fmt ./...

.PHONY: clean
clean: ## Remove the built files, and the queue of make run
	rm -rf bin dist .run

##@ Test

.PHONY: test
test: build ## Run unit and end-to-end tests (needs Go, make and git)
	go test -count=1 -parallel=8 ./...
	cd cmd/otelcol-ociapm && go test -count=1 ./alerts
	cd test/benchmark && go test -count=1 ./...
	cd test/load && go test -count=1 ./...
	cd packaging && go test -count=1 ./...

.PHONY: test-race
test-race: ## Run unit tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -count=1 -race -short -parallel=8 $$(go list ./... | grep -v /test/)
	cd packaging && CGO_ENABLED=1 go test -count=1 -race ./...

.PHONY: lint
lint: ## Lint all Go code, and test the linter's import rules
	$(TOOL) golangci-lint run ./...
	cd packaging && go tool -modfile=../internal/tools/go.mod golangci-lint run ./...
	cd test/benchmark && go tool -modfile=../../internal/tools/go.mod golangci-lint run ./...
	cd test/load && go tool -modfile=../../internal/tools/go.mod golangci-lint run ./...
	go test -count=1 -tags=lint ./test/lint

KUBE_SCORE_VERSION := v1.20.0
CHECKOV_VERSION := 3.3.30

.venv/checkov:
	python3 -m venv $@
	$@/bin/pip install --quiet --disable-pip-version-check checkov==$(CHECKOV_VERSION) || { rm -rf $@; exit 1; }

.PHONY: lint-chart
lint-chart: .venv/checkov ## Lint what the Helm chart renders with kube-score and checkov (needs Python 3)
	cd test/kubernetes/tools && go build -trimpath -o $(CURDIR)/bin/helm helm.sh/helm/v4/cmd/helm
	GOBIN=$(CURDIR)/bin go install github.com/zegl/kube-score/cmd/kube-score@$(KUBE_SCORE_VERSION)
	PATH="$(CURDIR)/bin:$(CURDIR)/.venv/checkov/bin:$$PATH" go test -count=1 -tags=kubernetes -run=TestChartLinters -v ./test/kubernetes

.PHONY: check-generated
check-generated: generate tidy ## Fail if a generated file is not current
	@git diff --exit-code --stat || { echo "generated files differ from the repository: run 'make generate tidy' and commit the result"; exit 1; }
	@test -z "$$(git status --porcelain)" || { git status --short; echo "generated files are missing from the repository: commit them"; exit 1; }

.PHONY: check-console
check-console: console ## Check the console's source, and fail if its built files are not current
	cd $(CONSOLE) && npm run --silent check
	@git diff --exit-code --stat -- $(CONSOLE) && test -z "$$(git status --porcelain -- $(CONSOLE))" || \
		{ git status --short -- $(CONSOLE); echo "built files differ from the repository: run 'make console' and commit the result"; exit 1; }

.PHONY: check-bench
check-bench: ## Fail if handling a span costs more than the baseline; UPDATE=-update writes it
	cd test/load && go run ./guard $(UPDATE)

.PHONY: test-apps
test-apps: build ## Run real apps against the built binaries (test/README.md lists its requirements)
	go test -count=1 -tags=apps -timeout=30m -parallel=2 -v ./test/apps/...

.PHONY: captures
captures: ## Renew the spans captured from real instrumentations, CASES="…" for some (needs what their README lists)
	dbspanenricherprocessor/testdata/capture/run.sh .cache/captures $(CASES)
	go test -count=1 -run='TestGolden|TestReadme' ./dbspanenricherprocessor ./peerserviceprocessor -update
	go test -count=1 ./dbspanenricherprocessor ./peerserviceprocessor

.PHONY: test-delivery
test-delivery: build ## Compare accepted and delivered spans during failures; short form; DELIVERY=-update writes its table
	go test -count=1 -tags=delivery -timeout=20m -v ./test/delivery/... $(DELIVERY)

.PHONY: test-delivery-long
test-delivery-long: build ## Run the long form, which also writes the table in test/README.md
	go test -count=1 -tags=delivery -timeout=90m -v ./test/delivery/... -long -update

.PHONY: test-tiers
test-tiers: build ## Kill parts of gateways and compare accepted and delivered spans (needs Java and Maven)
	go test -count=1 -tags=tiers -timeout=20m -v ./test/tiers/...

# The first run builds Kubernetes, which takes some minutes, and keeps it in K8S_HOME.
.PHONY: test-kubernetes
test-kubernetes: image ## Test manifests and chart on a real Kubernetes node (needs root on Debian, cgroup v1)
	test/kubernetes/node.sh prepare
	OTELCOL_IMAGE=$(CURDIR)/dist/otelcol-ociapm-image-amd64.tar \
		go test -count=1 -tags=kubernetes -timeout=30m -v -exec="$(CURDIR)/test/kubernetes/node.sh session" ./test/kubernetes

.PHONY: test-oracle
test-oracle: ## Compare SQL_IDs with V$SQL of the database in ORACLE_DSN (needs a database, and Python 3)
	@if [ -z "$${ORACLE_DSN:-}" ]; then echo "test-oracle: skipped, because ORACLE_DSN is not set: see test/README.md"; \
	else $(MAKE) --no-print-directory build .venv/oracle && go test -count=1 -tags=oracle -timeout=10m -v ./test/oracle/...; fi

# It prints a table of what the domain answers differently from the sandbox.
.PHONY: test-domain
test-domain: ## Compare a real APM domain with what the sandbox assumes (test/README.md lists the variables that name it)
	go test -count=1 -timeout=40m -v ./test/domain

.PHONY: test-console
test-console: build $(CONSOLE)/node_modules .venv/stayeasy ## Test the console in a headless Chromium (needs Chromium, Node and Python 3)
	go test -count=1 -tags=console -timeout=15m -v ./test/console/...

.PHONY: test-packages
test-packages: build ## After make signed-release: install, lint and verify packages (needs root, debootstrap, systemd-container, rpm, lintian, rpmlint, gnupg)
	go test -count=1 -tags=packages -timeout=30m -v ./test/packages/...

.PHONY: test-image
test-image: image ## Run the container image with runc (needs root and runc)
	go test -count=1 -tags=image -timeout=10m -v ./test/image/...

# The first run installs Debian 13 with wine, which takes some minutes, and keeps it in WINE_HOME.
.PHONY: test-archives
test-archives: build ## After make release: run the programs for arm64 and Windows (needs root, debootstrap, qemu-user-static, rpm, runc)
	test/archives/wine.sh prepare
	go test -count=1 -tags=archives -timeout=10m -parallel=8 -v -exec="$(CURDIR)/test/archives/wine.sh session" ./test/archives
	$(MAKE) --no-print-directory image IMAGES="arm64=../dist/release/linux-arm64_linux_arm64_v8.0/otelcol-ociapm"
	go test -count=1 -tags=image -timeout=10m -v ./test/image -arch=arm64

# RELEASE_TARGETS=linux-amd64 compares only that target.
.PHONY: test-scheduled
test-scheduled: ## Run the checks that take too long for every change: release-check and test-archives (needs the same as test-archives)
	$(MAKE) --no-print-directory release RELEASE_TARGETS=tested
	$(MAKE) --no-print-directory test-archives
	$(MAKE) --no-print-directory release-check RELEASE_TARGETS=$(or $(RELEASE_TARGETS),tested)

##@ Measure

.PHONY: bench-processors
bench-processors: ## Measure the processors in comparison with stock transform and redaction
	@cd test/benchmark && GOGC=$(BENCH_GOGC) go test -run=none -bench=. -benchtime=$(BENCH_TIME) -count=$(BENCH_COUNT) . >bench.txt || { cat bench.txt; exit 1; }
	@$(TOOL) benchstat -row=/spans -col=/by test/benchmark/bench.txt

# The stock collector to compare with, of the same upstream release.
bin/otelcol-stock: test/load/testdata/stock-builder.yaml
	@echo "building bin/otelcol-stock"
	@$(TOOL) builder --config=test/load/testdata/stock-builder.yaml --skip-compilation --skip-strict-versioning=false
	@cd bin/stock && $(GO_BUILD) -o ../otelcol-stock .

.PHONY: bench
bench: build bin/otelcol-stock ## Measure whole collectors in comparison with stock ones, into docs/performance.md (Linux; 20 minutes)
	cd test/load && go test -count=1 -tags=load -timeout=60m -v -run=TestBench . -args -update

.PHONY: bench-outage
bench-outage: build ## Measure an outage of ten minutes, into docs/performance.md (Linux)
	cd test/load && go test -count=1 -tags=load -timeout=60m -v -run=TestOutage . -args -update

.PHONY: bench-profile
bench-profile: build ## Profile the CPU time, into docs/performance.md (Linux)
	cd test/load && go test -count=1 -tags=load -timeout=60m -v -run=TestProfile . -args -update

.PHONY: measure-cost
measure-cost: build ## Measure the cost of a span in each shape, into docs/sizing.md (needs Java and Maven)
	go test -count=1 -tags=tiers -timeout=20m -v -run=TestCost ./test/tiers/... -measured=20s -update

.PHONY: sizes
sizes: build ## Print sizes, idle memory and startup time: the table of docs/deploy.md
	@packaging/scripts/sizes.sh

.PHONY: pictures
pictures: build $(CONSOLE)/node_modules .venv/stayeasy ## Take the pictures in docs/pictures from what make demo starts (needs the same as test-console)
	go test -count=1 -tags=console -timeout=15m ./test/console/... -run='TestPictures|TestDoctorPicture|TestFoldedSearch' -pictures=$(CURDIR)/docs/pictures

##@ Release

# goreleaser is run by version and not from one of our modules: the tests of its
# dependencies need modules that no registry has.
GORELEASER := go run github.com/goreleaser/goreleaser/v2@v2.16.0
export COMMIT := $(shell git log -1 --format=%h --abbrev=12 2>/dev/null)
export COMMIT_TIMESTAMP := $(shell git log -1 --format=%ct 2>/dev/null)
export COMMIT_DATE := $(shell TZ=UTC0 git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null)

# The licenses and notices of the modules that the programs consist of.
NOTICES := dist/THIRD-PARTY-NOTICES
$(NOTICES): builder-config.yaml go.sum cmd/otelcol-ociapm/go.sum packaging/go.sum packaging/notices/main.go
	@cd packaging && go run ./notices -output=../$@ -tags=$(BUILD_TAGS) ../cmd/otelcol-ociapm ../cmd/apmctl image/queuedir

MANUALS := dist/man/otelcol-ociapm.1.gz dist/man/apmctl.1.gz
dist/man/%.gz: packaging/linux/%
	@mkdir -p $(@D)
	@gzip --best --no-name <$< >$@

.PHONY: release
release: $(NOTICES) $(MANUALS) ## Build archives, packages, SBOMs and checksums; RELEASE_TARGETS=linux-amd64, linux or tested builds only a part
	RELEASE_TARGETS=$(or $(RELEASE_TARGETS),all) $(GORELEASER) release --snapshot --clean

# The key is in RELEASE_SIGNING_KEY. RELEASE_GPG_KEY_FILE makes `make release` sign the packages.
.PHONY: sign
sign: ## Write a signature for cosign beside each file of a release, after make release image
	@cd packaging && go run ./sign $$(find ../dist -maxdepth 2 -type f \( -name '*.tar' -o -name '*.tar.gz' -o -name '*.zip' \
		-o -name '*.deb' -o -name '*.rpm' -o -name '*.sbom.json' -o -name checksums.txt \) | sort)

THROWAWAY_KEYS := .cache/throwaway-keys

.PHONY: signed-release
signed-release: ## Build and sign a release and the image with new throw-away keys, which test-packages then verifies
	@packaging/scripts/throwaway-keys.sh $(THROWAWAY_KEYS)
	RELEASE_GPG_KEY_FILE=$(CURDIR)/$(THROWAWAY_KEYS)/gpg.key $(MAKE) --no-print-directory release
	$(MAKE) --no-print-directory image
	@RELEASE_SIGNING_KEY=$$(cat $(THROWAWAY_KEYS)/sign.key) $(MAKE) --no-print-directory sign

.PHONY: release-check
release-check: ## Build the release twice, in two folders, and compare what is signed byte by byte
	@packaging/scripts/release-check.sh

IMAGES ?= amd64=../bin/otelcol-ociapm
IMAGE_ARCHITECTURES = $(foreach image,$(IMAGES),$(firstword $(subst =, ,$(image))))

.PHONY: image
image: build $(NOTICES) ## Build the container image into dist; IMAGES="amd64=FILE arm64=FILE" uses other programs
	@cd packaging && for arch in amd64 arm64; do GOARCH=$$arch $(GO_BUILD) -o ../bin/queuedir-$$arch ./image/queuedir; done
	@for arch in $(IMAGE_ARCHITECTURES); do GOARCH=$$arch $(APMCTL_BUILD) -o bin/apmctl-$$arch ./cmd/apmctl; done
	@cd packaging && go run ./image -queuedir=../bin/queuedir-%s -apmctl=../bin/apmctl-%s -version=$(VERSION) -commit=$(COMMIT) -created=$(COMMIT_TIMESTAMP) \
		-configs=../config -license=../LICENSE -notices=../$(NOTICES) -output=../dist $(IMAGES)
