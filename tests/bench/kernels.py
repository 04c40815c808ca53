"""The inner loops of the program (benches/kernels.rs) beside those of openssl and the usual tools."""
import json, os, re, subprocess, sys

from machine import missing

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def kernels(work, plan):
    if not plan.criterion:
        return
    target = os.path.abspath(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")))
    print("kernels ...", file=sys.stderr)
    line = ["cargo", "bench", "--locked", "--quiet", "--bench", "kernels", "--", "--quiet", "--warm-up-time", "0.5", "--measurement-time", "2"]
    done = subprocess.run(line, cwd=ROOT, stdout=subprocess.DEVNULL)
    if done.returncode:
        sys.exit("bench: `cargo bench --bench kernels` failed")
    rows = [row for name in NAMES for row in [criterion(os.path.join(target, "criterion"), *name)] if row]
    yield {"set": "kernels", "label": "kernels", "what": "the inner loops alone", "kernels": rows + openssl()}


# A part of criterion's path, and the label in the table.
NAMES = [
    ("hash/4096", "SHA-256 of 4 KiB"), ("hash/1048576", "SHA-256 of 1 MiB"), ("hash/16777216", "SHA-256 of 16 MiB"),
    ("backend/sha2", "SHA-256 of 1 MiB by sha2"), ("backend/ring", "SHA-256 of 1 MiB by ring"),
    ("gzip/compress", "gzip of 4 MiB of rows"), ("gzip/decompress", "gunzip to 4 MiB of rows"),
    ("signature/verify", "Ed25519, one signature checked"), ("signature/sign", "Ed25519, one signature made"),
    ("statement/parse", "statement.json of One-Roof, parsed"), ("header/encode", "a header written"), ("header/decode", "a header read and compared"),
    ("lexer/inserts", "SQL script of 10,000 inserts, cut"), ("lexer/tiers", "the tiers of One-Roof, cut"),
    ("lexer/copy", "SQL script with 4 MiB of COPY data, cut"), ("lexer/inspect", "one INSERT, judged"),
]


def criterion(directory, name, title):
    here = os.path.join(directory, name, "new")
    try:
        with open(os.path.join(here, "estimates.json")) as file:
            median = json.load(file)["median"]["point_estimate"]
        with open(os.path.join(here, "benchmark.json")) as file:
            throughput = json.load(file)["throughput"] or {}
    except FileNotFoundError:
        return None
    row = {"key": name, "name": title, "nanoseconds": round(median, 1)}
    if "Bytes" in throughput:
        row["megabytes_per_second"] = round(throughput["Bytes"] / median * 1000, 1)
    return row


def openssl():
    """The same digest by what most people trust with it, on one core."""
    if missing("openssl"):
        return []
    done = subprocess.run(["openssl", "speed", "-seconds", "1", "-bytes", "1048576", "-evp", "sha256"], capture_output=True, text=True)
    found = re.search(r"^sha256\s+([\d.]+)k", done.stdout, re.MULTILINE | re.IGNORECASE)
    if not found:
        return []
    return [{"key": "openssl", "name": "openssl speed: SHA-256 of 1 MiB", "megabytes_per_second": round(float(found.group(1)) / 1000, 1)}]
