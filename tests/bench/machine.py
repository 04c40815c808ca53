"""What the numbers were taken on: processor, cores, and the versions of everything that was compared."""
import os, re, shutil, subprocess, sys

# Debian packages by the commands that they provide.
PACKAGES = {
    "minisign": "minisign", "pigz": "pigz", "zstd": "zstd", "rauc": "rauc", "mksquashfs": "squashfs-tools",
    "openssl": "openssl", "jq": "jq", "psql": "postgresql-client", "pg_dump": "postgresql-client",
}
VERSIONS = {
    "minisign": "minisign -v", "pigz": "pigz --version", "zstd": "zstd --version", "rauc": "rauc --version",
    "mksquashfs": "mksquashfs -version", "openssl": "openssl version", "jq": "jq --version", "psql": "psql --version",
    "tar": "tar --version", "gzip": "gzip --version", "sha256sum": "sha256sum --version", "xargs": "xargs --version",
}


def missing(*commands):
    """Empty, or which of the commands are not here."""
    absent = [command for command in commands if not shutil.which(command)]
    return f"{' and '.join(absent)} not installed" if absent else ""


def install():
    """What is missing comes from Debian when this is root there; else it stays missing, and its rows say so."""
    absent = sorted({package for command, package in PACKAGES.items() if not shutil.which(command)})
    if not absent:
        return
    if os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"bench: installing {' '.join(absent)}", file=sys.stderr)
        quiet = dict(stdin=subprocess.DEVNULL, stdout=sys.stderr, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        for package in absent:  # one by one: one that this Debian does not have keeps none of the others away
            subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package], **quiet)
    for command, package in PACKAGES.items():
        if not shutil.which(command):
            print(f"bench: no {command} here (package {package}): its rows will say so", file=sys.stderr)


def first_line(command):
    try:
        done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20)
    except subprocess.TimeoutExpired:
        return ""
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    return lines[0].strip() if lines else ""


def number(text):
    found = re.search(r"\d+(\.\d+)+\w*", text) or re.search(r"\d+", text)
    return found.group() if found else text


def cpu():
    try:
        with open("/proc/cpuinfo") as file:
            fields = dict(line.split(":", 1) for line in file.read().split("\n\n")[0].splitlines() if ":" in line)
    except OSError:
        fields = {}
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = fields.get("flags", fields.get("Features", "")).split()
    return fields.get("model name", os.uname().machine), [f for f in ("sha_ni", "sha2", "avx2", "avx512f") if f in flags]


def disk(path):
    """The file system below a directory."""
    return first_line(f"stat -f -c %T '{path}'")


def head():
    """What the tree is at; a build of it is of this commit, or of what was changed since."""
    changed = first_line("git status --porcelain --untracked-files=no")
    return first_line("git rev-parse --short HEAD") + (", changed" if changed else "")


def describe(pgseal, directory, build, load, server=""):
    model, flags = cpu()
    with open("/proc/meminfo") as file:
        memory = int(re.search(r"MemTotal:\s+(\d+)", file.read()).group(1))
    versions = {name: number(first_line(line)) for name, line in VERSIONS.items() if shutil.which(name)}
    versions["pgseal"] = number(first_line(f"'{pgseal}' --version"))
    versions["python3"] = sys.version.split()[0]
    if server:
        versions["PostgreSQL server"] = number(server)
    return {
        "cpu": model, "flags": flags, "cores": len(os.sched_getaffinity(0)), "memory_mib": memory >> 10,
        "kernel": os.uname().release, "file_system": disk(directory), "versions": versions,
        "build": build, "load": load,
    }

