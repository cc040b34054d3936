# weir: `make run` to see it, `make test` to check it. `make help` lists the rest.
SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -X weir/internal/cli.Version=$(VERSION)
TOOL     := $(GO) tool -modfile=tools/go.mod
DATA     ?= ./data
FUZZTIME ?= 20s
BENCHFLAGS ?=
export CGO_ENABLED ?= 0
# All Go commands build alike, so that what one has compiled serves the next, and another clone too.
export GOFLAGS := $(strip $(filter-out -trimpath,$(shell $(GO) env GOFLAGS)) -trimpath)

.PHONY: help build deps sdk run test check go-check race system clients browser screenshots fuzz fuzz-isolation bench bench-tenants bench-analytics microbench gen gen-check web web-check vuln clean ci nightly

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

deps: ## fetch what the binary needs beside itself, pinned and checked: the query engine, the country file
	@$(GO) run ./build/libchdb
	@$(GO) run ./build/geo

sdk/js/node_modules/.package-lock.json: sdk/js/package-lock.json
	cd sdk/js && npm ci --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

internal/sdk/dist/sdk.js: $(wildcard sdk/js/src/*.ts) sdk/js/build.mjs sdk/js/tsconfig.json sdk/js/node_modules/.package-lock.json
	cd sdk/js && npm run --silent build

sdk: internal/sdk/dist/sdk.js ## the browser SDK, which the binary embeds

build: deps sdk web ## build bin/weir and everything it needs
	@mkdir -p bin
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/weir ./cmd/weir

run: build ## build, start with the embedded defaults in ./data, feed a demo tenant real traffic, until Ctrl-C
	@exec ./bin/weir serve --data-dir $(DATA) --demo

# Tests of random choices make WEIR_TEST_ROUNDS times as many of them as by default. Whatever they say must be seen they look for until they have seen it.
nightly: export WEIR_TEST_ROUNDS := 4
nightly: TESTTIME := 60m
TESTTIME ?= 20m

test: deps ## all tests but those that kill processes
	$(GO) test -timeout $(TESTTIME) ./...
	cd sdk/go && $(GO) test ./...

check: ## format, vet, lint, generated files; what is of Go beside what is of the dashboard
	$(MAKE) --no-print-directory -j2 --output-sync=target go-check web-check

TAGS := system,clients,browser

go-check:
	@unformatted=$$(gofmt -l cmd internal test build sdk/go); test -z "$$unformatted" || { echo "not gofmt-clean:"; echo "$$unformatted"; exit 1; }
	$(GO) vet -tags $(TAGS) ./...
	cd sdk/go && $(GO) vet ./... && GOOS=windows $(GO) vet ./... && GOOS=solaris $(GO) vet ./...
	$(TOOL) staticcheck -tags $(TAGS) ./...
	cd sdk/go && $(GO) tool -modfile=$(CURDIR)/tools/go.mod staticcheck ./...

# What one goroutine finds is compared with a simple program by tests named …Equals…: they have nothing for the race detector, make test runs them.
race: deps ## the tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -short -timeout $(TESTTIME) -skip 'Equals?[A-Z]' ./internal/...
	cd sdk/go && CGO_ENABLED=1 $(GO) test -race ./...

# Each test has a weir of its own and waits most of the time, so several run at once. Those of the last files begin first: there are the longest waits.
SYSTEM := WEIR_BIN=$(CURDIR)/bin/weir $(GO) test -tags system -count=1 -parallel 5

system: build ## real processes: kill -9, full disk, torn tail, import, restart
	$(SYSTEM) -timeout 40m ./test/system/...

clients: build ## the real ClickHouse clients (Go, Node, Python, JDBC, curl) and SDKs of other products (Segment, PostHog …), fetched pinned, against bin/weir
	WEIR_BIN=$(CURDIR)/bin/weir $(GO) test -tags clients -count=1 -timeout 15m ./test/clients

browser: build ## Chromium (found, or Debian's installed), driven by playwright-core, against bin/weir
	WEIR_BIN=$(CURDIR)/bin/weir $(GO) test -tags browser -count=1 -timeout 45m ./test/browser

screenshots: build ## the pictures of the README, taken from the dashboard: writes docs/img/*.png
	WEIR_BIN=$(CURDIR)/bin/weir WEIR_SCREENS=$(CURDIR)/docs/img $(GO) test -tags browser -count=1 -timeout 20m -run '^TestScreens$$' -v ./test/browser

fuzz: ## every fuzz target for FUZZTIME (20s)
	@$(GO) run ./build/fuzz -time $(FUZZTIME)

fuzz-isolation: deps ## hostile statements for FUZZTIME, half of it with either barrier between tenants off
	$(GO) test -count=1 -v -timeout 24h -run '^TestIsolation$$' ./internal/query -args -isolation $(FUZZTIME)

bench: build ## ingest, freshness, ack, memory, restart: writes docs/BENCHMARKS.md
	$(GO) run ./test/load/bench -bin bin/weir -docs docs $(BENCHFLAGS)

bench-tenants: build ## what tenants feel of each other, router, kept panels, 10 000 tenants: writes docs/BENCHMARKS.md
	$(GO) run ./test/load/tenants -bin $(CURDIR)/bin/weir -docs docs $(BENCHFLAGS)

bench-analytics: build ## a dashboard's questions over 100 million events (smaller with BENCHFLAGS='-events N'): writes docs/BENCHMARKS.md
	$(GO) run ./test/load/analytics -bin $(CURDIR)/bin/weir -docs docs $(BENCHFLAGS)

microbench: deps ## Go benchmarks of the hot paths
	$(GO) test -run '^$$' -bench . -benchmem ./internal/...

gen: build ## rewrite generated files (docs/CONFIG.md, the types of the dashboard's client)
	$(GO) run ./build/web -types
	$(GO) test ./internal/config -run Reference -update

web: ## build the dashboard, if its sources changed (Node and npm)
	@$(GO) run ./build/web

web-check: ## lint, types and unit tests of the dashboard
	@$(GO) run ./build/web -install
	cd web && npm run --silent check && npm run --silent test -- --silent --reporter=dot

gen-check: build ## the generated files are those of the API that bin/weir has
	$(GO) run ./build/web -stale

vuln: ## known vulnerabilities of the dependencies (needs the Go vulnerability database)
	$(TOOL) govulncheck ./...
	cd sdk/go && $(GO) tool -modfile=$(CURDIR)/tools/go.mod govulncheck ./...

ci: check build gen-check test race clients browser ## what CI runs
	$(SYSTEM) -timeout 30m -short ./test/system/...

nightly: ci system ## before a release
	$(MAKE) fuzz FUZZTIME=5m
	$(MAKE) fuzz-isolation FUZZTIME=15m

clean: ## remove what was built and fetched; data stays
	rm -rf bin .cache sdk/js/node_modules sdk/js/dist internal/sdk/dist/sdk.* web/node_modules internal/dashboard/dist/app
