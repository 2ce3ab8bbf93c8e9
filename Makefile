# `make demo`, `make test` and `make bench` keep their virtual environment in .venv; the benchmarks'
# peers have theirs in .venv-bench.

# The first of these that runs and is new enough: a name alone may be a shim without a Python behind.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo $$name; break; }; done)
BIN := .venv/bin
READY := .venv/.ready

# What `make bench` runs: BENCH='photos --repeats 1', for example.
BENCH ?= all

.PHONY: demo test test-long bench lint types format clean

demo: $(READY)
	$(BIN)/graft demo

test: lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q

test-long: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -q -m long

bench: $(READY)
	$(BIN)/python -m benchmarks.speed $(BENCH)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "graft needs Python 3.11 or later; say which with PYTHON=..."; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $(READY)

clean:
	rm -rf .venv .venv-bench .bench-data build src/*.egg-info .mypy_cache .ruff_cache
