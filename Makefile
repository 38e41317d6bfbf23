# SPDX-License-Identifier: MPL-2.0

GO          ?= go
FUZZTIME    ?= 10s
TESTTIMEOUT ?= 30m
TESTREPORT   = $(GO) run ./internal/testreport

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-unit lint licenses fuzz interop chaos compliance bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install the servers and clients that the tests run (Debian, Ubuntu)
	@scripts/setup.sh

demo: ## two people, a real server, a cut connection and a killed process
	@scripts/setup.sh demo
	$(GO) run ./examples/demo

test: setup ## every test, with real servers and the race detector
	$(TESTREPORT) -race -tags servers -timeout $(TESTTIMEOUT) ./...

test-unit: ## the tests that need nothing but Go and a C compiler
	$(TESTREPORT) -race -timeout 5m ./...

lint: ## formatting, vet, staticcheck, known vulnerabilities, go.mod
	@GO="$(GO)" scripts/lint.sh

licenses: ## licences of all that the SDK links, into build/NOTICE; fails on an unfit one
	@$(GO) run ./internal/licenses -o build/NOTICE

fuzz: ## every fuzz target for FUZZTIME (10s) each
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" scripts/fuzz.sh

interop: setup ## only the tests with clients written by others
	$(TESTREPORT) -count=1 -tags servers -timeout $(TESTTIMEOUT) -run 'Interop|Bot|Profanity' ./core/... ./internal/peers/...

chaos: setup ## the tests that cut connections and kill processes, in their long form
	CONFAB_KILL_ROUNDS=8 $(TESTREPORT) -count=1 -race -tags servers -timeout $(TESTTIMEOUT) -run 'Storm|Kill|Cut' ./...

compliance: setup ## what the tests prove of XEP-0479, into compliance.md and confab.doap
	@mkdir -p build && rm -f build/proofs.jsonl
	CONFAB_PROOFS=$(CURDIR)/build/proofs.jsonl $(TESTREPORT) -count=1 -tags servers -timeout $(TESTTIMEOUT) ./core/... ./network/... ./examples/...
	$(GO) run ./internal/compliance -proofs build/proofs.jsonl

bench: ## benchmarks, also written to build/bench.txt
	@mkdir -p build
	@bash -c 'set -o pipefail; $(GO) test -run "^$$" -bench . -benchmem ./... | tee build/bench.txt'

clean: ## remove what the other targets have built
	rm -rf build dist
