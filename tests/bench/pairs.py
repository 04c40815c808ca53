#!/usr/bin/env python3
"""Times two commands in turn, A B A B, and prints the median of each and of the ratio A/B, pair by pair.

    pairs.py RUNS [--before COMMAND] NAME A B

Wall seconds of the whole process; peak memory of the largest process of A. COMMAND runs, untimed, before each.
"""
import os, shlex, statistics, subprocess, sys, time


def run(command, timed=True):
    started = time.perf_counter()
    child = subprocess.Popen(shlex.split(command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{command}\nfailed: {child.stderr.read().decode()}")
    return seconds, usage.ru_maxrss / 1024


def main():
    arguments = sys.argv[1:]
    runs, before = int(arguments.pop(0)), None
    if arguments[0] == "--before":
        before = arguments[1]
        arguments = arguments[2:]
    name, a, b = arguments
    times = {a: [], b: []}
    peak = 0
    for n in range(runs + 1):  # the first pair warms up
        for command in (a, b):
            if before:
                run(before)
            seconds, memory = run(command)
            if command == a:
                peak = max(peak, memory)
            if n:
                times[command].append(seconds)
    ratios = [x / y for x, y in zip(times[a], times[b])]
    ms = lambda command: f"{statistics.median(times[command]) * 1000:8.1f} ms"
    print(f"{name}\n    {ms(a)} {ms(b)}   ratio {statistics.median(ratios):.2f}"
          f" ({min(ratios):.2f} to {max(ratios):.2f}), {runs} pairs, peak {peak:.0f} MiB", flush=True)


main()
