# The one door for work. The steps stand in .ci/, which continuous integration calls too.
.DEFAULT_GOAL := help
SHELL := /bin/bash
export PYTHON

ARGS ?=
SEED ?= 1
RUNS ?= 100

.PHONY: help install demo test check bench faults

help:
	@echo 'make demo     the whole road on this machine; ARGS="--records 20000 --seed 7" go to tapeline demo'
	@echo 'make test     every test; ARGS="tests/repo -k links" go to pytest'
	@echo 'make check    format, lint, types and the direction of imports'
	@echo 'make bench    records per CPU-second against a stock amazon_kclpy processor; ARGS="--rounds 1"'
	@echo 'make faults   faults under the real daemon; SEED=1 RUNS=100'
	@echo 'make install  only .venv, at the versions of constraints.txt'
	@echo
	@echo 'Needs Python 3.12 or newer; PYTHON=/path/to/python chooses one. README.md has the rest.'

install:
	@.ci/install

demo: install
	@.venv/bin/tapeline demo $(ARGS)

test: install
	@.ci/test $(ARGS)

check: install
	@.ci/check

bench: install
	@.venv/bin/python -m bench $(ARGS)

faults: install
	@.venv/bin/python -m tests.faults --seed $(SEED) --runs $(RUNS) $(ARGS)
