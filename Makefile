# oms: workflow and ticket hub for PostgreSQL
#
#   make demo        a short tour on a throw-away server (installs what is missing); TOUR=all or a name shows more
#   make demo-act    a listener at work on the same, with bots and an officer, live
#   make demo-import a spreadsheet of permits becomes tickets
#   make demo-cells two databases behind one: a loan, and one of them stopped
#   make board       the traffic board in a browser, with a simulated agency
#   make test        all tests of the extension, each suite on its own throw-away server
#   make test SUITE=regress TESTS="about seal"
#   make test-all    the same, then the clients and the operating files: what CI runs
#   make test-ha     failover by Patroni under load: servers, cables and etcd fail (as root)
#   make test-fresh  demo and tests on machines that have nothing, in chroots (as root)
#   make sdk         the package of the TypeScript SDK, to install it elsewhere
#   make psql        psql on a throw-away server that has oms
#   make accept      take the last results of regress and isolation as expected
#   make format, make lint, make bench, make bench-quick, make bench-peers, make setup, make clean
#
# and with PostgreSQL's own build system, for the server that PG_CONFIG points to:
#   make && make install && make installcheck
#
# WERROR=1 turns warnings into errors; the tests build that way.

EXTENSION = oms
MODULE_big = oms
PGFILEDESC = "oms - workflow and ticket hub"

# The files of a pattern.  They are elsewhere if the build is: make -f …/Makefile
OMS_SOURCES := $(patsubst %/,%,$(or $(VPATH),$(dir $(firstword $(MAKEFILE_LIST)))))
oms_files = $(patsubst $(OMS_SOURCES)/%,%,$(sort $(wildcard $(addprefix $(OMS_SOURCES)/,$(1)))))

OBJS = $(patsubst %.c,%.o,$(call oms_files,src/*.c src/*/*.c))
OMS_HEADERS = $(call oms_files,src/*.h src/*/*.h)

