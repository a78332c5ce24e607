# One word for each thing one does.  `make` alone lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# What must be on the machine, as <command>:<Debian package> (or one word when they are the same).
APT_RUN := venv:python3+python3-venv
APT_BUILD := cc:gcc+libc6-dev headers:python3-dev
# No Docker: its package would start an engine on the machine.  Where one is, it is tested against.
APT_TEST := chromium curl etcd:etcd-server haproxy nginx:nginx-light pg_ctlcluster:postgresql named:bind9 openssl \
	redis-server slowhttptest
APT_PAGES := npm
APT_BENCH := nginx:nginx-light wrk

FUZZ_INPUTS := 10000000
FUZZ_SECONDS_IN_TEST := 20

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input -qq
# Wheels only, each with its hash; the lock is complete, so that nothing is left to resolve.
INSTALL := $(PIP) install --require-hashes --only-binary=:all: --no-deps --progress-bar=off \
	--root-user-action=ignore
SUITES = $(wildcard tests/unit tests/scripts tests/contract tests/conformance)
# Tests that need no gateway and look at no clock, and tests that mostly wait for processes: those wait
# side by side.
INSTALLED := tests/unit tests/conformance tests/fuzz
WAITING := tests/faults tests/e2e tests/contract
# What puts a load on the gateway and looks at the clock has the machine to itself.
ALONE := tests/e2e/test_overload.py tests/e2e/test_nobody_is_lost.py tests/e2e/test_shield.py \
	tests/faults/test_slow_attacks_shielded.py
# What soaks besides the faults: what repeats under load, at length.
LONG := tests/contract/realtime/test_invariant.py tests/e2e/test_nobody_is_lost.py tests/e2e/test_reload.py \
	tests/e2e/test_renewal.py
# Of what is installed, what cannot wait for an idle core: it looks at its own priority, or at the clock.
PROMPT := tests/unit/support/test_giving_way.py tests/contract/valkey
# Runs only while a core has nothing else to do.
IDLE := $(shell chrt --idle 0 true 2>/dev/null && echo chrt --idle 0 || echo nice -n 19)
SOURCES = $(shell find src -name '*.py')
# The code as it stands in src, not the copy that is installed.
HERE := PYTHONPATH=src

.PHONY: help setup run test check fix bench fuzz docs e2e soak coverage lock
.PHONY: system-run system-build system-test system-bench static as-python FORCE

help: ## this list
	@grep -hE '^[a-z0-9]+:.*## ' Makefile | sed -E 's/^([a-z0-9]+):.*## /\1\t/' | expand -t 10

setup: system-run .venv/.test system-build .venv/.gateway ## .venv from requirements.lock, and the gateway compiled in it

run: setup .venv/pages/installed ## the gateway in front of the sample services of the platform
	@exec $(BIN)/python -m examples.tta.run

# What needs no gateway runs while it is compiled.  Of the tests that wait four run at once, first those
# that take long; they leave a third of both cores idle, and that is for the units, all of them, on the
# gateway as it is installed, with many examples.  Which of them fail, for want of a core perhaps, are
# run once more by themselves, and count then.
test: system-run .venv/.test system-test ## every test: the checks, a short fuzz, then all of tests/
	@$(MAKE) static as-python > .venv/meanwhile.txt 2>&1 & meanwhile=$$!; \
	$(MAKE) setup || { kill $$meanwhile; exit 1; }; \
	wait $$meanwhile || { cat .venv/meanwhile.txt; exit 1; }; \
	tail -n 1 .venv/meanwhile.txt
	@$(BIN)/python -m tests.fuzz.run --seconds $(FUZZ_SECONDS_IN_TEST)
	@$(BIN)/python scripts/run_tests.py -q $(ALONE)
	@$(BIN)/python -m pytest -q -n 2 -o pythonpath=. $(PROMPT)
	@$(BIN)/python scripts/run_tests.py --by "$(IDLE)" -q -n 2 --dist loadfile -opythonpath=. --hypothesis-profile=thorough \
		$(PROMPT:%=--ignore=%) $(INSTALLED) > .venv/installed.txt 2>&1 & installed=$$!; failed=0; \
	$(BIN)/python scripts/run_tests.py -q -n 4 --hypothesis-profile=thorough --dist loadfile --no-loadscope-reorder \
		$(ALONE:%=--ignore=%) $(WAITING) || failed=1; \
	wait $$installed && tail -n 1 .venv/installed.txt || { cat .venv/installed.txt; exit 1; }; \
	exit $$failed

check: system-run .venv/.test static ## all that needs no gateway: style, types, imports, layout, units, docs
	@$(BIN)/python -m pytest -q -m "not redis and not e2e" $(SUITES)

fix: .venv/.test ## put the style right where a machine can
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format --quiet
	@$(BIN)/ruff check

bench: setup system-bench .venv/.bench ## what a request costs, beside the peers
	@$(BIN)/python bench/run.py
	@$(BIN)/python bench/guarded.py
	@$(BIN)/python bench/asking.py
	@$(BIN)/python bench/paper.py --write
	@$(BIN)/python bench/turn.py --write
	@$(BIN)/python bench/scanning.py --write
	@$(BIN)/python bench/slow_reader.py
	@$(BIN)/python bench/node.py
	@$(BIN)/python bench/tls.py
	@$(BIN)/python bench/tunnel.py --write
	@$(BIN)/python bench/valkey.py --write
	@PYTHONPATH=. $(BIN)/python bench/web_socket.py --write
	@$(BIN)/python bench/channels.py --write
	@PYTHONPATH=. $(BIN)/python bench/realtime.py --write

