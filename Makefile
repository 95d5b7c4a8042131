# Every verb of the project. `make help` lists them.

SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help

export MLOPS_ACK_CACHE ?= $(if $(XDG_CACHE_HOME),$(XDG_CACHE_HOME),$(HOME)/.cache)/mlops-ack
export MLOPS_ACK_STATE ?= $(if $(XDG_STATE_HOME),$(XDG_STATE_HOME),$(HOME)/.local/state)/mlops-ack
export GATE ?= rule

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3))
REQUIREMENTS := requirements.txt roles/sandbox/files/requirements.txt tests/requirements.txt
VENV := $(MLOPS_ACK_CACHE)/venv-$(shell cat $(REQUIREMENTS) | sha256sum | cut -c1-12)
BIN := $(VENV)/bin
export PATH := $(BIN):$(PATH)
COLLECTIONS := $(MLOPS_ACK_STATE)/collections-$(shell pwd | sha256sum | cut -c1-8)
export MLOPS_ACK_COLLECTIONS := $(COLLECTIONS)
export ANSIBLE_COLLECTIONS_PATH := $(COLLECTIONS)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export PYTHONUNBUFFERED := 1
# Without compiled files every ansible-playbook compiles all it imports, about a second each time.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(MLOPS_ACK_CACHE)/pycache
export MYPY_CACHE_DIR := $(MLOPS_ACK_CACHE)/mypy
export RUFF_CACHE_DIR := $(MLOPS_ACK_CACHE)/ruff
SANITY_REQUIREMENTS := tests/sanity/requirements.txt
SANITY_VENV := $(MLOPS_ACK_CACHE)/venv-sanity-$(shell cat $(SANITY_REQUIREMENTS) | sha256sum | cut -c1-12)
SANITY_BIN := $(SANITY_VENV)/bin
SANDBOX := PYTHONPATH=roles/sandbox/files $(BIN)/python -m ack_sandbox

.PHONY: help
help:  ## List these verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: preflight
preflight:
	@PYTHONPATH=roles/sandbox/files $(PYTHON) -m ack_sandbox.preflight

.PHONY: venv
venv:
	@roles/sandbox/files/bootstrap "$(VENV)" $(REQUIREMENTS)
	@mkdir -p $(COLLECTIONS)/ansible_collections/mlops && ln -sfn $(CURDIR) $(COLLECTIONS)/ansible_collections/mlops/ack

.PHONY: quickstart
quickstart: sandbox-up  ## Initialise, train, gate, save, serve in dev, gate, serve in prod; GATE=human asks you
	@$(BIN)/ansible-playbook mlops.ack.quickstart -e status_name=quickstart
	@cat build/quickstart.txt
	@printf '%s\n' '' 'The same as a page: build/quickstart.html, as JSON: build/quickstart.json' \
	  'Next, with an account: cp -r inventories/prod my-inventory, edit it, and run' \
	  '  ansible-playbook -i my-inventory mlops.ack.site      (README.md, "With a real account")'

.PHONY: sandbox-up
sandbox-up: preflight venv  ## Start the sandbox: registry, ACK and OSS simulator, clusters (first time builds Kubernetes)
	@$(SANDBOX) up
	@$(SANDBOX) digits $(MLOPS_ACK_STATE)/digits

.PHONY: sandbox-down
sandbox-down: venv  ## Stop it; nothing stays running, state is kept
	@$(SANDBOX) down

.PHONY: sandbox-status
sandbox-status: venv  ## Show what runs
	@$(SANDBOX) status

.PHONY: clean
clean: venv  ## Stop the sandbox and remove its state (the cache of built binaries stays)
	@$(SANDBOX) clean
	@rm -rf build

.PHONY: lint
lint: venv
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@$(BIN)/yamllint -s .
	@cd $(COLLECTIONS)/ansible_collections/mlops/ack && $(BIN)/ansible-lint -q playbooks roles molecule

MYPY := $(BIN)/mypy --config-file $(CURDIR)/pyproject.toml --no-error-summary
.PHONY: type
type: venv
	@cd $(COLLECTIONS) && $(MYPY) ansible_collections/mlops/ack/plugins
	@cd roles/sandbox/files && $(MYPY) ack_sandbox simulator
	@cd roles/sandbox/files/serving && $(MYPY) -p model_server
	@cd roles/sandbox/files/training && $(MYPY) *.py
	@cd roles/sandbox/files/prometheus && $(MYPY) *.py

.PHONY: unit
unit: venv
	@$(BIN)/python -m pytest tests/unit tests/arch -q -n 2

# Its own environment: galaxy-importer and ansible-lint want different releases of the same packages.
.PHONY: venv-sanity
venv-sanity: venv
	@roles/sandbox/files/bootstrap "$(SANITY_VENV)" $(SANITY_REQUIREMENTS)

.PHONY: sanity
sanity: venv-sanity  ## What certified collections are held to, without one exception
	@PATH="$(PATH):$(SANITY_BIN)" SANITY_BIN=$(SANITY_BIN) $(BIN)/python -m tests.sanity

.PHONY: docs
docs: venv-sanity  ## The documentation as a website, in build/site; a broken link fails
	@SANITY_BIN=$(SANITY_BIN) $(BIN)/python -m tests.sanity.website build/site

.PHONY: coverage
coverage: venv  ## Lines of the collection that unit tests run; less than 90 % of the core fails
	@mkdir -p build
	@COVERAGE_FILE=build/.coverage $(BIN)/python -m pytest tests/unit/plugins -q -n 2 -p no:warnings \
	  --cov=ansible_collections.mlops.ack.plugins.module_utils --cov-report=term
	@COVERAGE_FILE=build/.coverage $(BIN)/coverage report --include='*/_core/*' --fail-under=90

.PHONY: check
check: venv  ## Lint, types, unit tests; needs no sandbox
	@$(MAKE) --no-print-directory -j 2 --output-sync=target lint type unit

.PHONY: molecule
molecule: venv
	@for role in molecule/*/; do NO_COLOR=1 $(BIN)/molecule test -s $$(basename $$role) > build/molecule.log 2>&1 \
	  || { tail -60 build/molecule.log; exit 1; }; echo "molecule $$(basename $$role): converge, idempotence, verify passed"; done

.PHONY: test
test:  ## Everything: check, the main job, and the integration tests on real parts
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory quickstart
	@$(MAKE) --no-print-directory sanity docs
	@$(BIN)/python -m pytest tests/simulator tests/truth tests/integration --ignore tests/integration/test_path.py -m "not long" -q -n 2 --dist loadfile
	@$(BIN)/python -m pytest tests/integration/test_path.py -q
	@$(MAKE) --no-print-directory molecule

.PHONY: test-long
test-long: venv  ## Volume in bounded memory, a kill at every step of the path; WRITE_DOCS=1 writes docs/volume.md, docs/crash-matrix.md
	@WRITE_DOCS=$(WRITE_DOCS) $(BIN)/python -m pytest tests -m long -q

.PHONY: truth
truth: venv  ## Check mode, faults and secrets, by table; needs the sandbox; WRITE_DOCS=1 writes docs/check-mode.md, docs/faults.md
	@WRITE_DOCS=$(WRITE_DOCS) $(BIN)/python -m pytest tests/truth -m "not long" -q -n 2 --dist loadfile

.PHONY: bench
bench: venv  ## What a task costs against named peers, as ratios; needs the sandbox after quickstart; BENCH=--write
	@$(BIN)/python -m tests.bench $(BENCH)
