#!/usr/bin/env bash
# Whole-process pairs against what people would use instead, A B A B in one run, as ratios. Nothing is judged here: the
# numbers are for docs and for whoever changes something.
#
#   tests/bench/run.sh [RUNS]
#
# Needs what ./test needs, and python3 for the clock.
set -euo pipefail
cd "$(dirname "$0")/../.."
runs=${1:-15}
target=${CARGO_TARGET_DIR:-target}
cargo build --release --locked --quiet
pgseal=$(realpath "$target/release/pgseal")
one_roof=$(realpath bundle/one-roof)
beside=$(realpath bundle)
pairs=$(realpath tests/bench/pairs.py)

. tests/bench/server.sh
export PGSEAL_TRUST=$work/trust.json
apr=ratified_apr=APR-BOOT-AUTHMODEL-1
psql() { PGDATABASE=${PGDATABASE:-postgres} command psql -X -q "$@"; }
psql -c 'create database ready'
PGDATABASE=ready psql -f "$beside/one-roof-baseline.sql" >/dev/null
PGDATABASE=ready psql -v "$apr" -f "$beside/one-roof-ratify.sql" >/dev/null
psql -c 'create database directus template ready'

cd "$work"
"$pgseal" keygen root --no-passphrase >/dev/null
"$pgseal" keygen release --no-passphrase >/dev/null
"$pgseal" trust init trust.json --root-key root.key --role release:1=release.pub >/dev/null 2>&1
"$pgseal" pack "$one_roof" -o one-roof.pgseal --key release.key >/dev/null

# Stock verification: one signature, and the digest of every file.
cat >stock-verify.sh <<'STOCK'
set -e
rm -rf x && mkdir x && tar -xf one-roof.pgseal -C x && cd x
id=$(openssl pkey -pubin -in ../release.pub -outform DER | tail -c 32 | sha256sum | cut -d' ' -f1)
{ printf 'DSSEv1 28 application/vnd.in-toto+json %s ' "$(stat -c %s statement.json)"; cat statement.json; } >../pae
openssl pkeyutl -verify -pubin -inkey ../release.pub -rawin -in ../pae -sigfile "signatures/$id.sig" >/dev/null
jq -r '.subject[] | "\(.digest.sha256)  \(.name)"' statement.json | sha256sum -c --quiet
STOCK
cat >stock-audit.sh <<'STOCK'
for bundle in archive/*.pgseal; do cp "$bundle" one-roof.pgseal; sh ./stock-verify.sh; done
STOCK
mkdir archive
for n in $(seq 2000); do ln one-roof.pgseal "archive/$n.pgseal" 2>/dev/null || cp one-roof.pgseal "archive/$n.pgseal"; done

# The same statements by psql: the tiers alone, and all that a run asks of the server.
mkdir scripts && cp -r "$one_roof"/. scripts/
for tier in scripts/executor/0*.sql; do echo "\\i $tier"; done >tiers.sql
{
    echo '\i scripts/gate/gate_check.sql'
    echo '\i scripts/verify/baseline_probe.sql'
    echo '\i scripts/gate/gate_check.sql'
    cat tiers.sql
    echo 'set constraints all immediate;'
    echo '\i scripts/verify/finalized_probe.sql'
    for check in ui_read_contract clone_revalidate regression axis_rehearsal issue_event_rehearsal dot_boundary_rehearsal; do
        printf 'savepoint v;\n\\i scripts/verify/%s.sql\nrollback to savepoint v;\n' "$check"
    done
    echo '\i scripts/gate/gate_check.sql'
    echo '\i scripts/verify/finalized_probe.sql'
} >everything.sql
cat >fresh.sh <<FRESH
PGDATABASE=postgres psql -X -q -c 'drop database if exists directus' -c 'create database directus template ready'
FRESH

pair() { python3 "$pairs" "$runs" "$@"; }
export PGDATABASE=directus
pair 'verify One-Roof (93 KB) / tar + openssl + jq + sha256sum -c' \
    "$pgseal verify one-roof.pgseal" 'sh ./stock-verify.sh'
pair 'pack + sign One-Roof / tar + gzip -6 + sha256sum' \
    "$pgseal pack scripts -o packed.pgseal --key release.key" \
    'sh -c "cd scripts && find . -type f | LC_ALL=C sort | tar -T - -cf - | gzip -6 > ../packed.tar.gz && find . -type f | xargs sha256sum > ../sums"'
pair 'gate / psql -c of the same question' \
    "$pgseal gate one-roof.pgseal -v $apr" \
    "psql -X -q -v $apr -f scripts/gate/gate_check.sql"
pair "gate / psql -c 'select 1'" "$pgseal gate one-roof.pgseal -v $apr" "psql -X -q -c 'select 1'"
pair 'fingerprint (204,556 rows) / pg_dump | sha256sum' \
    "$pgseal fingerprint -q" 'sh -c "pg_dump | sha256sum"'
pair 'fingerprint / one scan that hashes every row' \
    "$pgseal fingerprint -q" \
    "psql -X -q -c 'select sum(hashtextextended(i::text, 0)) from system_issues i'"
pair 'fingerprint --schema-only / pg_dump --schema-only | sha256sum' \
    "$pgseal fingerprint -q --schema-only" 'sh -c "pg_dump --schema-only | sha256sum"'
cat >steps.sh <<STEPS
psql -X -q -v $apr -f scripts/gate/gate_check.sql
psql -X -q -1 -v ON_ERROR_STOP=1 -v $apr -f inside.sql
psql -X -q -v $apr -f scripts/verify/finalized_probe.sql
STEPS
sed '1d;$d' everything.sql >inside.sql
pair --before 'sh ./fresh.sh' 'run / the same steps by psql: gate, one transaction, proof, each on its own connection' \
    "$pgseal run one-roof.pgseal -v $apr -q" 'sh ./steps.sh'
pair --before 'sh ./fresh.sh' 'run / psql -1 -f of everything a run asks, on one connection' \
    "$pgseal run one-roof.pgseal -v $apr -q" \
    "psql -X -q -1 -v ON_ERROR_STOP=1 -v $apr -f everything.sql"
pair --before 'sh ./fresh.sh' 'run / psql -1 -f of the eight tiers alone' \
    "$pgseal run one-roof.pgseal -v $apr -q" \
    "psql -X -q -1 -v ON_ERROR_STOP=1 -v $apr -f tiers.sql"
runs=3 pair 'audit of 2,000 bundles of 93 KB / sha256sum of the same files' \
    "$pgseal audit archive -q" 'sh -c "sha256sum archive/*.pgseal"'
