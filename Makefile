# Every command prints what it is doing and ends with a plain result. The work is in scripts/.
.PHONY: help run test check bench soak fuzz package clean

help:
	@echo "make run     install what is missing, build, make the demonstration on first start, serve"
	@echo "make test    every test: unit, integration, browser, interoperability, tidy"
	@echo "make check   format, lints as errors, tidy"
	@echo "make bench   figures beside limits and peers; ROWS=\"prefix …\" chooses"
	@echo "make soak    long fault, kill and load runs; SECONDS_EACH=600, RUNS=\"part of a name …\""
	@echo "make fuzz    mutated input against every parser; SECONDS_EACH=60"
	@echo "make package a Debian package in target/packages"
	@echo "make clean   remove what was built; keeps var/"

run:
	@scripts/run

test:
	@scripts/test

check:
	@scripts/check

bench:
	@scripts/bench $(ROWS)

soak:
	@scripts/soak

fuzz:
	@scripts/fuzz

package:
	@scripts/package

clean:
	@rm -rf target
	@echo "make clean: target/ removed; var/ (data of make run) kept"
