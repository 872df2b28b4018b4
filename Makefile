# Bounding the Evidence. `make help` says what there is; README.md has the plain commands behind it.

PYTHON      ?= python3
TORCH_INDEX ?=
VENV        := .venv
BIN         := $(VENV)/bin
PEERS       := .venv-peers
BINDER      := .venv-binder
TEACHING    := .venv-teaching
# Python for a measurement of the book, which finds the code of the book and of its tests.
MEASURE     := PYTHONPATH=book/_ext:tests:tests/browser $(BIN)/python

# One thread, so that sums are made in one order; and nothing of the caller's that would change a figure or an import.
export OMP_NUM_THREADS = 1
export MKL_NUM_THREADS = 1
unexport MPLBACKEND PYTHONPATH PYTHONWARNINGS

.PHONY: help venv book pdf offline site test coverage test-anywhere test-cut-off test-browser test-binder test-dist test-slow dist lint linkcheck check-release \
  format notebooks chapters checks pages preview vendor bench test-peers peers binder test-teaching teaching serve clean distclean

help:
	@echo "make book       build the book: _build/html/index.html"
	@echo "make pdf        the whole book as one PDF, _build/pdf/; needs Chromium, as the next does"
	@echo "make offline    the book as a zip to read without a network, _build/offline/"
	@echo "make site       all three as they are published, _build/site/"
	@echo "make test       lint, types, tests, and every notebook run again and compared"
	@echo "make coverage   the lines and branches of vaelib that no test runs"
	@echo "make test-anywhere  tests and notebooks, no output compared: for other systems than Linux on x86"
	@echo "make test-cut-off   make test without a network: Linux, unshare"
	@echo "make test-browser  the built pages in Chromium: figures that move, axe, budgets, keyboard"
	@echo "make dist       the library as wheel and sdist, _build/dist/"
	@echo "make test-dist  both in bare environments, with the lowest and the newest dependencies; needs a package registry"
	@echo "make test-binder  every notebook in the environment that Binder makes, $(BINDER), and one in JupyterLab"
	@echo "make test-teaching  an exercise in nbgrader and in otter-grader, in $(TEACHING): handed out, answered, graded"
	@echo "make test-slow  training that is killed, training on several processes, and test-peers"
	@echo "make notebooks  write book/notebooks/ from the chapters, with outputs (commit them)"
	@echo "make serve      build the book and serve it at http://localhost:8000"
	@echo "make chapters   measure every chapter: seconds, memory, words (benchmarks/CHAPTERS.md)"
	@echo "make checks     try every check on learners' answers: what it says, how soon (benchmarks/CHECKS.md)"
	@echo "make pages      measure every page in Chromium, some minutes (benchmarks/PAGES.md)"
	@echo "make bench      measure vaelib beside its peers, some 20 minutes (benchmarks/RESULTS.md)"
	@echo "make test-peers the values and gradients of vaelib against its peers'; both install $(PEERS)"
	@echo "make preview    draw the picture that a message shows in place of a link"
	@echo "make linkcheck  follow every link that leads out of the book (needs the network)"
	@echo "make check-release  whether tag and addresses are right, before the site is published"
	@echo "make vendor     renew what is kept from npm packages: MathJax, icons (needs npm)"
	@echo "make lint       ruff, mypy, zizmor;  make format  lets ruff mend what it can"
	@echo "make clean      remove what was built;  make distclean  removes $(VENV) too"
	@echo
	@echo "Each makes $(VENV) itself where it is missing or out of date. Variables:"
	@echo "  PYTHON=python3.12   which Python (3.11 or newer) makes $(VENV)"
	@echo "  TORCH_INDEX=https://download.pytorch.org/whl/cpu   torch without GPU libraries, on Linux"

# The environments: what makes each, the file with its pins, what it must be able to import.
venv peers binder: IMPORTS = matplotlib.font_manager, torch, vaelib
venv peers teaching: LIBRARY = $$pip --no-build-isolation --no-deps --editable .

venv: FOLDER = $(VENV)
venv: PINS = requirements.txt
venv: SAID = the pinned environment into $(VENV): some minutes, 1.5 GB or more

peers: FOLDER = $(PEERS)
peers: PINS = benchmarks/requirements.txt
peers: SAID = the peers' pinned environment into $(PEERS): some minutes, 1.5 GB or more

# What .binder/ lists, as Binder installs it: vaelib is in the list, and not editable.
binder: FOLDER = $(BINDER)
binder: PINS = .binder/requirements.txt
binder: MORE = requirements.txt $(sort $(shell find .binder -type f; find vaelib -name '*.py' -o -name '*.js' -o -name '*.css'))
binder: LIBRARY = PATH="$(CURDIR)/$(BINDER)/bin:$$PATH" .binder/postBuild
binder: SAID = what .binder/ lists into $(BINDER): some minutes, 1.5 GB

teaching: FOLDER = $(TEACHING)
teaching: PINS = book/teaching/requirements.txt
teaching: SAID = the graders' pinned environment into $(TEACHING): some minutes, 1.2 GB or more
teaching: IMPORTS = nbgrader, otter, vaelib.checks

