# make demo   the main job, end to end, on this machine: no account, no root, no Docker
# make test   the whole suite        (make test ARGS="-k name" passes options to pytest)
# make simulate   the engine under a seeded scheduler, clock and cloud (SEEDS=10000, FIRST=a window)
# make check  lint + types + import contracts + tests, as CI runs it
# make bench  every benchmark with a bar; also one by one: bench-startup, bench-engine and its parts
#             bench-thousand, bench-journal, bench-peer; bench-archive; bench-team; bench-audit
#             (see benchmarks/README.md)
# make flight create and restore over a network as on a plane   (RUNS=100)
# make kill   the real command under kill -9 at random moments  (RUNS=200)
# make crash  every operation, ended or troubled at every moment, to go on and back (`make test`: at many)
# make storm  two processes write to a team store, two read, connections are cut   (SECONDS=60)
# make openstack   the contract of its adapter, on a real control plane that is started for it and stopped after
#             (as root on Debian 12; some 430 packages the first time, then two minutes and 2.5 GiB of memory)
# make fuzz   a coverage-guided fuzzer on the archive's readers   (SECONDS=60)
#
# Each makes .venv by itself, with uv where there is one and with pip elsewhere, and is quiet when
# nothing has to be done.

PYTHON ?= python3
ARGS ?=
SEEDS ?= 10000
SECONDS ?= 60
FIRST ?=
BENCHMARKS := startup engine thousand journal peer archive team audit
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check lint types contracts format docs clean
.PHONY: simulate crash kill flight storm fuzz openstack bench $(BENCHMARKS:%=bench-%)

help:
	@sed -n 's/^# //p;/^$$/q' Makefile

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("kubisnap needs Python >= 3.11, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing --python "$(PYTHON)" .venv && \
		uv pip install --quiet --python $(BIN)/python -c constraints.txt -e . --group dev; \
	else \
		$(PYTHON) -m venv .venv && \
		$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt 'pip>=25.1' && \
		$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt -e . --group dev; \
	fi
	@touch $(READY)

demo: $(READY)
	@$(BIN)/kubisnap demo

test: $(READY)
	@$(BIN)/python -m pytest -n auto $(ARGS)

simulate: $(READY)
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(if $(FIRST),--first $(FIRST))

crash: $(READY)
	@KUBISNAP_CRASH=every $(BIN)/python -m pytest -n auto tests/crash $(ARGS)

check: lint types contracts test

lint: $(READY)
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .

types: $(READY)
	@$(BIN)/mypy

contracts: $(READY)
	@$(BIN)/lint-imports

format: $(READY)
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

bench: bench-startup bench-engine bench-archive bench-audit

$(BENCHMARKS:%=bench-%): bench-%: $(READY)
	@$(BIN)/python -m benchmarks.$*

flight: RUNS ?= 100
flight: $(READY)
	@$(BIN)/python -m benchmarks.flight --runs $(RUNS)

kill: RUNS ?= 200
kill: $(READY)
	@$(BIN)/python -m tests.process.kill --runs $(RUNS)

storm: $(READY)
	@KUBISNAP_STORM_SECONDS=$(SECONDS) $(BIN)/python -m pytest -q tests/process/test_team_store.py -k storm $(ARGS)

fuzz: $(READY)
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install --quiet --python $(BIN)/python -c constraints.txt --group fuzz; \
	else \
		$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt --group fuzz; \
	fi
	@mkdir -p .fuzz && $(BIN)/python -m tests.fuzz.fuzz_archive -max_total_time=$(SECONDS) -max_len=4096 \
		-artifact_prefix=.fuzz/ .fuzz tests/fuzz/corpus

openstack: $(READY)
	@command -v nova-api >/dev/null || sh tests/openstack/install.sh
	@$(BIN)/python -W ignore -m tests.openstack.plane up
	@$(BIN)/python -m pytest -p no:randomly -n 2 tests/contract/test_openstack.py $(ARGS); status=$$?; \
		$(BIN)/python -m tests.openstack.plane down; exit $$status

clean:
	rm -rf .fuzz .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
