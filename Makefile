# `make run` and `make test` are all a newcomer needs; both set up what they need in .venv/.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=
CLANG ?= clang
FUZZED ?= -max_total_time=15
COUNT ?= 1000000
ABREAST := -n auto --maxprocesses 4 --dist loadfile
EXAMPLES ?= 5000
NATIVE := $(wildcard resolver/native/*.[ch])
PLAIN := $(filter-out resolver/native/module%,$(wildcard resolver/native/*.c))
FUZZERS := message table answer records
SANITIZED := -std=c11 -g -O1 -pthread -fno-sanitize-recover=all -Iresolver/native

.PHONY: run test check format lint types coverage bench bench-lists bench-streams bench-instructions
.PHONY: bench-churn bench-page bench-eviction fuzz axe
.PHONY: native-asan native-differential native-fuzz native-sanitize build wheel clean help
.DEFAULT_GOAL := help

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml setup.py $(NATIVE)
	@command -v $(PYTHON) >/dev/null || { echo "nxwhy needs Python 3.11 or newer: install python3 (Debian: apt install python3 python3-venv)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "nxwhy needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) has no venv: install it (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "Setting up $(VENV) (once, about a minute)..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' || { echo "pip could not install the dependencies: is the package index reachable?" >&2; exit 1; }
	@touch $@

run: $(STAMP) ## serve on 127.0.0.1:5335 with the lists in blocklists/ (ARGS="--config FILE" for your own)
	@exec $(BIN)/nxwhy serve $(ARGS)

test: $(STAMP) ## run every test (ARGS="-k NAME" for some)
	@$(BIN)/python -m pytest $(ABREAST) $(ARGS)

check: format lint types coverage ## everything that CI runs

format: $(STAMP)
	@$(BIN)/ruff format --check resolver tests

lint: $(STAMP)
	@$(BIN)/ruff check resolver tests

types: $(STAMP)
	@$(BIN)/mypy

coverage: $(STAMP) ## `make test`, and hold the coverage of resolver/core at 95 %
	@$(BIN)/python -m pytest --cov --cov-report= $(ABREAST) $(ARGS)
	@$(BIN)/coverage report --include='resolver/core/*' --fail-under=95

bench: $(STAMP) ## what a message costs, in microseconds of one core
	@$(BIN)/python -m tests.bench

bench-lists: $(STAMP) ## what millions of names cost the running server, beside the goals (minutes)
	@$(BIN)/python -m tests.bench.lists $(ARGS)

bench-streams: $(STAMP) ## what a query over one TCP connection costs the server (half a minute)
	@$(BIN)/python -m tests.bench.streams $(ARGS)

bench-instructions: $(STAMP) ## count the instructions of a known query, with one thread and with two (half a minute)
	@$(BIN)/python -m tests.bench.instructions

bench-churn: $(STAMP) ## how long known names take while lists, cache and upstream are in turmoil (a minute)
	@$(BIN)/python -m tests.bench.churn $(ARGS)

bench-page: $(STAMP) ## what 2,000 visits a second to the notice page cost DNS (four minutes)
	@$(BIN)/python -m tests.bench.page $(ARGS)

bench-eviction: $(STAMP) ## how many queries a cache answers by which rule of eviction (half a minute)
	@$(BIN)/python -m tests.bench.eviction $(ARGS)

axe: ## fetch what looks for barriers in pages (npm), for the tests in a browser
	@test -f build/axe/node_modules/axe-core/axe.min.js || { mkdir -p build/axe && npm install --silent --no-audit --no-fund --ignore-scripts --prefix build/axe axe-core@4; }

native-differential: $(STAMP) ## ask Python and the native part a million times, and compare (some minutes; COUNT=1000000)
	@$(BIN)/python -m tests.native.differential $(COUNT)

fuzz: $(STAMP) native-differential ## try whatever reads bytes with many more examples than the tests do (an hour)
	@$(MAKE) native-fuzz FUZZED=-runs=10000000
	@NXWHY_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q --timeout 3600 $(ABREAST) -m "hypothesis or fuzz" $(ARGS)

native-asan: $(STAMP) ## run the corpus of messages through the native part with clang's sanitizers
	@mkdir -p build
	@$(CLANG) $(SANITIZED) -fsanitize=address,undefined $(PLAIN) tests/native/driver.c -o build/driver
	@$(BIN)/python -m tests.native.corpus 20000 >build/corpus
	@build/driver build/corpus 20
	@$(CLANG) $(SANITIZED) -fsanitize=address,undefined $(PLAIN) tests/native/records_driver.c -o build/records
	@$(BIN)/python -m tests.native.answering 20000 >build/answers
	@build/records build/answers 20

native-fuzz: $(FUZZERS:%=native-fuzz-%) ## let libFuzzer look for what the native part cannot bear (a minute; FUZZED=-runs=N)

native-fuzz-%: tests/native/fuzz_%.c $(NATIVE)
	@mkdir -p build/fuzz/$*
	@$(CLANG) $(SANITIZED) -O2 -fsanitize=address,undefined,fuzzer $(PLAIN) $< -o build/fuzz-$*
	@build/fuzz-$* $(FUZZED) -max_len=1000 -verbosity=0 -print_final_stats=1 -artifact_prefix=build/ build/fuzz/$*

build: $(STAMP) ## compile the native part, where there is a compiler, and say which engine runs
	@$(BIN)/nxwhy --version

native-sanitize: $(STAMP) ## run what is written in C under the sanitizers of clang and gcc (two minutes)
	@NXWHY_NATIVE_ROUNDS=2000000 $(BIN)/python -m pytest -q --timeout 600 tests/native/test_cache_native*.py -k threads $(ARGS)
	@NXWHY_NATIVE_THREAD_ROUNDS=5000 $(BIN)/python -m pytest -q --timeout 600 tests/native/test_native_threads.py $(ARGS)
	@LD_PRELOAD="$$(cc -print-file-name=libasan.so) $$(cc -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
		NXWHY_NATIVE_FLAGS="-g -fsanitize=address,undefined -fno-sanitize-recover=all" \
		$(BIN)/python -m pytest -q --timeout 600 tests/native/test_cache_native*.py -k "not threads and not malloc and not siphash" $(ARGS)

wheel: $(STAMP) ## build dist/*.whl
	@$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist .

clean: ## remove what make built
	rm -rf $(VENV) build dist *.egg-info resolver/native/*.so .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage*