# .ready is written last and says what was installed, where and for which Python. So nothing trusts an environment after
# an install that was cut short, a change of the pins or a move of the folder. torch is installed first and by itself,
# since pip would ask its index for every other package, too.
venv peers binder teaching:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) is missing or older than 3.11; name another one: make PYTHON=python3.12" >&2; exit 1; }
	@set -e; \
	wanted=$$({ cat $(PINS) pyproject.toml $(MORE); pwd; $(PYTHON) --version; } | cksum); \
	if [ "$$(cat $(FOLDER)/.ready 2>/dev/null)" != "$$wanted" ]; then \
	  echo "Installing $(SAID)."; \
	  $(PYTHON) -c 'import ensurepip, venv' || \
	    { echo "make: $(PYTHON) cannot make virtual environments; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }; \
	  $(PYTHON) -m venv --clear $(FOLDER); \
	  pip="$(FOLDER)/bin/python -m pip install --disable-pip-version-check --progress-bar off"; \
	  index=$$(grep '^--extra-index-url' $(PINS) || echo $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))); \
	  $$pip --no-deps $$index "$$(grep '^torch==' $(PINS))"; \
	  grep -v '^--extra-index-url' $(PINS) > $(FOLDER)/requirements.txt; \
	  $$pip --requirement $(FOLDER)/requirements.txt; \
	  $(LIBRARY); \
	  $(FOLDER)/bin/python -c 'import $(IMPORTS)'; \
	  echo "$$wanted" > $(FOLDER)/.ready; \
	fi

book: venv
	$(BIN)/python book/_ext run
	$(BIN)/jupyter-book build . -W -n --keep-going
	@echo "The book is built: _build/html/index.html"

# After each, tests look at what was made: whether a link leads nowhere, an equation is not set, a page is missing.
pdf: book
	$(BIN)/python book/_ext pdf
	$(BIN)/pytest -q tests/print/test_paper.py

offline: book
	$(BIN)/python book/_ext offline
	$(BIN)/pytest -q tests/print/test_zip.py

# As it is published: the addresses in every page's footer are those of the two files beside the pages.
site: pdf offline
	rm -rf _build/site
	cp -R _build/html _build/site
	cp _build/pdf/bounding-the-evidence.pdf _build/offline/bounding-the-evidence.zip _build/site/

# All tests of a file run in one process, so that what a file builds, parses or judges once is kept.
test: lint
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow" --nbval --nbval-current-env \
	  --nbval-sanitize-with tests/notebooks.cfg --ignore=book/notebooks/exercises tests book/notebooks
	@echo "All tests passed: lint, types, tests, and every notebook prints what it says."

# By itself, for it makes the tests take nearly twice as long.
coverage: venv
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow" --cov --cov-report=term

test-anywhere: venv
	$(BIN)/pytest -n 2 -m "not slow"
	$(BIN)/pytest --nbval-lax --nbval-current-env -n 2 --dist loadfile --ignore=book/notebooks/exercises book/notebooks
	@echo "All tests passed, and every notebook ran; no output was compared."

# A network of its own, in which there is only this machine: whatever a test asks of any other fails.
test-cut-off: venv
	unshare --map-root-user --net sh -c 'ip link set lo up && exec "$$0" test' "$(MAKE)"

test-browser: book
	$(BIN)/pytest -n 2 --dist worksteal tests/browser
	@echo "All pages passed: quiet, light, accessible, by keyboard and without scripts; and every figure moves."

# The wheel is built from the sdist, so that nothing is in it that the sdist lacks.
dist: venv
	rm -rf _build/dist
	$(BIN)/python -m build --no-isolation --outdir _build/dist

test-dist: dist
	TORCH_INDEX="$(TORCH_INDEX)" $(BIN)/pytest -p no:cacheprovider --durations=0 tests/dist
	@echo "Wheel and sdist passed: whole, accepted, and good with the lowest and the newest that they may meet."

test-binder: venv binder
	$(BIN)/pytest -n 2 -rP tests/binder
	@echo "All passed: Binder's environment is small, and every notebook runs there."

# Where the graders cannot be installed, the tests say so and skip.
test-teaching: venv
	-$(MAKE) teaching
	$(BIN)/pytest -p no:cacheprovider tests/teaching

test-slow: venv test-peers
	$(BIN)/pytest -n 2 -m slow
	@echo "All slow tests passed: kills, several processes, peers."

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/zizmor --offline --quiet .github

linkcheck: venv
	$(BIN)/python book/_ext run
	$(BIN)/jupyter-book build . --builder linkcheck

# What .github/workflows/deploy.yml asks before it publishes: TAG, SITE and REPOSITORY are what GitHub says they are.
check-release: venv
	$(BIN)/python book/_ext check-release "$(TAG)" "$(SITE)" "$(REPOSITORY)"

format: venv
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: venv
	$(BIN)/python book/_ext notebooks

chapters: venv
	$(MEASURE) benchmarks/chapters.py

preview: venv
	$(BIN)/python book/_ext preview

checks: venv
	$(MEASURE) benchmarks/checks.py

pages: venv
	$(MEASURE) benchmarks/pages.py

vendor: venv
	$(BIN)/python book/_ext vendor

bench: peers
	$(PEERS)/bin/python benchmarks/bench.py

test-peers: peers
	$(PEERS)/bin/python -m pytest -p no:cacheprovider benchmarks/test_peers.py

serve: book
	$(BIN)/python -m http.server 8000 --bind 127.0.0.1 --directory _build/html

clean:
	rm -rf _build build *.egg-info .coverage .coverage.* .pytest_cache .ruff_cache .mypy_cache
	find book vaelib tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV) $(PEERS) $(BINDER) $(TEACHING)
