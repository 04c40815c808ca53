"""gate, run and fingerprint against psql and pg_dump, on a server of their own."""
import glob, os, shutil, subprocess

from machine import missing
from measure import Command, rounds
from files import group
from server import network, programs, server

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
APR = "ratified_apr=APR-BOOT-AUTHMODEL-1"
BIN = programs()


def program(name):
    """psql itself, beside the server's programs or where PostgreSQL says that it lives: what Debian has in PATH is a
    wrapper in Perl, which takes longer than many a question. Without any, what is in PATH."""
    found = (os.path.join(directory, name) for directory in client_directories())
    return next((path for path in found if os.access(path, os.X_OK) and not is_wrapper(path)), name)


def client_directories():
    """Where client programs can be; those of the server that is asked come first."""
    if BIN:
        yield BIN
        yield os.path.dirname(os.path.realpath(os.path.join(BIN, "postgres")))
    if shutil.which("pg_config"):
        yield subprocess.run(["pg_config", "--bindir"], stdout=subprocess.PIPE, text=True).stdout.strip()
    versions = glob.glob("/usr/lib/postgresql/[0-9]*/bin")
    yield from sorted(versions, key=lambda path: float(path.split("/")[-2]), reverse=True)
    yield from os.environ.get("PATH", "").split(os.pathsep)


def is_wrapper(path):
    return os.path.basename(os.path.realpath(path)) == "pg_wrapper"


def wrapped():
    """Whether what people type is that wrapper."""
    found = shutil.which("psql")
    return found and os.path.realpath(found) != os.path.realpath(program("psql"))


PSQL, PG_DUMP = program("psql") + " -X -q", program("pg_dump")
ONE = f"{PSQL} -1 -v ON_ERROR_STOP=1"
CHECKS = "ui_read_contract clone_revalidate regression axis_rehearsal issue_event_rehearsal dot_boundary_rehearsal".split()


class Database:
    """One server for all sets that need one, begun when the first does; ends with the stack."""

    def __init__(self, work, stack):
        self.work, self.stack, self.socket, self.has_one_roof = work, stack, None, False

    def measured(self, name, plan):
        """The groups of a set."""
        absent = missing(program("psql"), program("pg_dump")) or ("" if BIN else "PostgreSQL's server not installed")
        if absent:
            commands = [{"key": "pgseal", "name": f"pgseal {name}", "missing": absent}]
            return [group(name, name, 0, name, {"rounds": 0, "commands": commands})]
        self.socket = self.socket or self.stack.enter_context(server(BIN))
        if name != "load" and not self.has_one_roof:
            one_roof(self.work)
            self.has_one_roof = True
        sets = {"gate": gate, "run": run, "load": load, "fingerprint": fingerprint}
        return list(sets[name](self.work, plan, self.socket))


def one_roof(work):
    """The reference release, ratified: database `ready`, and what to ask of it by psql."""
    source, beside = work.path("one-roof"), os.path.join(ROOT, "bundle")
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(os.path.join(beside, "one-roof"), source)
    work.run(f"'{work.pgseal}' pack one-roof -o one-roof.pgseal --key release.key")
    work.run(f"PGDATABASE=postgres {PSQL} -c 'drop database if exists directus with (force)' -c 'drop database if exists ready' -c 'create database ready'")
    work.run(f"PGDATABASE=ready {PSQL} -v ON_ERROR_STOP=1 -f '{beside}/one-roof-baseline.sql'")
    work.run(f"PGDATABASE=ready {PSQL} -v ON_ERROR_STOP=1 -v {APR} -f '{beside}/one-roof-ratify.sql'")
    work.run(f"PGDATABASE=ready {PSQL} -c 'vacuum analyze'")
    work.run(FRESH_ONE_ROOF)
    tiers = sorted(name for name in os.listdir(work.path("one-roof/executor")) if name.endswith(".sql"))
    tiers = "".join(f"\\i one-roof/executor/{name}\n" for name in tiers)
    asked = "\\i one-roof/gate/gate_check.sql\n"
    proved = "\\i one-roof/verify/finalized_probe.sql\n"
    checks = "".join(f"savepoint v;\n\\i one-roof/verify/{name}.sql\nrollback to savepoint v;\n" for name in CHECKS)
    inside = "\\i one-roof/verify/baseline_probe.sql\n" + asked + tiers + "set constraints all immediate;\n" + proved + checks + asked
    for name, text in {"tiers.sql": tiers, "inside.sql": inside, "everything.sql": asked + inside + proved}.items():
        with open(work.path(name), "w") as out:
            out.write(text)


FRESH_ONE_ROOF = f"PGDATABASE=postgres {PSQL} -c 'drop database if exists directus with (force)' -c 'create database directus template ready' -c checkpoint"
FRESH_BENCH = f"PGDATABASE=postgres {PSQL} -c 'drop database if exists bench with (force)' -c 'create database bench' -c checkpoint"


def gate(work, plan, _):
    os.environ["PGDATABASE"] = "directus"
    with open(work.path("one-roof/gate/gate_check.sql")) as file:
        question = "".join(line for line in file if not line.startswith("--")).replace(":'ratified_apr'", "'" + APR.split("=")[1] + "'")
    commands = [
        Command("pgseal", "pgseal gate", f"'{work.pgseal}' gate one-roof.pgseal -v {APR}"),
        Command("psql", "psql -c of the same question", [*PSQL.split(), "-c", question]),
        Command("select", "psql -c 'select 1'", f"{PSQL} -c 'select 1'"),
    ]
    if wrapped():
        commands.append(Command("wrapper", "psql -c of the same question, psql as found in PATH", ["psql", "-X", "-q", "-c", question]))
    yield group("gate", "gate", 0, "ask the gate of One-Roof", rounds("gate", commands, work.directory, plan.part(0, "gate")))


