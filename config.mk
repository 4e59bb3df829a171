# What you may want to change. Anything here can also be given to make:
#     make PREFIX=$HOME/.local CC=clang install

PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
LIBDIR = $(PREFIX)/lib
DATADIR = $(PREFIX)/share
MANDIR = $(DATADIR)/man
DESTDIR =

# Where each shell looks for completions.
BASHCOMPDIR = $(DATADIR)/bash-completion/completions
ZSHCOMPDIR = $(DATADIR)/zsh/site-functions
FISHCOMPDIR = $(DATADIR)/fish/vendor_completions.d

CC = cc
AR = ar
PKG_CONFIG = pkg-config
CFLAGS = -O2 -g
LDFLAGS = -Wl,-O1 -Wl,-z,relro

# Seconds for each fuzz target of `make fuzz`.
FUZZ_SECONDS = 60
