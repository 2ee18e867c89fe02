# The only front door. `make demo` and `make test` set up everything they need.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
KUBECONFIG ?=
# where a test may be without a marker: collecting the others costs seconds
UNIT := $(filter-out tests/integration/ tests/e2e/ tests/faults/,$(wildcard tests/*/))
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Bytecode is kept, whatever the shell says: each of many processes would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help venv demo test faults check unit lint generate cluster cluster-down image chart cli sbom audit bench clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n",$$1,$$2}' $(MAKEFILE_LIST)

venv: $(VENV)/.installed

$(VENV)/.installed: requirements/dev.lock pyproject.toml
	@python3 hack/venv.py $(VENV)
	@touch $@

check: venv ## lint, types, import contracts, dependencies, generated files, unit tests (under 40 seconds)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target unit lint

unit: venv
	pytest -q -n 2 -m "not integration and not e2e and not rollouts and not packages and not slow" $(UNIT)

lint: venv
	ruff check --quiet . && ruff format --quiet --check .
	mypy
	lint-imports
	deptry --no-ansi operator
	$(PY) -m linnet.api.generate --check

generate: venv ## CRDs and the log's schema from the API's types, and the reference pages of API and chart
	$(PY) -m linnet.api.generate
	$(PY) hack/chart.py docs

cluster: venv ## start the embedded cluster (a real one, on this machine), with a gateway
	python3 hack/cluster/cluster.py up
	python3 hack/cluster/cluster.py gateway

cluster-down: ## stop the embedded cluster and leave nothing
	python3 hack/cluster/cluster.py down

image: venv ## build the operator's and the example server's images, and import them
	python3 hack/cluster/cluster.py images

chart: venv ## lint the chart and validate what it renders
	python3 hack/chart.py

cli: venv ## the command line in one file, build/kubectl-linnet.pyz, and what krew installs it with
	$(PY) hack/zipapp.py

sbom: venv ## what the image's Python is made of, as CycloneDX, from the lock: build/sbom/linnet.cdx.json
	@mkdir -p build/sbom
	cyclonedx-py requirements requirements/operator.lock --pyproject pyproject.toml --output-reproducible --of JSON -o build/sbom/linnet.cdx.json

audit: venv ## known flaws of all that the locks name; without a network ADVISORIES=<OSV's all.zip for PyPI>
	$(PY) hack/audit.py $(if $(ADVISORIES),--advisories $(ADVISORIES))

test: venv ## every test, all three tiers, on the embedded cluster
	python3 hack/test.py

faults: venv ## two stories once for each fault at each write (hours; make test tries a sample); SHARE=2/10: the second tenth
	pytest -q -m integration -n 3 --dist loadscope --whole $(if $(SHARE),--share $(SHARE)) tests/faults

demo: venv ## the whole story on real input
	$(PY) -m demo

bench: venv ## measure, print a table, write build/bench/*.json
	$(PY) -m bench
