# c1v: a retrieval pipeline of small programs. See README.md; settings are in
# config.mk.
#
#     make            build everything into build/
#     make demo       install what is needed, build, and show it at work
#     make check      every test (SAN=1: with sanitizers)
#     make help       the other targets

include config.mk

# --- where things go --------------------------------------------------------

# Each kind of build has a directory of its own.
ifdef SAN
B = build-san
MODE_FLAGS = -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
else ifdef COV
B = build-cov
MODE_FLAGS = -O0 -g --coverage
else ifdef FUZZ
B = build-fuzz
CC = clang
MODE_FLAGS = -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
else
B = build
endif

VERSION := $(shell sed -n 's/^\#define C1V_VERSION "\(.*\)"/\1/p' common/base/module.h)

# --- what is built ----------------------------------------------------------

# cmd/c1v-NAME.c is the main file of a tool, cmd/NAME_*.c are its others.
TOOLS := $(patsubst cmd/%.c,%,$(wildcard cmd/c1v.c cmd/c1v-*.c))
tool_sources = cmd/$1.c $(wildcard cmd/$(1:c1v-%=%)_*.c)
tool_objects = $(patsubst %.c,$(B)/obj/%.o,$(call tool_sources,$1))

# The libraries that a tool needs beside libc; what it does not use is not
# linked (--as-needed), for every library costs start-up time.
TEXT_LIBS = nettle libutf8proc
LIBS_c1v = libutf8proc
LIBS_c1v-doctor = $(ALL_LIBS)
LIBS_c1v-chunk = $(TEXT_LIBS)
LIBS_c1v-embed = $(TEXT_LIBS) jansson
LIBS_c1v-model = $(TEXT_LIBS) jansson
LIBS_c1v-ingest = $(TEXT_LIBS) jansson sqlite3
LIBS_c1v-store = $(TEXT_LIBS) jansson sqlite3
LIBS_c1v-cache = sqlite3 $(TEXT_LIBS)
LIBS_c1v-cost = $(TEXT_LIBS) sqlite3
LIBS_c1v-search = sqlite3 $(TEXT_LIBS) jansson
ALL_LIBS = $(TEXT_LIBS) jansson sqlite3

