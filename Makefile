# Each target sets up what it needs by itself: a virtual environment in .venv, and a browser for the tests.
.DEFAULT_GOAL := help
VENV ?= .venv
export VENV
RUN := $(VENV)/bin

.PHONY: help demo test test-deploy lint format bench conformance grammar platforms types notebooks kafka man release docs clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Simulated Rubin and ZTF nights flow in, filters fire, the web page opens on them
	@scripts/venv.sh broker
	$(RUN)/vobroker serve --simulate --archive "$${VOBROKER_ARCHIVE:-vobroker-data/demo}"

test: ## Every check and every test: style, types, layers, then pytest
	@scripts/venv.sh test,lint,docs
	@scripts/chromium.sh
	@scripts/servers.sh start
	@scripts/kafka.sh start 1
	@scripts/stilts.sh
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/python -m pytest -n auto --maxprocesses 5

test-deploy: ## Build the container images, bring them up, use, hurt, save and take them down
	@scripts/venv.sh test,lint,docs
	deploy/containers/build.sh
	@scripts/containers.sh start
	$(RUN)/python -m pytest -p no:xdist -x -s deploy/tests

lint: ## Style, types and layers
	@scripts/venv.sh test,lint,docs
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(RUN)/mypy
	$(RUN)/lint-imports

format: ## Put the source into its canonical form
	@scripts/venv.sh test,lint,docs
	$(RUN)/ruff check --fix
	$(RUN)/ruff format

bench: ## Measured comparisons; each prints a table
	@scripts/venv.sh test,lint,docs
	$(RUN)/python -m bench.decode
	$(RUN)/python -m bench.river
	corpus/adapters/install.sh
	$(RUN)/python -m bench.adql
	$(RUN)/python -m bench.querylog
	$(RUN)/python -m bench.tap
	$(RUN)/python -m bench.vtp
	@scripts/servers.sh start
	$(RUN)/python -m bench.crossmatch
	$(RUN)/python -m bench.visits --forget
	$(RUN)/python -m bench.visits
	@scripts/kafka.sh start 1
	$(RUN)/python -m bench.stream
	$(RUN)/python -m bench.latency
	$(RUN)/python -m bench.history
	$(RUN)/python -m bench.classifier
	$(RUN)/python -m bench.catalogue

conformance: ## Four parsers of ADQL over the query corpus; writes the tables of docs/corpus.md
	@scripts/venv.sh test,lint,docs
	corpus/adapters/install.sh
	$(RUN)/python -m bench.conformance --write docs/corpus.md --html build/adql/report.html --junit build/adql/report.xml

grammar: ## Draw the grammar of ADQL into docs/grammar.md
	@scripts/venv.sh test,lint,docs
	$(RUN)/python -m scripts.grammar

platforms: ## Run every translation on every engine; write the matrix into docs/platforms.md
	@scripts/venv.sh test,lint,docs
	@scripts/servers.sh start
	VOBROKER_WRITE_PAGES=1 $(RUN)/python -m pytest -q tests/adql/platforms

types: ## Write the tables of docs/types.md from the type table
	@scripts/venv.sh test,lint,docs
	$(RUN)/python -m scripts.types

notebooks: ## Run the notebooks and write what they show into docs/notebooks
	@scripts/venv.sh test,lint,docs
	$(RUN)/python -m scripts.notebooks

kafka: ## Start a real Kafka broker on loopback, for development
	@scripts/kafka.sh start 1

man: ## Write the manual page man/vobroker.1
	@scripts/venv.sh test,lint,docs
	$(RUN)/python -m scripts.man

release: ## Build wheel, sdist, site, SBOM and checksums into dist/
	@scripts/venv.sh release,test,lint,docs
	@scripts/release.sh

docs: ## Build the documentation into site/
	@scripts/venv.sh test,lint,docs
	$(RUN)/mkdocs build --strict

clean: ## Remove the virtual environment and all caches
	rm -rf $(VENV) site build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
