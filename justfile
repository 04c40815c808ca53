# pgseal: what people type. `just` lists it.

default:
    @just --list

# the whole story on a throwaway PostgreSQL server
demo:
    ./demo

# everything: unit, integration and doc tests, real PostgreSQL; arguments go to cargo test
test *args:
    ./test {{args}}

# tests without a server, under a minute once built: none that flips, kills, waits or walks a whole corpus
test-fast:
    cargo test --locked --workspace --all-features --lib
    cargo test --locked --all-features --test lint -- --skip no_script_ends_the_linter
    cargo test --locked --all-features --test psql -- --skip the_corpus
    cargo test --locked --all-features --test project -- --skip bench:: --skip database --skip a_run_that --skip fingerprints
    cargo test --locked --all-features --test offline -- --skip interchange:: --skip every_ --skip large:: --skip kill:: --skip unpack:: --skip an_agent_that --skip two_thousand --skip stock_ --skip limits_hold

# what a change has to pass: formatting, lints, documentation, tests
ci:
    .ci/run

# every version of the server: fetches them once, and runs the tests of tests/postgres/ on each; `just servers 13 -- story`
servers *args:
    .ci/servers {{args}}

# every attack on a gate fifty times, on the oldest, the usual and the newest server (minutes)
gate-races:
    PGSEAL_RACES=50 .ci/servers 13 15 18 -- gate_races

# kills and cuts at every step of the protocol (minutes); ./test tries a sample
faults *args:
    ./test --test faults -- --exhaustive {{args}}

# the playbook of contrib/ by real Ansible, over two servers (half a minute)
ansible:
    ./test --test postgres contrib::ansible -- --ignored

# contrib/verify.py against pgseal on COUNT mutated files, by another SEED than ./test (a minute for some 5,000)
differential count seed="other":
    PGSEAL_MUTATIONS={{count}} PGSEAL_MUTATIONS_SEED={{seed}} ./test --test offline differential

# psql against `pgseal script` over PostgreSQL's own tests, or over any directories of .sql files
psql-suite *args:
    tests/psql-suite.sh {{args}}

# pgseal against the usual tools, in turn in one run, into docs/benchmarks.md; `just bench verify pack`, `just bench render`
bench *args:
    tests/bench/bench.py {{args}}

# format the code
fmt:
    cargo fmt

# the documentation of the library
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --all-features

# lints, as strict as in ci
lint:
    cargo fmt --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    cargo clippy --workspace --all-targets --locked --all-features -- -D warnings