# Drivers whose libraries would cost every tool start-up time are modules,
# loaded when a URL asks for them: common/ROOM/DIR/*.c becomes a shared object
# with a copy of libc1v.a of its own and nothing visible but the driver. What it
# lacks shows when it is loaded; what its libraries want of each other need not
# be looked up before it is used, which is most of what loading costs.
MODULES = store_postgres embed_http cost_ledger net_redis net_redis_tls net_upstash
SOURCES_store_postgres := $(wildcard common/store/pg/*.c)
LIBS_store_postgres = $(TEXT_LIBS) libpq
SOURCES_embed_http := $(wildcard common/embed/http/*.c common/net/http/*.c)
LIBS_embed_http = $(TEXT_LIBS) libcurl sqlite3
SOURCES_net_redis := $(wildcard common/net/redis/*.c)
LIBS_net_redis = $(TEXT_LIBS) hiredis
SOURCES_net_redis_tls := $(wildcard common/net/redis/tls/*.c)
LIBS_net_redis_tls = libssl libcrypto
SOURCES_net_upstash := $(wildcard common/net/upstash/*.c common/net/http/*.c)
LIBS_net_upstash = $(TEXT_LIBS) libcurl
SOURCES_cost_ledger := $(wildcard common/cost/module/*.c)
LIBS_cost_ledger = $(TEXT_LIBS) sqlite3
MODULE_LIBS = libpq libcurl hiredis libssl libcrypto
MODULE_SOURCES := $(sort $(foreach m,$(MODULES),$(SOURCES_$m)))
module_objects = $(patsubst %.c,$(B)/obj/%.o,$(SOURCES_$1))

LIB_SOURCES := $(wildcard common/*/*.c)
LIB_OBJECTS := $(LIB_SOURCES:%.c=$(B)/obj/%.o)
SQL := $(wildcard common/*/sql/*.sql common/*/lua/*.lua)
PG_SQL := $(wildcard common/store/pg/sql/*.sql)
MIGRATIONS := $(wildcard share/migrations/*.sql)

UNIT_TESTS := $(patsubst tests/unit/%.c,$(B)/test/%,$(wildcard tests/unit/test_*.c))
FAULT_SHIMS := $(patsubst tests/fault/%.c,$(B)/test/%.so,$(wildcard tests/fault/*.c))
FAKES := $(patsubst tests/fake/%.c,$(B)/fake/%,$(wildcard tests/fake/*.c))
BENCHES := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/*.c))

SHELLS = bash zsh fish
COMPLETIONS := $(TOOLS:%=$(B)/completions/bash/%) $(TOOLS:%=$(B)/completions/zsh/_%) \
	$(TOOLS:%=$(B)/completions/fish/%.fish)
PAGES := $(wildcard man/*.1 man/*.5 man/*.7)

# --- how --------------------------------------------------------------------

# pkg-config is asked on first use, and once: `make demo` installs it.
pkg_cflags = $(eval pkg_cflags := $(shell $(PKG_CONFIG) --cflags $(ALL_LIBS)))$(pkg_cflags)
module_cflags = $(eval module_cflags := $(shell $(PKG_CONFIG) --cflags $(MODULE_LIBS)))$(module_cflags)
pkg_libs = $(if $1,$(shell $(PKG_CONFIG) --libs $1))

WARNINGS = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wwrite-strings -Wvla
C1V_CFLAGS = -std=c11 -D_GNU_SOURCE -Icommon -I$(B) $(WARNINGS) -ffunction-sections \
	-fdata-sections -fPIC -pthread $(CFLAGS) $(MODE_FLAGS) $(WERROR)
C1V_LDFLAGS = -pthread -Wl,--gc-sections -Wl,--as-needed $(LDFLAGS) $(MODE_FLAGS)

LIB = $(B)/lib/libc1v.a
# A short line for each file; the whole command with V=1.
say = $(if $V,,@printf '  %-4s %s\n' $1 $2;)
compile = $(CC) $(C1V_CFLAGS) $(pkg_cflags) $(CPPFLAGS) -MMD -MP
link = $(CC) $(C1V_LDFLAGS)

# As many jobs as there are processors, unless the user has said a number.
JOBS = $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
submake = $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))

all: tools modules completions $(B)/share/c1v

tools: $(TOOLS:%=$(B)/bin/%)
modules: $(MODULES:%=$(B)/lib/c1v/%.so)
completions: $(COMPLETIONS)
tests: all $(UNIT_TESTS) $(FAULT_SHIMS) $(FAKES)

.SECONDEXPANSION:

$(TOOLS:%=$(B)/bin/%): $(B)/bin/%: $$(call tool_objects,$$*) $(LIB)
	@mkdir -p $(@D)
	$(call say,ld,$@)$(link) -o $@ $(filter %.o,$^) $(LIB) $(call pkg_libs,$(LIBS_$*)) -lm

$(MODULES:%=$(B)/lib/c1v/%.so): $(B)/lib/c1v/%.so: $$(call module_objects,$$*) $(LIB)
	@mkdir -p $(@D)
	$(call say,so,$@)$(link) -shared -Wl,--exclude-libs,ALL -Wl,-z,now -o $@ $(filter %.o,$^) $(LIB) \
	    $(call pkg_libs,$(LIBS_$*)) -lm
$(MODULE_SOURCES:%.c=$(B)/obj/%.o): CPPFLAGS += $(module_cflags) -fvisibility=hidden

# Made anew each time: a file that is gone must not stay in the library.
$(LIB): $(LIB_OBJECTS) $(B)/gen/sources
	@mkdir -p $(@D)
	@rm -f $@
	$(call say,ar,$@)$(AR) rcs $@ $(LIB_OBJECTS)

$(B)/obj/%.o: %.c $(B)/gen/flags | $(B)/gen/sql.h
	@mkdir -p $(@D)
	$(call say,cc,$<)$(compile) -c -o $@ $<

# The installation prefix is known to two files only.
PREFIX_OBJECTS := $(B)/obj/common/cli/cli.o $(B)/obj/common/base/module.o
$(PREFIX_OBJECTS): $(B)/gen/prefix
$(PREFIX_OBJECTS): CPPFLAGS += -DC1V_SHARE_DIR='"$(DATADIR)/c1v"' -DC1V_LIB_DIR='"$(LIBDIR)/c1v"'

$(B)/gen/sql.h: $(SQL) common/db/to_c.awk $(B)/gen/sources
	@mkdir -p $(@D)
	$(call say,sql,$@)awk -f common/db/to_c.awk $(SQL) /dev/null > $@

$(MODULE_SOURCES:%.c=$(B)/obj/%.o): | $(B)/gen/pg_sql.h $(B)/gen/migrations.h
$(B)/gen/pg_sql.h: $(PG_SQL) common/db/to_c.awk $(B)/gen/sources
	@mkdir -p $(@D)
	$(call say,sql,$@)awk -f common/db/to_c.awk $(PG_SQL) /dev/null > $@
$(B)/gen/migrations.h: $(MIGRATIONS) common/store/pg/sql/migrations_to_c.awk $(B)/gen/sources
	@mkdir -p $(@D)
	$(call say,sql,$@)awk -f common/store/pg/sql/migrations_to_c.awk $(MIGRATIONS) > $@

# Files that change only when what they hold does: another compiler, flag, set
# of sources or prefix rebuilds what depends on it, and nothing else.
remember = @mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$1)' > $@.new; \
	if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(B)/gen/flags: always | $(B)/gen/libraries
	$(call remember,$(CC) $(C1V_CFLAGS) $(C1V_LDFLAGS))
$(B)/gen/sources: always
	$(call remember,$(LIB_SOURCES) $(MODULE_SOURCES) $(SQL) $(PG_SQL) $(MIGRATIONS))
$(B)/gen/prefix: always
	$(call remember,$(DATADIR) $(LIBDIR))

# Ask for the libraries once, with an answer that helps.
$(B)/gen/libraries:
	@mkdir -p $(@D)
	@$(PKG_CONFIG) --print-errors --exists $(ALL_LIBS) $(MODULE_LIBS) || \
	    { echo 'make: a library is missing; `make deps` installs what is needed' >&2; exit 1; }
	@touch $@

# The tools find their data beside themselves: ../share/c1v.
$(B)/share/c1v:
	@mkdir -p $(@D)
	@ln -sfn $(if $(filter build%,$(B)),../../share,$(abspath share)) $@

# A tool knows its own options.
$(B)/completions/bash/%: $(B)/bin/%
	@mkdir -p $(@D)
	$(call say,gen,$@)$< --completion bash > $@
$(B)/completions/zsh/_%: $(B)/bin/%
	@mkdir -p $(@D)
	$(call say,gen,$@)$< --completion zsh > $@
$(B)/completions/fish/%.fish: $(B)/bin/%
	@mkdir -p $(@D)
	$(call say,gen,$@)$< --completion fish > $@

# --- tests ------------------------------------------------------------------

$(B)/test/%.so: tests/fault/%.c $(B)/gen/flags
	@mkdir -p $(@D)
	$(call say,so,$@)$(CC) -std=c11 -D_GNU_SOURCE $(WARNINGS) $(WERROR) -O2 -g -fPIC -shared -o $@ $< -ldl

$(B)/test/%: $(B)/obj/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,ld,$@)$(link) -o $@ $< $(LIB) $(call pkg_libs,$(ALL_LIBS)) -lm

$(B)/fake/%: $(B)/obj/tests/fake/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,ld,$@)$(link) -o $@ $< $(LIB) $(call pkg_libs,$(TEXT_LIBS) libssl libcrypto) -lm
$(FAKES:$(B)/fake/%=$(B)/obj/tests/fake/%.o): CPPFLAGS += $(module_cflags)

$(B)/bench/%: $(B)/obj/tests/bench/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,ld,$@)$(link) -o $@ $< $(LIB) $(call pkg_libs,$(ALL_LIBS) $(MODULE_LIBS)) -lm
$(BENCHES:$(B)/bench/%=$(B)/obj/tests/bench/%.o): CPPFLAGS += $(module_cflags)

$(B)/fuzz/%: $(B)/obj/tests/fuzz/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,ld,$@)$(link) -fsanitize=fuzzer -o $@ $< $(LIB) $(call pkg_libs,$(ALL_LIBS)) -lm

# Dependencies first, then make itself: nothing is looked up before it is there.
demo:
	@$(MAKE) --no-print-directory deps
	@$(submake) all
	@share/demo $(B)

check:
	@$(MAKE) --no-print-directory check-deps
	@$(submake) tests
	@tests/run $(B)

bench:
	@$(MAKE) --no-print-directory deps
	@$(submake) all benches
	@tests/bench/run $(B)
benches: $(BENCHES) $(FAKES)

coverage:
	@$(submake) COV=1 tests
	@rm -rf build-cov/report; find build-cov -name '*.gcda' -delete
	-@tests/run build-cov
	@tests/coverage build-cov

fuzz:
ifdef FUZZ
	@$(submake) fuzzers
	@tests/fuzz/run $(B) $(FUZZ_SECONDS)
else
	@.ci/deps build fuzz
	@$(MAKE) --no-print-directory FUZZ=1 fuzz
endif
fuzzers: $(FUZZERS)

lint:
	@tests/lint

# --- dependencies -----------------------------------------------------------

deps:
	@.ci/deps build
check-deps:
	@.ci/deps build check
lint-deps:
	@.ci/deps build check lint fuzz

# --- installation -----------------------------------------------------------

install: all
	@$(MAKE) --no-print-directory install-files

install-files:
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(LIBDIR)/c1v $(DESTDIR)$(DATADIR)/c1v $(DESTDIR)$(BASHCOMPDIR) \
	    $(DESTDIR)$(ZSHCOMPDIR) $(DESTDIR)$(FISHCOMPDIR) \
	    $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man7
	install -m 755 $(TOOLS:%=$(B)/bin/%) $(DESTDIR)$(BINDIR)
	install -m 644 $(MODULES:%=$(B)/lib/c1v/%.so) $(DESTDIR)$(LIBDIR)/c1v
	cd share && find . -type f | while read -r f; do \
	    m=644; if [ -x "$$f" ]; then m=755; fi; \
	    install -D -m $$m "$$f" "$(DESTDIR)$(DATADIR)/c1v/$$f" || exit; done
	for n in 1 5 7; do \
	    install -m 644 man/*.$$n $(DESTDIR)$(MANDIR)/man$$n || exit; done
	install -m 644 $(TOOLS:%=$(B)/completions/bash/%) $(DESTDIR)$(BASHCOMPDIR)
	install -m 644 $(TOOLS:%=$(B)/completions/zsh/_%) $(DESTDIR)$(ZSHCOMPDIR)
	install -m 644 $(TOOLS:%=$(B)/completions/fish/%.fish) $(DESTDIR)$(FISHCOMPDIR)

uninstall:
	rm -f $(TOOLS:%=$(DESTDIR)$(BINDIR)/%) $(TOOLS:%=$(DESTDIR)$(BASHCOMPDIR)/%) \
	    $(TOOLS:%=$(DESTDIR)$(ZSHCOMPDIR)/_%) $(TOOLS:%=$(DESTDIR)$(FISHCOMPDIR)/%.fish)
	for p in $(notdir $(PAGES)); do rm -f $(DESTDIR)$(MANDIR)/man$${p##*.}/$$p; done
	rm -rf $(DESTDIR)$(DATADIR)/c1v $(DESTDIR)$(LIBDIR)/c1v

# The files that git knows, or all but what was built.
dist:
	@name=c1v-$(VERSION); \
	if git rev-parse --verify -q HEAD >/dev/null 2>&1; then \
		git archive --prefix=$$name/ -o $$name.tar.gz HEAD; \
	else \
		tar -czf $$name.tar.gz --exclude='./build*' --exclude=./.git --exclude='./*.tar.gz' \
		    --transform "s,^\.,$$name," .; \
	fi && echo $$name.tar.gz

clean:
	rm -rf build build-san build-cov build-fuzz build-lint

help:
	@echo 'make            build everything into build/'
	@echo 'make demo       install what is needed, build, and show it at work'
	@echo 'make check      every test; SAN=1: with address, undefined and leak checks'
	@echo 'make bench      each figure beside a yardstick of the same run'
	@echo 'make coverage   the lines that the tests reach'
	@echo 'make fuzz       each parser on random input, FUZZ_SECONDS=60 each (clang)'
	@echo 'make lint       warnings as errors: C, shell, man pages'
	@echo 'make install    under PREFIX=/usr/local (DESTDIR=…); uninstall takes it away'
	@echo 'make deps       the packages that building needs'
	@echo 'make dist       c1v-$(VERSION).tar.gz'
	@echo 'make clean      remove what was built'

.PHONY: all tools modules completions tests demo check bench benches coverage fuzz fuzzers \
	lint deps check-deps lint-deps install install-files uninstall dist clean help always
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
MAKEFLAGS += --no-builtin-rules

-include $(shell find $(B)/obj -name '*.d' 2>/dev/null)
