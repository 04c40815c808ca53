#!/usr/bin/env bash
# How fast scripts run, against psql: 20,000 small statements, the same over a network of 1 ms, COPY of a million rows.
#
#   tests/bench/scripts.sh [RUNS]
#
# Needs what ./test needs, and python3 for the clock and the network.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${1:-9}
target=${CARGO_TARGET_DIR:-target}
[ -n "${PGSEAL:-}" ] || cargo build --release --locked --quiet
pgseal=$(realpath "${PGSEAL:-$target/release/pgseal}")
pairs=$(realpath tests/bench/pairs.py)
delay=$(realpath tests/bench/delay.py)
. tests/bench/server.sh
cd "$work"
"$pgseal" keygen root --no-passphrase >/dev/null
"$pgseal" keygen release --no-passphrase >/dev/null
"$pgseal" trust init trust.json --root-key root.key --role release:1=release.pub >/dev/null 2>&1
export PGSEAL_TRUST=$work/trust.json

# release NAME: a release of the one tier in NAME.sql, without gates.
release() {
    mkdir -p "$1/tiers" "$1/verify"
    cp "$1.sql" "$1/tiers/$1.sql"
    echo "select pg_catalog.to_regclass('public.t') is not null as there;" >"$1/verify/probe.sql"
    echo 'drop table if exists public.t;' >"$1/rollback.sql"
    cat >"$1/release.toml" <<TOML
format = 1
[release]
name = "$1"
version = "1.0.0"
sequence = 1
summary = "For the clock."
[target]
database = "bench"
[states.baseline]
probe = "verify/probe.sql"
expect = { there = false }
[states.finalized]
probe = "verify/probe.sql"
expect = { there = true }
[[tier]]
name = "$1"
file = "tiers/$1.sql"
transaction = "release"
[[rollback]]
file = "rollback.sql"
[limits]
lock_timeout = "5s"
statement_timeout = "10min"
idle_timeout = "10min"
TOML
    "$pgseal" pack "$1" -o "$1.pgseal" --key release.key >/dev/null
}

python3 - <<'DATA'
with open("statements.sql", "w") as out:
    out.write("create table public.t (id integer primary key, name text not null, at date);\n")
    for n in range(20_000):
        out.write(f"insert into public.t (id, name, at) values ({n}, 'it''s row number {n}', '2026-01-01');\n")
with open("copy.sql", "w") as out, open("copy.data", "w") as data:
    out.write("create table public.t (id integer, name text, at date);\ncopy public.t from stdin;\n")
    for n in range(1_000_000):
        line = f"{n}\trow number {n} with some text\t2026-01-01\n"
        out.write(line)
        data.write(line)
    out.write("\\.\n")
DATA
cat >copy-psql.sql <<'SQL'
create table public.t (id integer, name text, at date);
\copy public.t from 'copy.data'
SQL
release statements
release copy
cat >fresh.sh <<FRESH
PGHOST=$PGHOST PGDATABASE=postgres psql -X -q -c 'drop database if exists bench' -c 'create database bench' -c checkpoint
FRESH
mkdir far
python3 "$delay" 1 "$PGHOST/.s.PGSQL.5432" "$work/far/.s.PGSQL.5432" &
sleep 0.5

export PGDATABASE=bench
by_psql='psql -X -q -1 -v ON_ERROR_STOP=1'
pair() { python3 "$pairs" "$runs" --before 'sh ./fresh.sh' "$@"; }
pair '20,000 statements: run / psql -1 -f' "$pgseal run statements.pgseal -q" "$by_psql -f statements.sql"
pair 'COPY of 1,000,000 rows in the script: run / psql -1 with \copy' "$pgseal run copy.pgseal -q" "$by_psql -f copy-psql.sql"
export PGHOST=$work/far
runs=$(((runs + 2) / 3))
pair '20,000 statements, 1 ms away: run / psql -1 -f' "$pgseal run statements.pgseal -q" "$by_psql -f statements.sql"
