# Each target does its own set-up and is quick when repeated.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test check format figures clean

run: $(VENV)/requirements.done
	@$(BIN)/python dashboard.py $(ARGS)

# Tests that assert how long something takes have the machine to themselves; the others share it.
test: $(VENV)/requirements-dev.done $(VENV)/browser.done $(VENV)/slurm.done check
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder -m "not timed"
	$(BIN)/python -m pytest -m timed
endif

check: $(VENV)/requirements-dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/requirements-dev.done
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

figures: $(BIN)/python
	$(BIN)/python docs/draw_architecture.py

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; name one with PYTHON=…" if sys.version_info < (3, 11) else 0)'
	@echo "Making $(VENV)."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/requirements.done: requirements.txt | $(BIN)/python
	@echo "Installing requirements.txt into $(VENV); PyTorch is large, so this takes some minutes the first time."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/requirements-dev.done: requirements-dev.txt $(VENV)/requirements.done
	@echo "Installing requirements-dev.txt into $(VENV)."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

# The browser tests need Chromium: without its windows, which is quickest, or the one that is here, else Playwright's own.
$(VENV)/browser.done: | $(VENV)/requirements-dev.done
	@command -v chromium-headless-shell \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get && apt-get update -qq \
			&& apt-get install -y -qq chromium-headless-shell; } \
		|| command -v chromium || command -v chromium-browser || command -v google-chrome \
		|| $(BIN)/playwright install chromium \
		|| echo "No browser could be installed; the browser tests will say so."
	@touch $@

# The tests of jobs in SLURM start a cluster of their own, which needs its daemons, and root.
$(VENV)/slurm.done: | $(VENV)/requirements-dev.done
	@{ command -v slurmctld && command -v munged; } >/dev/null \
		|| { [ "$$(id -u)" = 0 ] && command -v apt-get && apt-get update -qq \
			&& DEBIAN_FRONTEND=noninteractive apt-get install -y -qq slurm-wlm munge; } \
		|| echo "SLURM could not be installed; its tests will say so."
	@touch $@
