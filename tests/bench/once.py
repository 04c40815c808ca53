"""Runs one command and prints wall seconds, the largest process's KiB, and its exit status; for measure.py.

A program of its own, with as little in it as can be: the system counts the memory of whoever starts a process as the
process's own peak.
"""
import os, sys, time

null = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)]
started = time.perf_counter()
child = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=null)
_, status, usage = os.wait4(child, 0)
print(time.perf_counter() - started, usage.ru_maxrss, os.waitstatus_to_exitcode(status))