fuzz: setup ## every parser, with ten million inputs
	@$(BIN)/python -m tests.fuzz.run --inputs $(FUZZ_INPUTS)

docs: .venv/.test ## write docs/reference anew, from the code
	@$(HERE) $(BIN)/python -m tta_gateway docs

e2e: setup system-test ## only the tests that start processes
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile $(wildcard tests/e2e tests/faults)

soak: setup system-test ## the faults once more, the quick ones ten times as often; all else that repeats, at length
	@SOAK=10 SEEDS=200 $(BIN)/python -m pytest -q tests/faults $(LONG)

coverage: .venv/.test ## what the tests without processes reach, line by line
	@$(BIN)/coverage run -m pytest -q -m "not redis" $(SUITES)
	@$(BIN)/coverage report --show-missing --skip-covered

lock: .venv/.lock ## resolve pyproject.toml again; `make lock UPGRADE=1` takes the newest
	@$(BIN)/python scripts/lock.py $(if $(UPGRADE),upgrade,update)

# On src as it stands, the units of what is compiled when it is installed; but for those of the pure
# modules, which check_layout.py runs.
as-python:
	@$(BIN)/python -m scripts.unit_tests > .venv/units.txt
	@$(HERE) $(BIN)/python -m pytest -q -n 2 tests/scripts @.venv/units.txt

static:
	@$(BIN)/ruff format --check --quiet || { echo "make fix puts this right:"; $(BIN)/ruff format --check; }
	@$(BIN)/ruff check --quiet
	@$(BIN)/mypy --no-error-summary
	@$(HERE) $(BIN)/lint-imports --no-logo > .venv/imports.txt || { cat .venv/imports.txt; exit 1; }
	@$(BIN)/python scripts/check_layout.py
	@$(BIN)/python scripts/check_layout.py --coverage
	@$(BIN)/python scripts/lock.py check
	@$(HERE) $(BIN)/python -m tta_gateway docs --check

# --- the environment -----------------------------------------------------------------------------
# A stamp is as new as what it was made from: nothing runs when nothing has changed.

system-run:
	@scripts/system_packages.sh $(APT_RUN)

# Without a compiler or Python's headers the gateway is installed all the same, interpreted.
system-build: system-run
	@scripts/system_packages.sh $(APT_BUILD) || echo "setup: without them the path stays interpreted"

system-test: system-run
	@scripts/system_packages.sh $(APT_TEST)

system-bench: system-run
	@scripts/system_packages.sh $(APT_BENCH)

# pip and setuptools themselves, at the versions of the lock.
.venv/.tools: requirements.lock
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		python=$$(scripts/find_python.sh); \
		echo "setup: .venv from $$python"; \
		"$$python" -m venv --clear .venv; }
	@$(BIN)/python scripts/lock.py show tools > .venv/tools.txt
	@$(INSTALL) -r .venv/tools.txt
	@touch $@

.venv/.test: .venv/.tools requirements.lock pyproject.toml
	@$(BIN)/python scripts/lock.py show test > .venv/test.txt
	@echo "setup: $$(grep -c == .venv/test.txt) packages from requirements.lock"
	@$(INSTALL) -r .venv/test.txt
	@touch $@

# The gateway itself, its request path compiled: docs/decisions/0005-compiled.md.  What changes while
# it is being compiled is newer than the stamp.
.venv/.gateway: .venv/.test setup.py $(SOURCES) .venv/.sources
	@echo "setup: compiling the request path, about four minutes"
	@rm -rf build/lib*; touch $@.begun
	@MYPY_CACHE_DIR=.mypy_cache/compiled \
		$(PIP) install --no-build-isolation --no-deps --force-reinstall --root-user-action=ignore .
	@$(BIN)/python -m pip check > .venv/check.txt || { cat .venv/check.txt; exit 1; }
	@echo "setup: $$($(BIN)/tta-gateway --version)"
	@if $(BIN)/tta-gateway --version | grep -q ', compiled$$'; then mv $@.begun $@; \
	else echo "setup: it works, at twice the CPU time: a C compiler or Python's headers are missing"; fi

# What pages in browsers want of npm; without it they say so, and all else works.
.venv/pages/installed: examples/tta/pages/package-lock.json | .venv/.tools
	@mkdir -p $(@D); cp examples/tta/pages/package*.json $(@D)
	@scripts/system_packages.sh $(APT_PAGES) && \
		npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --silent && cp $< $@ \
		|| echo "setup: without npm the pages in browsers do not work; all else does"

# The names alone: a file that is gone makes nothing older.
.venv/.sources: FORCE
	@find src -name '*.py' | sort > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi
FORCE:

.venv/.%: .venv/.test
	@$(BIN)/python scripts/lock.py show $* > .venv/$*.txt
	@echo "setup: the packages of '$*' from requirements.lock"
	@$(INSTALL) -r .venv/$*.txt
	@touch $@
