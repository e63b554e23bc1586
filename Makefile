# Every command prints what it is doing and ends with a plain result. The work is in scripts/.
.PHONY: help run test check bench replay soak fuzz dss package sbom clean

help:
	@echo "make run     install what is missing, build, make the demonstration on first start, serve"
	@echo "make test    every test: unit, integration, browser, interoperability, tidy"
	@echo "make check   format, tidy, dependencies, lints as errors; ADVISORIES=DIR, a copy of the RustSec database"
	@echo "make bench   figures beside limits and peers; ROWS=\"prefix …\" chooses"
	@echo "make replay  a year of a city, scaled: its time and database; SCALE=0.01, DATABASE=sqlite|postgres"
	@echo "make soak    long fault, kill and load runs; SECONDS_EACH=600, RUNS=\"part of a name …\""
	@echo "make fuzz    mutated input against every parser; SECONDS_EACH=60"
	@echo "make dss     what it signs, judged by EU DSS; needs Java and Maven"
	@echo "make package a Debian package in target/packages"
	@echo "make sbom    what it is built from, as CycloneDX: target/packages/chuky.cdx.json"
	@echo "make clean   remove what was built; keeps var/"

run:
	@scripts/run

test:
	@scripts/test

check:
	@scripts/check

bench:
	@scripts/bench $(ROWS)

replay:
	@scripts/replay

soak:
	@scripts/soak

fuzz:
	@scripts/fuzz

dss:
	@scripts/dss

package:
	@scripts/package

sbom:
	@scripts/dependencies sbom target/packages/chuky.cdx.json

clean:
	@rm -rf target
	@echo "make clean: target/ removed; var/ (data of make run) kept"
