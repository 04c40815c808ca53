#!/usr/bin/env python3
"""Makes the releases and rows that are measured: the same bytes on every machine, from a seed, without a clock.

    workloads.py release DIRECTORY BYTES [VERSION]    a release directory of SQL scripts and COPY data of about BYTES
    workloads.py statements FILE COUNT                a table and COUNT inserts
    workloads.py copy FILE DATA ROWS                  a script with COPY data of ROWS rows, and the rows alone

Scripts and rows compress about as well as people's seed data do, three and a half times by gzip -6: few words come often,
identifiers and numbers are new in each row. What repeats lies further apart than gzip or zstd looks back.
"""
import os, random, sys

SCRIPT = 7_000  # bytes of an ordinary tier
LARGEST = 160 << 20  # bytes of a data file


def below(rng, n):
    """Only random() itself is promised to stay the same in every version of Python."""
    return int(rng.random() * n)


def vocabulary(rng):
    syllables = [a + b for a in "bcdfghklmnprstv" for b in ("a", "e", "i", "o", "u", "an", "er", "on")]
    return ["".join(syllables[below(rng, len(syllables))] for _ in range(1 + below(rng, 4))) for _ in range(3000)]


def words(rng, vocabulary, count):
    # Squaring makes the first words frequent, as in a language.
    return " ".join(vocabulary[int(rng.random() ** 2 * len(vocabulary))] for _ in range(count))


def tails(rng, count):
    """What follows the id in a row: a code, a state, a day, and a text of stock phrases and a few words of its own."""
    states, known = ("draft", "proposed", "approved", "closed"), vocabulary(rng)
    phrases = [words(rng, known, 3 + below(rng, 4)) for _ in range(600)]
    return [
        f"\tISS-{below(rng, 1 << 24):06x}\t{states[int(rng.random() ** 2 * 4)]}\t2026-{1 + below(rng, 12):02}-"
        f"{1 + below(rng, 28):02}\t{phrases[int(rng.random() ** 2 * 600)]}: {words(rng, known, 1 + below(rng, 3))}, "
        f"{phrases[int(rng.random() ** 2 * 600)]}\t{below(rng, 1000)}\n"
        for _ in range(count)
    ]


def rows(rng, pool, path, size):
    written, first = 0, 1
    with open(path, "w", newline="\n") as out:
        while written < size:
            chunk = "".join([f"{n}{pool[int(rng.random() * len(pool))]}" for n in range(first, first + 5000)])
            chunk = chunk if written + len(chunk) <= size else chunk[: chunk.index("\n", size - written - 1) + 1]
            out.write(chunk)
            written, first = written + len(chunk), first + 5000


def script(rng, known, number, size):
    lines, n = [f"-- {number:02}: {words(rng, known, 8)}\n"], 0
    length = len(lines[0])
    while length < size:
        n += 1
        name, about = words(rng, known, 1), words(rng, known, 6 + below(rng, 6))
        lines.append(
            f"INSERT INTO bench.items (id, code, name, about)\n"
            f"    VALUES ({number * 100_000 + n}, 'IT-{below(rng, 1 << 24):06x}', '{name}', '{about}')\n"
            f"    ON CONFLICT (id) DO UPDATE SET name = excluded.name, about = excluded.about;\n"
        )
        length += len(lines[-1])
    return "".join(lines)


def shares(size):
    """Tables differ in size: each file has three quarters of the one before it, the rest is dealt out evenly."""
    count = max(4, -(-size // LARGEST) + 3)
    weights = [max(0.75**n, 0.3) for n in range(count)]
    return [int(size * weight / sum(weights)) for weight in weights]


def release(directory, size, version="1.0.0"):
    rng = random.Random(f"pgseal {size} {version}")
    known = vocabulary(rng)
    scripts = {"executor/01_schema.sql": SCHEMA}
    data = shares(size - 100_000) if size >= 1 << 20 else []
    count = 12 if data else max(3, size // SCRIPT)
    for number in range(2, 2 + count):
        scripts[f"executor/{number:02}_items.sql"] = script(rng, known, number, min(SCRIPT, size // count))
    if data:
        tables = [f"bench.table_{n}" for n in range(1, len(data) + 1)]
        scripts["executor/90_load.sql"] = "".join(
            f"CREATE TABLE {table} (id bigint, code text, state text, at date, about text, amount integer);\n"
            f"\\copy {table} from 'data/{table[6:]}.tsv'\n"
            for table in tables
        )
    scripts["verify/before.sql"] = PROBE
    scripts["verify/after.sql"] = PROBE
    scripts["rollback/01_all.sql"] = "DROP SCHEMA IF EXISTS bench CASCADE;\n"
    scripts["release.toml"] = manifest(version, [path for path in sorted(scripts) if path.startswith("executor/")])
    for path, text in scripts.items():
        path = os.path.join(directory, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", newline="\n") as out:
            out.write(text)
    if data:
        os.makedirs(os.path.join(directory, "data"), exist_ok=True)
        pool = tails(rng, min(120_000, 2000 + size // 200))
        for n, share in enumerate(data, 1):
            rows(rng, pool, os.path.join(directory, f"data/table_{n}.tsv"), share)


def manifest(version, tiers):
    # Versions and their sequences ascend: an audit reports duplicates.
    text = MANIFEST.format(version=version, sequence=int(version.split(".")[-1]) or 1)
    return text + "".join(f'\n[[tier]]\nname = "t{n}"\nfile = "{path}"\ntransaction = "release"\n' for n, path in enumerate(tiers, 1))


SCHEMA = """CREATE SCHEMA bench;
CREATE TABLE bench.items (id integer PRIMARY KEY, code text NOT NULL, name text NOT NULL, about text);
"""
PROBE = "SELECT pg_catalog.to_regnamespace('bench') IS NOT NULL AS there;\n"
MANIFEST = """format = 1
[release]
name = "bench"
version = "{version}"
sequence = {sequence}
summary = "For the clock."
[target]
database = "bench"
[states.baseline]
probe = "verify/before.sql"
expect = {{ there = false }}
[states.finalized]
probe = "verify/after.sql"
expect = {{ there = true }}
[[rollback]]
file = "rollback/01_all.sql"
[limits]
lock_timeout = "5s"
statement_timeout = "10min"
idle_timeout = "10min"
"""


def statements(path, count):
    with open(path, "w", newline="\n") as out:
        out.write("create table public.t (id integer primary key, name text not null, at date);\n")
        for n in range(count):
            out.write(f"insert into public.t (id, name, at) values ({n}, 'it''s row number {n}', '2026-01-01');\n")


def copy(path, data, count):
    with open(path, "w", newline="\n") as out, open(data, "w", newline="\n") as alone:
        out.write("create table public.t (id integer, name text, at date);\ncopy public.t from stdin;\n")
        for first in range(0, count, 10_000):
            chunk = "".join([f"{n}\trow number {n} with some text\t2026-01-01\n" for n in range(first, min(count, first + 10_000))])
            out.write(chunk)
            alone.write(chunk)
        out.write("\\.\n")


if __name__ == "__main__":
    if sys.argv[1] == "release":
        release(sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
    elif sys.argv[1] == "statements":
        statements(sys.argv[2], int(sys.argv[3]))
    else:
        copy(sys.argv[2], sys.argv[3], int(sys.argv[4]))
