# `make app` and `make test` set up everything they need on a fresh machine with Python 3.11 or newer.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
HOST ?= 127.0.0.1
PORT ?= 8501

.PHONY: app test bench lint format lock clean

app: $(VENV)/.app  ## make the environment and start the app
	$(BIN)/streamlit run app.py --server.address=$(HOST) --server.port=$(PORT)

test: $(VENV)/.test  ## lint, then run all tests
	$(MAKE) lint
	$(BIN)/pytest -n 2 --dist loadfile

bench: $(VENV)/.test  ## measure; prints tables and writes JSON into build/bench
	$(BIN)/python -m tests.benchmarks

lint: $(VENV)/.test  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:  ## resolve requirements*.txt again (needs uv)
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		requirements.txt -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		-c requirements.lock requirements.txt requirements-ray.txt requirements-lance.txt requirements-llava.txt requirements-train.txt requirements-dev.txt \
		-o requirements-dev.lock

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Geoloc needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.app: requirements.lock | $(VENV)/bin/python
	$(BIN)/pip install --progress-bar off --require-hashes -r requirements.lock
	touch $@

$(VENV)/.test: requirements-dev.lock | $(VENV)/bin/python
	$(BIN)/pip install --progress-bar off --require-hashes -r requirements-dev.lock
	touch $@ $(VENV)/.app

clean:
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache
