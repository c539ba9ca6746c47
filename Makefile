# genmodels. `make help` lists the targets; every target sets up what it needs, once.
# Works with GNU make 3.81 (macOS): programs are called by their path in the environment, never through PATH.
PYTHON ?= python3
VENV   ?= .venv
OUT    ?= out
NB     ?=
DIR    ?= nbs
FORCE  ?=
BENCH  ?= bench

BIN   := $(abspath $(VENV))/bin
READY := $(VENV)/.ready
BUSY  := $(VENV)/.setting-up
PY    := $(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help setup run test lab notebooks check sync execute site docs exercises bench pre-commit clean distclean

help:            ## list the targets
	@echo 'usage: make TARGET [NB=nbs/00_gauss.ipynb] [FORCE=1] [OUT=out]'
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY)  ## create the environment .venv (every other target does this by itself)

# One stamp. $(BUSY) exists only while pip works: if it is still there, the last set-up was interrupted, packages may
# be half installed, and the environment is built anew. The same if its Python is gone or the project has moved.
$(READY): settings.ini setup.py constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3,10))' || \
	  { echo 'genmodels needs Python 3.10 or newer; for example: make PYTHON=python3.12 setup'; exit 1; }
	@if [ -e $(BUSY) ] || { [ -d $(VENV) ] && ! $(PY) -m pip --version >/dev/null 2>&1; }; then \
	  echo 'setup: the last set-up was interrupted or its Python is gone: starting over'; rm -rf $(VENV); fi
	@mkdir -p $(VENV) && touch $(BUSY)
	@echo 'setup: installing into $(VENV) (once; a minute or two)'
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install -q --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@rm -f $(BUSY) && touch $@
	@echo 'setup: done'

run: $(READY)    ## train VAE, DDPM and NCSN on the digits; samples and report in out/
	$(BIN)/genmodels run --out $(OUT) --overwrite

test: $(READY)   ## everything that must hold; with NB=... only that notebook
	@$(PY) tools/test.py $(NB)

lab: $(READY)    ## open the notebooks in JupyterLab (DIR=notebooks: the copies for readers)
	@$(PY) tools/lab.py $(DIR)

notebooks: $(READY) ## write copies of all chapters to notebooks/, to be read and run in any notebook program
	@$(PY) tools/site/copies.py

check: $(READY)  ## ruff, widths; notebooks clean, in sync and current; equations checked; changes nothing (NB=...)
	@$(PY) tools/check.py $(NB)

sync: $(READY)   ## after editing: fold and clean the notebooks, export them to genmodels/, write README.md
	@$(PY) tools/sync.py

execute: $(READY) ## run the notebooks whose outputs are stale and store what the site shows (NB=... FORCE=1)
	@$(PY) tools/execute.py $(if $(FORCE),--force) $(NB)

site: $(READY)   ## build and check the site (chapters, reference, llms.txt), to be read without a network, in _site/
	@$(PY) tools/site/proc.py
	@$(PY) tools/site/build.py

docs: $(READY)   ## the published site in _docs/ (needs Quarto 1.9 or newer)
	@command -v quarto >/dev/null || { echo 'Quarto is not installed (see quarto.org); make site needs none'; exit 1; }
	@$(PY) tools/site/proc.py
	@$(PY) tools/site/build.py
	quarto render _proc --no-execute
	rm -rf _docs && mv _proc/_docs _docs && cp -R notebooks _docs/notebooks
	rm -f _docs/*.llms.md && cp _site/llms.txt _site/*.llms.md _docs/

exercises: $(READY) ## the exercises as notebooks to hand out, in exercises/, without the solutions (NB=... FORCE=1)
	@$(PY) tools/exercises.py $(if $(FORCE),--force) $(NB)

bench: $(READY)  ## the quick benchmarks (a quarter of an hour); figures in bench/, what they mean in benchmarks/README.md
	@$(PY) benchmarks/all.py --out $(BENCH)

pre-commit: $(READY) ## from now on, look at what is committed before it is (.pre-commit-config.yaml)
	$(BIN)/pre-commit install

# exercises/ stays: somebody may have worked in it
clean:           ## remove what was built or trained, keep the environment
	rm -rf _proc _site _docs notebooks build dist *.egg-info/ out bench .pytest_cache
	find genmodels tools tests nbs benchmarks -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## remove the environments too
	rm -rf $(VENV) .wheel-env
