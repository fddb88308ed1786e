# `make start` and `make test` work on a fresh checkout. Without make: python packaging/bootstrap start
PYTHON ?= python3
BOOTSTRAP = @$(PYTHON) packaging/bootstrap

.PHONY: start stop setup test check bench docs lock clean
start:  ## set up if needed, start the daemon, print where it listens
	$(BOOTSTRAP) start $(ARGS)
stop:   ## stop the daemon
	$(BOOTSTRAP) stop
setup:  ## set up only
	$(BOOTSTRAP) setup
test:   ## lint, types, walls, reference pages, all tests
	$(BOOTSTRAP) test $(ARGS)
check:  ## the same without the tests that start processes
	$(BOOTSTRAP) check $(ARGS)
bench:  ## speed, against the bare engine loop
	$(BOOTSTRAP) bench $(ARGS)
docs:   ## write the generated reference pages
	$(BOOTSTRAP) docs
lock:   ## write requirements.lock and requirements-dev.lock
	$(BOOTSTRAP) lock
clean:  ## remove .venv and the tools' caches
	$(BOOTSTRAP) clean
