# `make` says what there is. Two commands matter first: `make run` and `make test`.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1

.PHONY: help
help: ## say what there is
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "  make %-16s %s\n", $$1, $$2}'

# A member's commands and dependencies stand in its own file.
MEMBERS := $(wildcard schemas/pyproject.toml libs/*/pyproject.toml edge-agent/pyproject.toml operator/pyproject.toml services/*/pyproject.toml)
.venv/.ready-run: requirements.lock tools/setup $(MEMBERS)
	@tools/setup run
.venv/.ready-dev: requirements.lock requirements-dev.lock tools/setup $(MEMBERS)
	@tools/setup dev

.PHONY: setup
setup: .venv/.ready-run ## make .venv with the alpr command in it

# By the environment, so that the password of an address stands in no command line of ours.
export SOURCE
.PHONY: run
run: setup ## read plates: the demo clip, or SOURCE=<photo|folder|video|rtsp://…>; page at http://127.0.0.1:8000
	@$(BIN)/alpr up $(if $(SOURCE),--source-from-environment) $(ARGS)

.PHONY: test
test: .venv/.ready-dev servers lint typing unit integration ## everything that must pass: lint, types, unit, real servers

.PHONY: packages
packages: # the Debian packages of the real servers: installed as root, named otherwise
	@tools/debian-packages

.PHONY: images
images: .venv/.ready-dev ## the components' images as OCI archives, in the user's cache; as root on Debian, about four minutes cold
	@tools/debian-packages node
	@tools/images

.PHONY: pin-images
pin-images: .venv/.ready-run ## write the digests of production's images, by their registries; needs helm
	@tools/pin-images --overlay kustomize/overlays/production --out kustomize/overlays/production/pinned $(ARGS)

.PHONY: servers
servers: packages ## obtain the tests' Kubernetes and event servers, once, into the user's cache; about ten minutes cold
	@tools/event-servers >/dev/null
	@tools/kubernetes >/dev/null

.PHONY: lint
lint: .venv/.ready-dev ## ruff and the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

.PHONY: typing
typing: .venv/.ready-dev ## mypy --strict
	$(BIN)/mypy

.PHONY: unit
unit: .venv/.ready-dev ## tests without servers
	$(BIN)/pytest -q -m "not integration and not long"

.PHONY: integration
integration: .venv/.ready-dev servers ## tests on real servers and processes, the short pass
	$(BIN)/pytest -q -m "integration and not long"

.PHONY: bench-edge
bench-edge: .venv/.ready-dev ## frames a second a core against ultralytics + PP-OCR; about 25 minutes, downloads PyTorch
	$(BIN)/python tests/bench/edge.py

.PHONY: bench-passes
bench-passes: .venv/.ready-dev ## right readings a vehicle pass, fused against single frames; about 15 minutes
	$(BIN)/python tests/bench/passes.py

.PHONY: bench-operator
bench-operator: .venv/.ready-dev servers ## the operator at 1,000, 5,000 and 10,000 cameras on a real control plane; about 15 minutes
	$(BIN)/python tests/bench/operator_ladder.py $(ARGS)

.PHONY: chaos-edge
chaos-edge: .venv/.ready-dev ## 100 seeded kill -9 of pipeline, agent and standalone; at most 40 minutes
	$(BIN)/python tests/chaos/edge.py

.PHONY: test-operator
test-operator: .venv/.ready-dev servers ## every test of the operator, its schemas, charts and harness, the long ones too; about 15 minutes
	@tools/debian-packages node
	$(BIN)/pytest -q operator schemas libs/kubernetes libs/sealing libs/testing tests/deploy tests/e2e/test_operator_and_agent.py \
		edge-agent/tests/integration/test_agent_on_the_api.py edge-agent/tests/integration/test_node_agent.py

.PHONY: e2e
e2e: .venv/.ready-dev servers ## apply a Camera, query its plates: images, charts and a real node, as root on Debian; about 30 minutes cold
	@tools/debian-packages node
	@tools/kubernetes kubelet kube-proxy coredns pause >/dev/null
	$(BIN)/pytest -q -s tests/e2e/cluster

.PHONY: test-deploy
test-deploy: .venv/.ready-dev servers ## charts in every size and mode, on a real API server and with real servers; about 5 minutes
	$(BIN)/pytest -q tests/deploy services/setup

.PHONY: chaos-operator
chaos-operator: .venv/.ready-dev servers ## seeded faults upon operator, nodes and API server; 22 minutes, MINUTES= and SEED= change it
	$(BIN)/python tests/chaos/operator_faults.py --minutes $(or $(MINUTES),20) --seed $(or $(SEED),7)

.PHONY: test-eventpath
test-eventpath: .venv/.ready-dev servers ## every test of the event path on its real servers, the long ones too; about 20 minutes
	$(BIN)/pytest -q libs/kafka libs/telemetry libs/images schemas services/storage-consumer services/search-indexer \
		services/dlq-consumer services/metrics-consumer services/query-api edge-agent/tests/unit \
		$(wildcard edge-agent/tests/integration/test_failure_matrix*.py) edge-agent/tests/integration/test_kafka_delivery.py \
		$(patsubst %,libs/testing/tests/integration/test_%.py,event_load kafka object_store opensearch own_postgres registry \
			timescale zygote) \
		$(filter-out %/test_operator_and_agent.py,$(wildcard tests/e2e/test_*.py))

.PHONY: bench-eventpath
bench-eventpath: .venv/.ready-dev servers ## the event path beside its ceilings: raw COPY, raw _bulk, fdatasync; about 6 minutes
	$(BIN)/python tests/bench/eventpath.py $(ARGS)

.PHONY: chaos-eventpath
chaos-eventpath: .venv/.ready-dev servers ## 2,000 seeded faults over a million events, then the proof; at most 80 minutes, CHAOS_FAULTS=50 is short
	$(BIN)/python tests/chaos/eventpath.py $(ARGS)

.PHONY: soak-eventpath
soak-eventpath: .venv/.ready-dev servers ## two hours at 200 events a second: memory, handles and threads flat, nothing missing
	$(BIN)/python tests/chaos/eventpath_soak.py $(ARGS)

.PHONY: evaluate
evaluate: .venv/.ready-dev ## score LABELS=photos.csv
	$(BIN)/alpr evaluate $(LABELS)

.PHONY: crds
crds: .venv/.ready-dev ## write crds/ from the models, and the charts' copies of them
	$(BIN)/python -m alpr_schemas.crd crds
	helm/copy-crds
	$(BIN)/python helm/write_schemas.py

.PHONY: format
format: .venv/.ready-dev ## let ruff write the format
	$(BIN)/ruff check --fix -q . || true
	$(BIN)/ruff format -q .

.PHONY: lock
lock: ## pin anew from the pyproject files; needs uv
	tools/lock

.PHONY: clean
clean: ## remove what setup and tests made; alpr-data stays
	rm -rf .venv .uv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
