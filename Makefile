PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help env demo test test-long fuzz test-real witnesses red-team names torture check bench build clean

help:
	@echo "make demo      make the environment, grade the example class, say where the pages are"
	@echo "make test      make the environment, check format, lint, types, layers, generated files; run the tests"
	@echo "make check     the same checks without the tests"
	@echo "make test-long the longer tests: every example submission, every layer switched off"
	@echo "make fuzz      10,000 odd answers to each comparison, several hundred to each check"
	@echo "make test-real the assignments on real pretrained weights, which it downloads (180 MB)"
	@echo "make witnesses how near the references lie to computations that owe them nothing"
	@echo "make names     grade every known program under 50 names: no points may depend on the name (an hour)"
	@echo "make red-team  every attack with its control, and the table of them"
	@echo "make torture   kill the grader at every step and at random, many times over (20 minutes)"
	@echo "make bench     measure: the demo's time, and what the harness costs beside nbgrader"
	@echo "make build     make the student notebooks and the example class from their sources"
	@echo "make env       make the environment in .venv"

env: $(VENV)/.ready

# torch comes first and pinned: a range would pull the CUDA build.
# requirements-grading.txt, if there is one, names what a course's notebooks import beyond the harness's own.
$(VENV)/.ready: pyproject.toml constraints.txt $(wildcard requirements-grading.txt)
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name it: make PYTHON=python3.11")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pip torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(if $(wildcard requirements-grading.txt),$(BIN)/python -m pip install --quiet --constraint constraints.txt --requirement requirements-grading.txt)
	touch $@

demo: env
	$(BIN)/autograder demo --out demo-results

check: env
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/autograder build --check
	$(BIN)/python examples/make_class.py --check

test: check
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile

test-long: env
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile -m long

fuzz: env
	AUTOGRADER_FUZZ_CASES=10000 $(BIN)/python -m pytest tests/fuzz -n auto --maxprocesses 8 --dist load -m "long or not long"

test-real: env
	$(BIN)/python -m tests.real_models.weights .real-models
	AUTOGRADER_REAL_MODELS=.real-models $(BIN)/python -m pytest tests/real_models -m real_model

# nnsight is a witness of the tests, nothing that the project needs.
witnesses: env
	$(BIN)/python -m pip install --quiet --constraint constraints.txt nnsight==0.8.1
	$(BIN)/python -m pytest tests/assignments --witness-table -m "long or not long" -k test_reference

red-team: env
	$(BIN)/python -m pytest tests/red_team --red-team-table -m "slow or not slow"

names: env
	$(BIN)/autograder verify --names 50 --html verification-pages

torture: env
	$(BIN)/python -m pytest -m slow tests/grading/test_torture.py

bench: env
	$(BIN)/python -m pytest -m benchmark
	$(BIN)/python benchmarks/against_nbgrader.py
	$(BIN)/python benchmarks/speed.py

build: env
	$(BIN)/autograder build
	$(BIN)/python examples/make_class.py

clean:
	rm -rf $(VENV) demo-results .mypy_cache .ruff_cache .pytest_cache
