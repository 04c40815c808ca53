"""Times whole processes in rounds, A B C A B C, so that whatever else the machine does meets all of them alike."""
import os, shlex, statistics, subprocess, sys, time
from dataclasses import dataclass, field


@dataclass
class Command:
    """What is timed: a line for sh or the words of a command, or what is missing here to run it."""

    key: str
    name: str
    line: str | list = ""
    missing: str = ""
    before: list = field(default_factory=list)  # lines for sh, untimed
    cold: list = field(default_factory=list)  # files that leave the cache before it


HERE = os.path.dirname(os.path.abspath(__file__))


class Failed(Exception):
    pass


def shell(line, directory):
    """Runs a line that is not measured."""
    done = subprocess.run(["sh", "-c", line], cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode:
        raise Failed(f"{line}\nfailed with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")


def evict(paths):
    """Files leave this kernel's cache, and nothing else does: what the machine's other users need stays."""
    for path in paths:
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def files_below(*paths):
    found = []
    for path in paths:
        walked = [(os.path.dirname(path), [], [os.path.basename(path)])] if os.path.isfile(path) else os.walk(path)
        found += [os.path.join(at, name) for at, _, names in walked for name in names]
    return sorted(found)


def once(command, directory):
    """Wall seconds of the process and all it starts, and KiB of the largest of them."""
    for line in command.before:
        shell(line, directory)
    evict(command.cold)
    once = [sys.executable, "-I", "-S", os.path.join(HERE, "once.py"), *words_of(command.line)]
    done = subprocess.run(once, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
    seconds, peak, status = done.stdout.split() if done.returncode == 0 else (0, 0, done.returncode)
    if int(status):
        raise Failed(f"{command.line}\nfailed with {status}: {done.stderr[-2000:]}")
    return float(seconds), int(peak)


def words_of(line):
    """No shell around a single command: it would cost the time of one process more."""
    if isinstance(line, list):
        return line
    return ["sh", "-c", line] if set(line) & set("|&;<>*$(\n") else shlex.split(line)


def floor():
    """KiB that every child is said to have had at least: those of once.py, before it became the other."""
    return once(Command("", "", "true"), ".")[1]


def rounds(what, commands, directory, plan, most=15):
    """All commands in turn until the time is spent, every other round backwards; the first round warms up if that fits.

    `plan` has the seconds to spend (`budget`) and the fewest rounds (`least`).
    """
    there = [command for command in commands if not command.missing]
    times, peaks = {c.key: [] for c in there}, {c.key: 0 for c in there}
    print(f"{what} ...", file=sys.stderr, end="", flush=True)
    started, number, warm = time.perf_counter(), 0, None
    while True:
        began = time.perf_counter()
        taken = {}
        for command in there if number % 2 == 0 else there[::-1]:
            taken[command.key], peak = once(command, directory)
            peaks[command.key] = max(peaks[command.key], peak)
        lasted = time.perf_counter() - began
        number += 1
        # The first round warms up and is not counted, unless it alone took a large part of the budget.
        if warm is None and plan.least > 1 and lasted * (plan.least + 1) <= plan.budget:
            warm = True
            continue
        warm = warm or False
        for key, seconds in taken.items():
            times[key].append(seconds)
        count = len(next(iter(times.values())))
        over = time.perf_counter() - started + lasted > plan.budget
        if count >= most or (count >= plan.least and over):
            break
    line = ", ".join(f"{key} {statistics.median(seconds):.3f} s" for key, seconds in times.items())
    print(f" {line}; {count} rounds", file=sys.stderr, flush=True)
    return {
        "rounds": count,
        "commands": [
            {"key": c.key, "name": c.name, "missing": c.missing} if c.missing else
            {"key": c.key, "name": c.name, "seconds": [round(s, 6) for s in times[c.key]], "peak_kib": peaks[c.key]}
            for c in commands
        ],
    }
