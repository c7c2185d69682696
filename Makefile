# `make run` is the whole study; `make help` lists the rest.
SHELL := /bin/sh
PYTHON ?= $(shell command -v python3.11 || command -v python3)
# CPU-only PyTorch where pip would bring CUDA: make setup TORCH_INDEX=<the --index-url that PyTorch's "Get started" page gives for CPU>
TORCH_INDEX ?=
NEW_ENOUGH = $(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info[:2] >= (3, 11) else "Python 3.11 or newer is needed: make setup PYTHON=/path/to/python3.11")'
PIP = -m pip install --quiet --disable-pip-version-check --no-input
TORCH = .venv-torch/bin/python
TF = .venv-tf/bin/python
GPU := $(shell command -v nvidia-smi >/dev/null 2>&1 && nvidia-smi -L >/dev/null 2>&1 && echo yes)
TF_REQUIREMENTS = requirements-tf$(if $(GPU),-gpu).txt
ARGS ?=
# Tests run in this many processes, a file at a time, in the order of tests/conftest.py: JOBS=1 for one after the other.
JOBS ?= 2
PARALLEL = $(if $(filter-out 0 1,$(JOBS)),-n $(JOBS) --dist loadfile --no-loadscope-reorder)
# Containers set it; a study starts a hundred short processes, each of which would compile the package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup setup-dev run test check check-fast lint fast ui tensorboard bench proofs messages deps params doctor clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

setup:  ## build both environments, side by side (3 to 10 minutes, 5 GB)
	@$(MAKE) --no-print-directory -j2 .venv-torch/.ready .venv-tf/.ready

.venv-torch/.ready: requirements-torch.txt requirements-torch-nodeps.txt constraints-torch.txt pyproject.toml
	@$(NEW_ENOUGH)
	@echo "Building .venv-torch (PyTorch, timm, DVC, MLflow): 2 to 5 minutes"
	$(PYTHON) -m venv .venv-torch
	$(if $(TORCH_INDEX),$(TORCH) $(PIP) torch==2.13.0 --index-url $(TORCH_INDEX))
	$(TORCH) $(PIP) -r requirements-torch.txt -c constraints-torch.txt
	$(TORCH) $(PIP) --no-deps -r requirements-torch-nodeps.txt
	$(TORCH) $(PIP) --no-deps -e .
	@touch $@

.venv-tf/.ready: requirements-tf.txt requirements-tf-gpu.txt requirements-tf-common.txt constraints-tf.txt
	@$(NEW_ENOUGH)
	@echo "Building .venv-tf (TensorFlow): 1 to 4 minutes"
	$(PYTHON) -m venv .venv-tf
	$(TF) $(PIP) -r $(TF_REQUIREMENTS) -c constraints-tf.txt
	@touch $@

setup-dev: .venv-torch/.dev .venv-tf/.dev  ## both environments with the test tools

.venv-torch/.dev: .venv-torch/.ready requirements-dev.txt requirements-test.txt requirements-linux.txt
	$(TORCH) $(PIP) -r requirements-dev.txt -c constraints-torch.txt
	@test "$$(uname)" != Linux || $(TORCH) -c 'import triton, xgboost' 2>/dev/null || $(TORCH) $(PIP) -r requirements-linux.txt
	@touch $@

.venv-tf/.dev: .venv-tf/.ready requirements-test.txt
	$(TF) $(PIP) -r requirements-test.txt -c constraints-tf.txt
	@touch $@

run: setup  ## set up and run the study of params.yaml, then print the answer (ARGS="profile=full --yes")
	@.venv-torch/bin/bakeoff run $(ARGS)

check: setup-dev check-fast  ## lint and the fast tests

check-fast: .venv-torch/.dev
	@$(MAKE) --no-print-directory -j2 lint fast

fast: .venv-torch/.dev  ## the fast tests alone
	$(TORCH) -m pytest -q $(PARALLEL) -m "not slow" -x

lint: .venv-torch/.dev  ## format, lint, types, dvc.yaml against the imports, composed params
	.venv-torch/bin/ruff format --check .
	.venv-torch/bin/ruff check .
	.venv-torch/bin/pyright
	$(TORCH) tools/stage_deps.py
	.venv-torch/bin/bakeoff params --check

test: setup-dev  ## all tests: in .venv-torch, then in .venv-tf those of the rooms that its stages import
	@mkdir -p .bakeoff
	$(TORCH) -m pytest -q $(PARALLEL) --junitxml=.bakeoff/tests-torch.xml
	$(TF) -m pytest -q $(PARALLEL) --rooms-of tf --junitxml=.bakeoff/tests-tf.xml
	$(TORCH) tools/skipped_in_both.py .bakeoff/tests-torch.xml .bakeoff/tests-tf.xml

ui: setup  ## MLflow over the local store on 127.0.0.1, opening on the table of runs
	@.venv-torch/bin/bakeoff ui $(ARGS)

tensorboard: setup  ## TensorBoard over the event files (tracking.tensorboard: true)
	@.venv-torch/bin/tensorboard --logdir .bakeoff/tensorboard --host 127.0.0.1 $(ARGS)

doctor:  ## what is missing, and how to fix it
	@test -x .venv-torch/bin/bakeoff || { echo "There is no .venv-torch yet: make setup"; exit 1; }
	@.venv-torch/bin/bakeoff doctor

params: .venv-torch/.ready  ## compose params.yaml from conf/
	@.venv-torch/bin/bakeoff params

messages: .venv-torch/.ready  ## bring the French catalogue up to date with code and templates
	@mkdir -p .bakeoff
	cd src/bakeoff && ../../.venv-torch/bin/pybabel -q extract -F ../../pyproject.toml -k N_ --no-location --sort-output \
		-o ../../.bakeoff/bakeoff.pot . && ../../.venv-torch/bin/pybabel -q update -i ../../.bakeoff/bakeoff.pot -d locale -D bakeoff -l fr \
		--width=120 --no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date

deps: .venv-torch/.ready  ## write every stage's code dependencies into dvc.yaml
	$(TORCH) tools/stage_deps.py --write

bench: setup  ## every benchmark, one line of JSON each
	@for script in $(filter-out %/roofline.py,$(wildcard benchmarks/*.py)); do PYTHONPATH=src $(TORCH) $$script || exit 1; done

proofs: setup-dev  ## long proofs whose results are in docs/benchmarks.md
	PYTHONPATH=src $(TORCH) benchmarks/stamps_anchor.py --full
	PYTHONPATH=src $(TORCH) benchmarks/statistics.py --full
	PYTHONPATH=src $(TORCH) benchmarks/winner.py --full
	BAKEOFF_RANDOM_STUDIES=5000 $(TORCH) -m pytest -q -n $(JOBS) tests/test_random_studies.py
	BAKEOFF_FUZZED_TABLES=20000 $(TORCH) -m pytest -q tests/catalogue/test_table_fuzz.py
	BAKEOFF_KILLS=20 $(TORCH) -m pytest -q tests/training/test_training_processes.py
	BAKEOFF_PROOFS=1 $(TORCH) -m pytest -q tests/scan/test_scan_triton.py

clean:  ## delete caches (.bakeoff/); runs, reports and the MLflow store stay
	@.venv-torch/bin/bakeoff clean
