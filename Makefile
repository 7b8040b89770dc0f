# Two commands do everything: make demo, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check bench format clean

demo: $(READY)
	$(BIN)/doumen demo

test: $(READY)
	@echo "Two files at a time; most tests wait for simulated devices. About four minutes on two cores."
	$(BIN)/pytest --numprocesses 2 --dist loadfile

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	PYTHONPATH=firmware $(BIN)/lint-imports
	$(BIN)/python tools/check_firmware.py

bench: $(READY)
	$(BIN)/python -m tools.bench

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

$(READY): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Doumen needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	@echo 'Setting up $(VENV); the first time this downloads some packages.'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $(READY)

clean:
	rm -rf $(VENV) demo-output bench-output build dist
