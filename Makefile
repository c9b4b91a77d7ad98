# Every target does its own set-up: Python 3.11+, make and a network of package registries are enough.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
UV_VERSION := 0.13.9
CDK_VERSION := 2.1148.1
# Stage for the CLI, flows and notebooks. A make argument wins.
STAGE ?= $(or $(DARKROOM_STAGE),dev)
# Further options of the CDK CLI, such as --require-approval never.
OPTIONS ?=
# "no" deploys although `darkroom preflight` finds a blocker.
PREFLIGHT ?=

# uv is installed into .uv if the machine has none.
SYSTEM_UV := $(shell command -v uv 2>/dev/null)
UV := $(or $(SYSTEM_UV),$(CURDIR)/.uv/bin/uv)
VENV := $(or $(UV_PROJECT_ENVIRONMENT),.venv)
RUN := $(UV) run --frozen --no-sync
# cdk.json runs the app by uv.
CDK = PATH="$(abspath $(VENV))/bin:$(dir $(UV)):$$PATH" npx --yes aws-cdk@$(CDK_VERSION)
export DARKROOM_STAGE := $(STAGE)
export UV_HTTP_TIMEOUT ?= 180

# Bytecode is kept: the tests start some hundred interpreters.
unexport PYTHONDONTWRITEBYTECODE
# Targets side by side, each with its output in one piece where make can do that.
TOGETHER = $(MAKE) --no-print-directory --jobs $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
PYTEST = $(RUN) pytest

.PHONY: help demo check test test-all quick test-units test-local test-deployments test-lifecycle test-extended test-hypothesis test-schedules schedules faults up down synth bootstrap diff deploy destroy snapshots settings lint bench calibrate lab clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.ready ## Upload pictures, see them come back: make demo [FOLDER=my/photos]
	$(RUN) darkroom demo $(if $(FOLDER),"$(FOLDER)")

check: $(VENV)/.ready ## Lint and quick unit tests side by side, for the inner loop
	@$(TOGETHER) lint quick

test: $(VENV)/.ready ## Run the tests that prove the product, or some: make test [TESTS=tests/unit/test_keys.py]
	@$(if $(TESTS),$(PYTEST) $(TESTS),$(TOGETHER) test-units test-local test-deployments)

test-all: $(VENV)/.ready ## Run the remaining tests: lifecycle, CDK CLI, browser, document commands, faults, more schedules
	@$(TOGETHER) test-lifecycle test-extended test-hypothesis test-schedules

quick:
	$(PYTEST) tests/unit -n 2 --dist loadscope -m "not slow and not extra"

test-units:
	$(PYTEST) tests/unit tests/model -m "not extra"

# These need a stack with Prefect but serve no deployment. They run with the local tests, as tests/stack does, so that
# all three processes take as long.
FLOWS_IN_PROCESS = $(addprefix tests/deployments/test_,images_export.py setup.py)

test-local:
	$(PYTEST) tests/stack tests/local $(FLOWS_IN_PROCESS) -m "not faults and not documents and not extra"

test-deployments:
	$(PYTEST) tests/deployments $(addprefix --ignore ,$(FLOWS_IN_PROCESS)) -m "not faults and not extra"

test-lifecycle:
	$(PYTEST) tests/lifecycle

test-extended:
	$(PYTEST) tests/browser tests/stack tests/local tests/deployments -m "browser or faults or documents or extra"

test-hypothesis:
	$(PYTEST) tests/unit tests/model --hypothesis-profile thorough -m "hypothesis or extra"

test-schedules:
	$(RUN) python tests/model/schedules.py --first 1000000 --number 100000

schedules: $(VENV)/.ready ## Search for orders of events that break a picture: make schedules [N=1000000] [SEED=17]
	$(RUN) python tests/model/schedules.py --number $(or $(N),100000) $(if $(SEED),--seed $(SEED))

faults: $(VENV)/.ready ## Break parts of the local stack and check that nothing is lost
	BACKFILL_IMAGES=500 $(PYTEST) tests/local tests/deployments -m faults

up: $(VENV)/.ready ## Start the local stack and leave it running
	$(RUN) darkroom up

down: $(VENV)/.ready ## Stop the local stack and remove its files
	$(RUN) darkroom down

synth: $(VENV)/.ready ## Synthesize the templates for AWS into cdk.out: make synth [STAGE=staging] [OPTIONS=…]
	$(CDK) synth --quiet $(OPTIONS)

bootstrap: $(VENV)/.ready ## Prepare the account for the CDK, once per account: make bootstrap [STAGE=staging] [OPTIONS=…]
	environments=$$($(RUN) darkroom environments --aws) && $(CDK) bootstrap $$environments $(OPTIONS)

diff: $(VENV)/.ready ## Compare the templates with what is deployed: make diff [STAGE=staging] [OPTIONS=…]
	$(CDK) diff $(OPTIONS)

# The CDK's command lifts the protection of stacks: it is set again also if the deployment fails.
deploy: $(VENV)/.ready ## Deploy every stack to AWS: make deploy [STAGE=staging] [OPTIONS=…]
	$(if $(filter no,$(PREFLIGHT)),,$(RUN) darkroom preflight --aws)
	$(CDK) deploy --all $(OPTIONS); status=$$?; $(RUN) darkroom protect --aws && exit $$status
	$(RUN) darkroom reserve --aws

destroy: $(VENV)/.ready ## Delete the stacks of a stage that is not protected: make destroy [STAGE=staging] [OPTIONS=…]
	$(CDK) destroy --all $(OPTIONS)
	$(RUN) darkroom remove-edge-function --aws

snapshots: $(VENV)/.ready ## Rewrite the templates' snapshots and tables of rights after an intended change
	DARKROOM_WRITE_SNAPSHOTS=1 $(RUN) pytest tests/stack/test_snapshots.py tests/stack/test_rights.py

settings: $(VENV)/.ready ## Write docs/settings.md, after a change of the settings model
	$(RUN) darkroom settings --markdown > docs/settings.md

lint: $(VENV)/.ready ## Check style, docstrings, imports, types and every stage's settings
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) lint-imports
	$(RUN) mypy
	$(RUN) darkroom settings --check

bench: $(VENV)/.ready ## Print speeds as ratios: make bench [ONLY=imaging]
	$(RUN) python -m tests.bench $(if $(ONLY),--only "$(ONLY)")

calibrate: $(VENV)/.ready ## Measure encoders and propose their settings: make calibrate [FOLDER=my/photos]
	$(RUN) python -m operations.calibration $(if $(FOLDER),"$(FOLDER)")

lab: $(VENV)/.ready ## Start the local stack with JupyterLab on the notebooks
	$(RUN) darkroom up --lab

clean: ## Remove what the other targets made
	@if [ -x "$(VENV)/bin/darkroom" ]; then "$(VENV)/bin/darkroom" down; fi
	rm -rf build cdk.out .darkroom .venv .uv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(CURDIR)/.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.ready: pyproject.toml uv.lock $(if $(SYSTEM_UV),,$(CURDIR)/.uv/bin/uv)
	$(UV) sync --frozen
	@touch $@