def run(work, plan, _):
    os.environ["PGDATABASE"] = "directus"
    three = f"{PSQL} -v {APR} -f one-roof/gate/gate_check.sql && {ONE} -v {APR} -f inside.sql && {PSQL} -v {APR} -f one-roof/verify/finalized_probe.sql"
    fresh = ["rm -rf pgseal-receipts", FRESH_ONE_ROOF]
    commands = [
        Command("pgseal", "pgseal run", f"'{work.pgseal}' run one-roof.pgseal -v {APR} -q", before=fresh),
        Command("three", "psql: the gate, psql -1 -f of the rest, the proof; three connections", three, before=fresh),
        Command("everything", "psql -1 -f of all that a run asks, one connection", f"{ONE} -v {APR} -f everything.sql", before=fresh),
        Command("tiers", "psql -1 -f of the eight tiers alone, nothing asked", f"{ONE} -v {APR} -f tiers.sql", before=fresh),
    ]
    yield group("run", "One-Roof", 0, "run One-Roof", rounds("run One-Roof", commands, work.directory, plan.part(0, "run")))


def load(work, plan, socket):
    scripts = os.path.join(os.path.dirname(os.path.abspath(__file__)), "workloads.py")
    far = plan.statements // 10
    work.run(f"python3 '{scripts}' statements statements.sql {plan.statements}")
    work.run(f"python3 '{scripts}' statements far.sql {far}")
    work.run(f"python3 '{scripts}' copy copy.sql copy.data {plan.rows}")
    with open(work.path("copy-psql.sql"), "w") as out:
        out.write("create table public.t (id integer, name text, at date);\n\\copy public.t from 'copy.data'\n")
    os.environ["PGDATABASE"] = "bench"
    near = f"PGHOST={socket} {FRESH_BENCH}"
    yield tier(work, plan, near, "statements", f"{plan.statements:,} inserts", [("psql", "psql -1 -f", f"{ONE} -f statements.sql")])
    yield tier(work, plan, near, "copy", f"COPY of {plan.rows:,} rows", [
        ("psql", "psql -1 -f of the same script", f"{ONE} -f copy.sql"),
        ("copy", "psql -1 -f with \\copy of a plain file", f"{ONE} -f copy-psql.sql"),
    ])
    with network(1, socket, work.directory):
        yield tier(work, plan, near, "far", f"{far:,} inserts, 1 ms away", [("psql", "psql -1 -f", f"{ONE} -f far.sql")])


def tier(work, plan, create, name, label, peers):
    """A release of the one tier in NAME.sql, against psql with that file."""
    tier_release(work, name)
    fresh = ["rm -rf pgseal-receipts", create]
    commands = [Command("pgseal", "pgseal run", f"'{work.pgseal}' run {name}.pgseal -q", before=fresh)]
    commands += [Command(key, title, line, before=fresh) for key, title, line in peers]
    return group("load", label, 0, "run " + label, rounds("run " + label, commands, work.directory, plan.part(0, "load")))


def tier_release(work, name):
    shutil.rmtree(work.path(name), ignore_errors=True)
    os.makedirs(work.path(name, "tiers"))
    shutil.copy(work.path(f"{name}.sql"), work.path(name, "tiers/tier.sql"))
    for path, text in TIER.items():
        with open(work.path(name, path), "w") as out:
            out.write(text.replace("NAME", name))
    work.run(f"'{work.pgseal}' pack {name} -o {name}.pgseal --key release.key")


TIER = {
    "probe.sql": "select pg_catalog.to_regclass('public.t') is not null as there;\n",
    "rollback.sql": "drop table if exists public.t;\n",
    "release.toml": """format = 1
[release]
name = "NAME"
version = "1.0.0"
sequence = 1
summary = "For the clock."
[target]
database = "bench"
[states.baseline]
probe = "probe.sql"
expect = { there = false }
[states.finalized]
probe = "probe.sql"
expect = { there = true }
[[tier]]
name = "tier"
file = "tiers/tier.sql"
transaction = "release"
[[rollback]]
file = "rollback.sql"
[limits]
lock_timeout = "5s"
statement_timeout = "10min"
idle_timeout = "10min"
""",
}


def fingerprint(work, plan, _):
    os.environ["PGDATABASE"] = "ready"
    schema = [
        Command("pgseal", "pgseal fingerprint --schema-only", f"'{work.pgseal}' fingerprint -q --schema-only"),
        Command("pg_dump", "pg_dump --schema-only | sha256sum", f"{PG_DUMP} --schema-only | sha256sum"),
    ]
    rows = [
        Command("pgseal", "pgseal fingerprint", f"'{work.pgseal}' fingerprint -q"),
        Command("pg_dump", "pg_dump | sha256sum", f"{PG_DUMP} | sha256sum"),
    ]
    for label, commands in (("definitions", schema), ("204,556 rows", rows)):
        yield group("fingerprint", label, 0, f"fingerprint of One-Roof, {label}", rounds(f"fingerprint, {label}", commands, work.directory, plan.part(0, "fingerprint")))
