"""The exit code of contrib/verify.py for each folder of tests/vectors, one JSON object a line, for tests/offline/differential.rs.

    vectors.py DIR
"""

import io
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "contrib"))

import verify  # noqa: E402


def vectors(folder):
    """The exit code of the command line for each folder."""
    for name in sorted(os.listdir(folder)):
        here, good = os.path.join(folder, name), os.path.join(folder, "good_pass", "bundle.pgseal")
        if os.path.exists(os.path.join(here, "expect")):
            own = lambda file, other: os.path.join(here, file) if os.path.exists(os.path.join(here, file)) else other
            words = ["--trust", own("trust.json", os.path.join(folder, "trust.json")), own("bundle.pgseal", good)]
            if name.startswith("rotation_"):
                following = sorted(os.listdir(os.path.join(here, "next")))
                words = ["--trust", os.path.join(here, "installed.json"), *(os.path.join(here, "next", file) for file in following if file.endswith(".json"))]
            out, sys.stdout = sys.stdout, io.StringIO()
            try:
                code = verify.main(words)
            finally:
                said, sys.stdout = sys.stdout.getvalue(), out
            yield {"name": name, "exit": code, "why": said.splitlines()[-1]}
    for line in open(os.path.join(folder, "wycheproof", "ed25519.txt"), encoding="ascii"):
        number, verdict, *parts = line.split()
        public, message, signature = (bytes.fromhex("" if part == "-" else part) for part in parts)
        if verify.verifies(public, message, signature) != (verdict == "valid"):
            yield {"name": f"wycheproof {number}", "exit": 1, "why": verdict}


if __name__ == "__main__":
    for line in vectors(sys.argv[1]):
        print(json.dumps(line))
