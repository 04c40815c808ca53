#!/usr/bin/env python3
"""pgseal and what one would use instead, as whole processes, in turn, in one run; `just bench` calls it.

    bench.py [SET...]     measures these sets, or all; keeps the others of the last time; writes table and plots anew
    bench.py render       only writes table and plots, from the numbers that are there
    bench.py check        fails when table and plots are not those of the numbers

Sets: verify, pack, audit, gate, run, load, fingerprint, kernels. docs/benchmarks/results.json has every number.
"""
import argparse, contextlib, os, signal, sys
from dataclasses import dataclass, replace

sys.dont_write_bytecode = True
import database, files, kernels, machine, measure, page, server
from workspace import Workspace

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILES = {"verify": files.verify, "pack": files.pack, "audit": files.audit, "kernels": kernels.kernels}
SERVER = ("gate", "run", "load", "fingerprint")
SETS = ("verify", "pack", "audit", *SERVER, "kernels")

# Seconds for each part of a set, by size or kind; all of them together take about a quarter of an hour on two cores.
BUDGETS = {
    "warm": (5, 20, 80), "cold": (3, 8, 40), "pack": (5, 30, 240), "audit": 120, "audit-cold": 6, "cores": 15, "gate": 10, "run": 60, "load": 40,
    "fingerprint": 15,
}


@dataclass
class Plan:
    """How much is measured."""

    sizes: tuple = (("200 KB", 200_000), ("64 MB", 64_000_000), ("1 GB", 1_000_000_000))
    bundles: int = 2000
    statements: int = 20_000
    rows: int = 1_000_000
    least: int = 3
    budget: float = 1.0
    criterion: bool = True

    def part(self, size, kind):
        seconds = BUDGETS[kind]
        if isinstance(seconds, tuple):
            seconds = seconds[[bytes for _, bytes in self.sizes].index(size)]
        return replace(self, budget=seconds * self.budget)


SMALLEST = Plan(
    (("20 KB", 20_000), ("200 KB", 200_000), ("2 MB", 2_000_000)), bundles=12, statements=200, rows=2000, least=1, budget=0, criterion=False
)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET")
    parser.add_argument("--pgseal", default=os.environ.get("PGSEAL"), help="a release build of pgseal; by default it is built")
    parser.add_argument("--budget", type=float, default=1.0, metavar="FACTOR", help="of the time for each part")
    parser.add_argument("--smallest", action="store_true", help="one round of tiny workloads: whether it works at all")
    parser.add_argument("--docs", default=os.path.join(ROOT, "docs"), help="where benchmarks.md and benchmarks/ are")
    parser.add_argument("--workspace", help="where workloads are kept; by default target/bench")
    args = parser.parse_args()
    wrong = [name for name in args.sets if name not in (*SETS, "render", "check")]
    if wrong:
        parser.error(f"no set {wrong[0]}: {', '.join(SETS)}; or render, or check")
    return args


def main():
    # SIGTERM must stop the server too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    args = arguments()
    if args.sets == ["check"]:
        sys.exit(page.check(args.docs))
    if args.sets != ["render"]:
        measure_sets(args)
    page.write(args.docs)


def measure_sets(args):
    chosen = args.sets or SETS
    plan = replace(SMALLEST if args.smallest else Plan(), budget=0 if args.smallest else args.budget)
    args.docs, target = os.path.abspath(args.docs), os.path.abspath(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")))
    args.workspace = os.path.abspath(args.workspace or os.path.join(target, "bench"))
    args.pgseal = args.pgseal and os.path.abspath(args.pgseal)
    os.chdir(ROOT)
    pgseal = args.pgseal or build(target)
    built = "a given build" if args.pgseal else machine.head()
    if not args.smallest:
        machine.install()
    work = Workspace(args.workspace, pgseal)
    results = page.read(args.docs)
    # Before the first set, because a later load average would include this harness.
    floor, load = measure.floor(), round(os.getloadavg()[0], 2)
    with contextlib.ExitStack() as stack:
        servers = database.Database(work, stack)
        for name in [name for name in SETS if name in chosen]:
            about = machine.describe(pgseal, work.directory, built, load, server_version(name))
            about["floor_kib"] = floor
            try:
                groups = servers.measured(name, plan) if name in SERVER else list(FILES[name](work, plan))
            except measure.Failed as error:
                sys.exit(f"bench: {error}")
            if groups:
                results["sets"][name] = {"machine": about, "groups": groups}
                page.keep(args.docs, results)  # set by set: what was measured is not lost when the next one fails


def server_version(name):
    bin = server.programs() if name in SERVER else ""
    return server.version(bin) if bin else ""


def build(target):
    code = os.system(f"cd '{ROOT}' && cargo build --release --locked --quiet")
    if code:
        sys.exit("bench: `cargo build --release` failed")
    return os.path.join(target, "release/pgseal")


if __name__ == "__main__":
    main()