# The script that makes what this library works with, and what it says of itself in C.  Both are made here from
# src/install, and stand in git.
OMS_SCRIPT = oms--1.0.sql
OMS_REGISTER = src/register.h
OMS_PARTS = $(call oms_files,src/install/*)
# Words for pgTAP, to test workflows with: an extension of its own, in SQL.
DATA = test/tap/oms_tap.control test/tap/oms_tap--1.0.sql
# A front of several databases: an extension of its own, with the same library.
OMS_FRONT = src/front/oms_front--1.0.sql
OMS_FRONT_PARTS = $(call oms_files,src/front/[0-9]*.sql)
DATA += src/front/oms_front.control $(OMS_FRONT)
DATA_built = $(addprefix stamped/,$(call oms_files,oms--*.sql))

# The server's headers are not free of these two under -Wextra.
PG_CPPFLAGS = -I$(srcdir)/src
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare $(if $(WERROR),-Werror)

EXTRA_CLEAN = build stamped tools/verify-proof/verify-proof

.DEFAULT_GOAL := all

# No bitcode: the hot paths are C, and clang is not needed to build.
override with_llvm := no

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
# Clients' packages bring pgxs.mk as well, so the headers are asked for.
SERVER_HEADERS := $(wildcard $(shell $(PG_CONFIG) --includedir-server 2>/dev/null)/postgres.h)

ifneq ($(and $(PGXS),$(SERVER_HEADERS)),)
include $(PGXS)

# On the running server, with settings of its own.
installcheck:
	@PG_CONFIG="$(PG_CONFIG)" "$(OMS_SOURCES)"/tools/installcheck.sh

ifeq ($(OMS_SOURCES),.)
$(OMS_SCRIPT): $(OMS_PARTS)
	awk -f src/install/register.awk -f src/install/join.awk src/install/register src/install/[0-9]*.sql >$@.new
	mv $@.new $@
$(OMS_REGISTER): $(OMS_PARTS)
	awk -f src/install/register.awk -f src/install/header.awk src/install/register >$@.new
	mv $@.new $@
all: $(OMS_FRONT)
$(OMS_FRONT): src/install/10_types.sql $(OMS_FRONT_PARTS) src/front/join.sed
	cat src/install/10_types.sql $(OMS_FRONT_PARTS) | sed -f src/front/join.sed >$@.new
	mv $@.new $@
endif

# PGXS does not track headers.
$(OBJS): $(OMS_HEADERS) $(firstword $(MAKEFILE_LIST))

ifneq ($(OMS_SOURCES),.)
# What stands there would be taken for ours.
ifneq ($(and $(filter all install,$(or $(MAKECMDGOALS),all)),$(wildcard $(OMS_SOURCES)/oms.so $(OMS_SOURCES)/stamped)),)
$(error $(OMS_SOURCES) was built in place: run "make clean" there first)
endif
$(shell mkdir -p $(sort $(dir $(OBJS))))
endif

# Library and SQL objects know each other by a fingerprint: the checksum of the script that makes the objects of a
# version from nothing.  It goes into the library, and into each script that leads to that version.
src/store/version.o: override CPPFLAGS += -DOMS_FINGERPRINT='"'`cksum <"$(OMS_SOURCES)/$(OMS_SCRIPT)" | cut -d ' ' -f 1,2 | tr ' ' -`'"'
src/store/version.o: $(OMS_SCRIPT)
.SECONDEXPANSION:
stamped/%.sql: %.sql oms--$$(lastword $$(subst --, ,$$*)).sql $(firstword $(MAKEFILE_LIST))
	@mkdir -p $(@D)
	set -- `cksum <$(word 2,$+)`; sed "s/@FINGERPRINT@/$$1-$$2/" $< >$@.new
	mv $@.new $@
else
# Nothing installed yet: the targets below that need a server install it first.
.PHONY: all install installcheck clean
all install installcheck:
	@echo "make $@ needs the server's development files ($(PG_CONFIG) knows no postgres.h): run 'make setup' first, or name another PG_CONFIG." >&2
	@exit 1
clean:
	rm -rf $(EXTRA_CLEAN) src/*.o src/*/*.o oms.so
endif

# Checks what oms.proof() gives, without a server: plain C.  Stamps (--tsa) need OpenSSL's libcrypto, and are left out
# without its headers.
VERIFY_PROOF = tools/verify-proof/verify-proof
VERIFY_PROOF_SOURCES = $(wildcard tools/verify-proof/*.c) src/engine/chain.c src/engine/merkle.c

.PHONY: verify-proof
verify-proof: $(VERIFY_PROOF)
$(VERIFY_PROOF): $(VERIFY_PROOF_SOURCES) $(wildcard tools/verify-proof/*.h) $(wildcard src/engine/*.h)
	$(CC) -std=c99 -O2 -g -Wall -Wextra $(if $(WERROR),-Werror) -Isrc -o $@ $(VERIFY_PROOF_SOURCES) \
	  $$(printf '\043include <openssl/ts.h>' | $(CC) -E -x c - >/dev/null 2>&1 && echo -DWITH_LIBCRYPTO -lcrypto)

.PHONY: setup test test-all test-ha test-fresh demo demo-act demo-import demo-cells board sdk psql accept format lint bench bench-quick bench-peers
setup:
	@"$(OMS_SOURCES)"/tools/setup.sh server tests
test:
	@SUITE="$(SUITE)" TESTS="$(TESTS)" "$(OMS_SOURCES)"/tools/test.sh
test-all:
	@"$(OMS_SOURCES)"/tools/test.sh --all
test-ha:
	@"$(OMS_SOURCES)"/ops/patroni/test.sh $(FAULTS)
test-fresh:
	@"$(OMS_SOURCES)"/test/fresh/run.sh $(FRESH)
demo:
	@"$(OMS_SOURCES)"/tools/demo.sh
demo-act:
	@"$(OMS_SOURCES)"/tools/demo-act.sh
demo-import:
	@"$(OMS_SOURCES)"/tools/demo-import.sh
demo-cells:
	@"$(OMS_SOURCES)"/tools/demo-cells.sh
board:
	@"$(OMS_SOURCES)"/tools/board.sh
sdk:
	@"$(OMS_SOURCES)"/tools/sdk.sh
psql:
	@"$(OMS_SOURCES)"/tools/demo.sh --psql
accept:
	@"$(OMS_SOURCES)"/tools/accept.sh
format:
	@"$(OMS_SOURCES)"/tools/format.sh
lint:
	@"$(OMS_SOURCES)"/tools/lint.sh
bench:
	@"$(OMS_SOURCES)"/bench/run.sh
bench-quick:
	@SECS=2 RUNS=1 CLIENTS=16 SYNC=on "$(OMS_SOURCES)"/bench/run.sh ticket exchange
bench-peers:
	@"$(OMS_SOURCES)"/bench/peers/run.sh
