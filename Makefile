# make demo, make test, make check: three commands, nothing else to know.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.synced
UV := $(BIN)/uv
DEMO ?=
EXAMPLES ?= 5000
FOOTPRINT ?=
SSH ?=
KILLS ?=
BAD ?=
CANARY ?=
# of the device that a package is for: amd64 or arm64
ARCH ?= $(if $(filter aarch64 arm64,$(shell uname -m)),arm64,amd64)
# agents and brokers are mostly waited for: more workers than cores, whole files each; the long files first, so that no
# worker is left alone with one at the end
WORKERS ?= 4
SHARE := --dist loadfile --no-loadscope-reorder
TESTS ?= $(wildcard tests/system tests/faults tests/conformance tests/transcripts tests/fuzz tests/unit tests/house)

.PHONY: help setup demo test unit conformance system fuzz test-tools check reference lock docs agent-package agent-bundle bench-footprint bench-bad-release bench-ssh bench-canary bench-drift bench-rollback nightly clean

help:            ## what there is to run
	@grep -hE '^[a-z-]+: .*##|^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

setup: $(STAMP)  ## make .venv with every dependency, locked by hash

$(STAMP): requirements/uv.lock requirements/dev.lock pyproject.toml
	@echo "setup: installing what is missing into $(VENV)" >&2
	@$(PYTHON) -m venv --without-pip $(VENV)
	@$(PYTHON) -m pip --python $(BIN)/python install -q --disable-pip-version-check --require-hashes -r requirements/uv.lock
	@VIRTUAL_ENV=$(VENV) $(UV) pip sync -q --require-hashes --compile-bytecode requirements/dev.lock requirements/uv.lock
	@VIRTUAL_ENV=$(VENV) $(UV) pip install -q --no-deps --no-build-isolation -e .
	@touch $@

demo: setup      ## controller, broker, three agents, 100 simulated devices; DEMO="--for 60" ends by itself
	@exec $(BIN)/pyv-fleet demo $(DEMO)

test: setup test-tools ## every test, with the real broker, agents and browser; TESTS=tests/unit for some
	@$(BIN)/python -m pytest -n $(WORKERS) $(SHARE) $(TESTS)

unit: setup      ## the core alone: no broker, no agents, seconds
	@$(BIN)/python -m pytest tests/unit tests/house

conformance: setup ## the device's rules 1 to 15, against the bare core and a real agent
	@$(BIN)/python -m pytest -n $(WORKERS) $(SHARE) tests/conformance

system: setup test-tools ## the tour and the rest against a running demo
	@$(BIN)/python -m pytest tests/system

fuzz: setup      ## every parser, long: EXAMPLES=20000 a property, with the seed that says where it looked
	@seed=$${SEED:-$$RANDOM}; echo "fuzz: SEED=$$seed EXAMPLES=$(EXAMPLES)" >&2; \
	  PYV_FUZZ_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n $(WORKERS) --timeout 0 --hypothesis-seed=$$seed tests/fuzz

test-tools:      ## what tests need beside Python: curl (the article's script), chromium (the page), sshd; as root by apt
	@missing=; command -v curl >/dev/null || missing="curl"; \
	  command -v chromium >/dev/null || missing="$$missing chromium"; \
	  [ -x /usr/sbin/sshd ] || command -v sshd >/dev/null || missing="$$missing openssh-server"; \
	  command -v ssh-keygen >/dev/null || missing="$$missing openssh-client"; \
	  [ -z "$$missing" ] && exit 0; \
	  if [ "$$(id -u)" = 0 ]; then as_root=; elif sudo -n true 2>/dev/null; then as_root="sudo -n"; else \
	    echo "test-tools: missing:$$missing, and not root: their tests will fail; apt-get install $$missing" >&2; exit 0; fi; \
	  echo "test-tools: installing $$missing" >&2; \
	  $$as_root apt-get update -qq && \
	  $$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null

