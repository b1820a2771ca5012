# make app, make test: everything else is set up on the way.
PYTHON ?= python3
BIN := .venv/bin
DEV := .venv/.dev-installed
RUN := .venv/.installed

.PHONY: app test lint slow truth hostile hostile-browser fuzz watched load published published-shortcuts bench lock clean

app: $(RUN)
	$(BIN)/python -m streamlit run app.py

test: $(DEV)
	$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .

# what takes minutes: real networks over real data (LESIONLENS_REAL_DATA), memory, card checks
slow: $(DEV)
	$(BIN)/python -m pytest -m slow

# what is said against what is true, written into docs/truth.md (what is there is not done again; LESIONLENS_REAL_DATA)
truth: $(DEV)
	$(BIN)/python -m tests.truth.verdicts
	$(BIN)/python -m tests.truth.copies
	$(BIN)/python -m tests.truth.detected
	$(BIN)/python -m tests.truth.card

# the hostile networks, cards and datasets of the tests through the whole command line, each in a process of its own (minutes)
hostile: $(DEV)
	$(BIN)/python -m tests.hostile.commandline

# the same inputs, and pictures, uploaded to the pages of one server in Chromium (minutes)
hostile-browser: $(DEV)
	$(BIN)/python -m tests.hostile.uploads

# valid files with bytes changed, into every parser of strangers' files, for FUZZ_SECONDS each; whatever is found becomes a test
fuzz: $(DEV)
	FUZZ_SECONDS=$${FUZZ_SECONDS:-60} $(BIN)/python -m pytest tests/hostile -m fuzz

# the hostile tests under strace (Linux): fails if anything is written, read, started or reached elsewhere (minutes)
watched: $(DEV)
	$(BIN)/python -m tests.hostile.watched

# 20 and 50 sessions at once, each another image, while a long run goes on (minutes; loopback only)
load: $(DEV)
	$(BIN)/python -m tests.load

# the shortcut lab on published networks over real data, written into docs/shortcuts.md (20 minutes; what is there is not done again)
published-shortcuts: $(DEV)
	$(BIN)/python -m docs.tables.published_shortcuts

# published systems trained and judged on real data, written into docs/published-systems.md (hours; what is there is not done again)
published: $(DEV)
	$(BIN)/python -m docs.tables.published_systems

bench: $(DEV)
	$(BIN)/python cli.py bench

# pin every version anew, for all supported Pythons at once (needs uv)
lock:
	uv pip compile -q --universal --python-version 3.11 --no-annotate --no-header requirements.txt -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --no-annotate --no-header -c requirements.lock requirements-fast.txt -o requirements-fast.lock
	uv pip compile -q --universal --python-version 3.11 --no-annotate --no-header -c requirements.lock -c requirements-fast.lock requirements-dev.txt -o requirements-dev.lock

clean:
	rm -rf .venv

$(RUN): requirements.lock
	$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and 'LesionLens needs Python 3.11, 3.12 or 3.13: make app PYTHON=python3.12')"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.lock
	touch $@

$(DEV): $(RUN) requirements-dev.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements-dev.lock
	touch $@
