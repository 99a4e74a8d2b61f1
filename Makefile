# Everything a person types. Each target does its own set-up, so that a bare machine needs Python >= 3.11, make and git only.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The data root of the repository; GSV_DATA_ROOT chooses another one. Another SEED gets a data root of its own.
SEED ?= 1
ROWS ?=
# Where `make ui` and `make serve` listen; READ_ONLY=1 shows everything and lets nobody act.
PORT ?= 3000
READ_ONLY ?=
# CPU wheels of torch where the default index would bring several GB of CUDA: make demo TORCH_INDEX=https://...
TORCH_INDEX ?=
# The pair the tests run with; pyproject.toml admits others. An environment that has torch already keeps its own.
TORCH_PACKAGES ?= torch==2.14.1 torchvision==0.29.1

ifneq ($(SEED),1)
export GSV_DATA_ROOT ?= $(CURDIR)/data/seed_$(SEED)
endif

# Threads that wait for each other sleep instead of spinning: on busy cores training is several times faster.
export OMP_WAIT_POLICY ?= PASSIVE

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo ui serve doctor pictures test check format bench bench-quality clean-venv

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

# A pair of torch and torchvision that is already installed is kept; nothing is fetched twice.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, found $$($(PYTHON) --version). Choose one: make demo PYTHON=python3.12"; exit 2; }
	@echo "Making $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.torch: $(VENV)/bin/python
	@echo "Installing torch and torchvision (once)"
	@$(BIN)/python -c 'import torch, torchvision' 2>/dev/null || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH_PACKAGES)
	@touch $@

$(VENV)/.run: $(VENV)/.torch pyproject.toml
	@echo "Installing gsv-pipeline with Dagster, DVC and W&B (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[all]'
	@DAGSTER_HOME="$(CURDIR)" $(BIN)/dagster run list --limit 1 >/dev/null 2>&1 || true # makes the databases: several processes that start at once would spoil them
	@touch $@

$(VENV)/.dev: $(VENV)/.run pyproject.toml
	@echo "Installing what the tests need (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

install: $(VENV)/.run  ## make .venv with everything the pipeline needs

install-dev: $(VENV)/.dev

demo: $(VENV)/.run  ## the whole chain on the embedded city: some minutes, ends with a recall table
	@trap : INT; PYTHONWARNINGS='ignore:Function `job_execute_command`' GSV_SEED=$(SEED) \
	  $(BIN)/dagster job execute -f assets/definitions.py -d . -j demo -c assets/demo_run.yaml || \
	  { echo "The demo did not come to its end. What is done is kept: the same command goes on from there."; exit 1; }
	@$(BIN)/gsv-pipeline leaderboard

ui: $(VENV)/.run  ## the Dagster UI over the same data root: http://127.0.0.1:3000; PORT=
	@$(BIN)/dagster dev -p $(PORT) -w workspace.yaml

# Both or none: when one of the two ends, the other one is ended too.
serve: $(VENV)/.run  ## web server and daemon for months, on loopback: http://127.0.0.1:3000; PORT=, READ_ONLY=1
	@export DAGSTER_HOME="$${DAGSTER_HOME:-$(CURDIR)}"; \
	$(BIN)/dagster-daemon run -w workspace.yaml & daemon=$$!; \
	$(BIN)/dagster-webserver -h 127.0.0.1 -p $(PORT) -w workspace.yaml $(if $(READ_ONLY),--read-only) & server=$$!; \
	trap 'kill $$daemon $$server 2>/dev/null; wait' EXIT; trap 'exit 143' TERM; trap 'exit 130' INT; \
	while kill -0 $$daemon 2>/dev/null && kill -0 $$server 2>/dev/null; do sleep 1 & wait $$!; done; exit 1

doctor: $(VENV)/.run  ## end runs whose process is gone, and give back what they held
	@$(BIN)/python -m assets.doctor

pictures: $(VENV)/.dev  ## take the pictures of docs/ and README again, from real runs (after make demo; some minutes)
	@$(BIN)/python -m tests.pictures
	@$(BIN)/python -m tests.pictures ui

test: $(VENV)/.dev  ## all tests, with branch coverage
	@$(BIN)/python -m pytest -n auto --cov --cov-report=term

check: $(VENV)/.dev  ## format, lint, types, import contracts, experiments
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/gsv-pipeline check

format: $(VENV)/.dev  ## put the code into its format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/.dev  ## performance beside its baselines; ROWS=name,... runs some
	@$(BIN)/python -m tests.perf $(ROWS)

bench-quality: $(VENV)/.dev  ## recall of the fast and the plain path over three seeds: about an hour, resumable
	@$(BIN)/python -m tests.perf.quality