check: setup     ## ruff, mypy --strict, import-linter, the locks, the docs
	@failed=; \
	  $(BIN)/ruff check . || failed="$$failed ruff-check"; \
	  $(BIN)/ruff format --check . || failed="$$failed ruff-format"; \
	  $(BIN)/mypy || failed="$$failed mypy"; \
	  $(BIN)/lint-imports || failed="$$failed lint-imports"; \
	  grep -n '://' requirements/*.lock && failed="$$failed addresses-in-locks"; \
	  $(BIN)/mkdocs build -q --strict --site-dir .cache/site || failed="$$failed mkdocs"; \
	  [ -z "$$failed" ] || { echo "check: failed:$$failed" >&2; exit 1; }

reference: setup ## write docs/reference/ anew from the code
	@$(BIN)/python docs/generate.py

docs: setup      ## the documentation as pages, on loopback
	@$(BIN)/mkdocs serve

lock: setup      ## compile requirements/*.lock anew (names, versions, hashes; no addresses)
	@for spec in "--all-extras pyproject.toml dev" "--extra controller pyproject.toml controller" "pyproject.toml device" "requirements/uv.in uv"; do \
	  set -- $$spec; out=requirements/$${@: -1}.lock; \
	  $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	    --no-emit-find-links --custom-compile-command 'make lock' $${@:1:$$#-1} -o $$out; \
	done

agent-package: setup ## the agent for a device, .deb and .tar.gz in dist/; ARCH=arm64 for a Raspberry Pi
	@$(BIN)/python deploy/package/build.py package --arch $(ARCH) --out dist

agent-bundle: setup ## the agent as a bundle directory, to update devices with: OUT=DIR
	@[ -n "$(OUT)" ] || { echo "agent-bundle: name the directory: make agent-bundle OUT=DIR" >&2; exit 2; }
	@$(BIN)/python deploy/package/build.py bundle "$(OUT)"

bench-footprint: setup ## what the agent costs a device: memory, start, bytes, fsyncs; FOOTPRINT="-o json --check"
	@env -u PYTHONDONTWRITEBYTECODE PYTHONPATH=tests $(BIN)/python benchmarks/footprint.py $(FOOTPRINT)

bench-ssh: setup test-tools ## push ssh to 60 sshd against rsync + ssh and Ansible: wall time, CPU; SSH="--hosts 10 -o json"
	@env -u PYTHONDONTWRITEBYTECODE PYTHONPATH=tests $(BIN)/python benchmarks/ssh_push.py $(SSH)

bench-rollback: setup ## a rollback of 1,000 devices beside raw fan-out and bare fsyncs; ROLLBACK="--devices 10000 -o json"
	@env -u PYTHONDONTWRITEBYTECODE PYTHONPATH=tests $(BIN)/python benchmarks/rollback.py $(ROLLBACK)

bench-canary: setup ## canary analysis: false alarms and detection in simulation, minutes; CANARY="--runs 100 -o json"
	@PYTHONPATH=tests $(BIN)/python benchmarks/canary.py $(CANARY)

bench-drift: setup ## what comparing drift costs of taking reports in, 100,000 devices, minutes; DRIFT="--devices 5000 -o json"
	@PYTHONPATH=tests $(BIN)/python benchmarks/drift.py $(DRIFT)

bench-bad-release: setup ## five kinds of bad release on 1,000 simulated devices; BAD="--devices 100 --canary 4"
	@PYTHONPATH=tests $(BIN)/python benchmarks/bad_release.py $(BAD)

nightly: setup   ## hours: second power cuts of every story, rollouts under any interleaving, 2,000 random kill -9, 100 of the controller; KILLS="--seed 1" for the same again
	@PYV_NIGHTLY=1 $(BIN)/python -m pytest --timeout 3600 -n $(WORKERS) --dist load tests/faults/test_second_cuts.py \
	  tests/faults/test_rollout_model.py tests/faults/test_cuts_of_bundles.py tests/faults/test_cuts_of_kept_bundles.py
	@PYTHONPATH=tests $(BIN)/python benchmarks/kill_nine.py $(KILLS)
	@PYTHONPATH=tests $(BIN)/python benchmarks/controller_kills.py

clean:           ## remove what make made
	@rm -rf $(VENV) .cache .demo dist .mypy_cache .ruff_cache .pytest_cache
