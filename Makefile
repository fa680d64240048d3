# One task runner with few verbs. `make` alone lists them.

PYTHON := .venv/bin/python
PORT ?= 8080
REAL := $(if $(LLM),--llm) $(if $(SOURCE),--source '$(SOURCE)') $(if $(INPUT),--input '$(abspath $(INPUT))') $(if $(FROM),--from '$(FROM)') $(if $(TO),--to '$(TO)')

.DEFAULT_GOAL := help
.PHONY: help install demo ui test test-services check bench evaluate clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' Makefile

install: .venv/.installed ## make .venv and install everything that is pinned

# Again only when what is to be installed has changed.
.venv/.installed: requirements.txt requirements-cuda.txt pyproject.toml
	@sh scripts/install.sh
	@touch $@

demo: install ## the main job, end to end; a real file: SOURCE=amazon_reviews INPUT=path FROM=2014-02-03 TO=2014-03-30; a small language model: LLM=1
	@$(PYTHON) scripts/demo.py --port $(PORT) $(REAL)

ui: install ## Airflow's web UI on what the demo left; Ctrl-C stops it; another port: PORT=8081
	@$(PYTHON) scripts/demo.py --ui --port $(PORT) $(REAL)

test: install ## the tests that need no scheduler and no long history
	@$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not airflow and not faults and not slow' $(ARGS)

test-services: install ## the slow tests: real Airflow schedulers, kills at every write, whole histories, erasures
	@$(PYTHON) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'airflow or faults or slow' $(ARGS)

check: install ## formatting, lint and laws, types, dead links, dependencies
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@$(PYTHON) scripts/check_docs.py
	@$(PYTHON) -m pip check

bench: install ## how fast each stage is on this machine
	@$(PYTHON) scripts/bench.py $(ARGS)

evaluate: install ## what comes out on real data, against known answers
	@$(PYTHON) scripts/evaluate.py $(ARGS)

clean: ## remove what the demo and the tests made; .venv stays
	@rm -rf var .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
	@find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
