"""Mutated files with the verdict of contrib/verify.py, one JSON object a line, for tests/offline/differential.rs.

    fuzz.py NUMBER SEED
"""

import base64
import copy
import io
import json
import os
import random
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "contrib")]

import bends  # noqa: E402
import corpus  # noqa: E402
import stamps  # noqa: E402
import verify  # noqa: E402
from corpus import AT, KEYS, canonical  # noqa: E402

STATEMENT = corpus.release_statement()
BODY = canonical(STATEMENT)
ROOT = corpus.trust_document()


class Case:
    """One mutated file with all that belongs to it."""

    def __init__(self, rng):
        self.rng, self.what = rng, []
        self.at, self.past = AT, rng.random() < 0.5

    def chance(self, likely):
        return self.rng.random() < likely

    def did(self, pair):
        self.what.append(pair[1])
        return pair[0]

    def document(self, value, likely):
        """The canonical bytes of a document, bent or spelt otherwise by that chance."""
        if self.chance(likely):
            value = self.did(bends.bend(self.rng, value))
        if self.chance(likely / 4):
            try:
                return self.did(bends.respell(self.rng, canonical(value)))
            except ValueError:
                self.what.append("no other spelling")
        return spelled(value)

    def signed(self, word, payload_type, body, likely=0.0):
        signature = KEYS[word].sign(payload_type, body)
        if self.chance(likely):
            self.what.append("signature")
            signature = bends.forge(self.rng, signature)
        return signature

    def trust(self, likely):
        document = copy.deepcopy(ROOT)
        if self.chance(likely) and self.chance(0.3):
            odd = self.rng.choice(bends.ENCODINGS)
            self.what.append("odd key")
            key = self.rng.choice(document["keys"])
            key |= {"public_key": corpus.spki(odd), "id": bends.digest(odd)}
            document["keys"].sort(key=lambda key: key["id"])
        body = self.document(document, likely)
        words = self.rng.choice([("root-1", "root-2")] * 9 + [("root-1", "root-2", "release-1")] if likely < 1 else [
            ("root-1", "root-2")] * 9 + [("root-1",), ("root-1", "release-1"), ("root-1", "root-2", "stranger"), ("root-2", "root-1", "l2-1")])
        return body, [[KEYS[word].id, False, self.signed(word, verify.TRUST, body, likely / 5)] for word in words]


def spelled(value):
    try:
        return canonical(value)
    except (ValueError, RecursionError):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode(errors="surrogatepass")


def stamp(case, signature):
    name, change = stamps.changes(case.rng) if case.chance(0.6) else ("", None)
    word = case.rng.choice(list(corpus.AUTHORITIES))
    case.what.append(f"stamp {word} {name}")
    token = stamps.token(signature, word, change, case.rng.choice([b"20261121073000Z", b"20261121075958Z", b"20261121120000Z", b"20261129235958Z"]))
    if case.chance(0.2):
        token = case.rng.choice([bends.flip(case.rng, token), bends.cut(case.rng, token)])
    return token


def pairs_of(case, release_id, signed, likely):
    """The added statements, by key id."""
    said = {}
    for word in ("l2-1", "l2-2", "l4-1"):
        if case.chance(0.7):
            said[word] = corpus.approval(release_id, word[:2])
    seen = [(KEYS[word].id, signature) for word, signature in signed.items()]
    for word in ("notary-1", "notary-2"):
        if case.chance(0.3):
            said[word] = corpus.notarisation(release_id, seen, case.rng.choice(bends.TIMES[:6]))
    if case.chance(0.02):
        said["stranger"] = corpus.approval(release_id, "l2")
    found = {}
    for word, value in said.items():
        body = case.document(value, likely)
        found[word] = body, case.signed(word, verify.STATEMENT, body, likely / 5)
    return found


def bundle(case):
    which = case.rng.choice(["statement", "added", "archive", "signature", "trust", "stamp", "bytes", "files"])
    body = case.document(STATEMENT, 1.0 if which == "statement" else 0.0)
    signers = case.rng.choice([["release-1"]] * 8 + [["release-2"], ["release-1", "release-2"], ["l2-1"], ["release-1", "l2-1"], ["stranger"], ["release-1", "stranger"], []])
    signed = {word: case.signed(word, verify.STATEMENT, body, 1.0 if which == "signature" else 0.0) for word in signers}
    added = pairs_of(case, bends.digest(body), signed, 0.6 if which == "added" else 0.0)
    tokens = {}
    if which == "stamp" or case.chance(0.05):
        word = case.rng.choice([*signed, *added, "release-1"])
        pool = [pair for pair in (signed.get(word), added.get(word, (0, None))[1]) if pair]
        tokens[word] = stamp(case, case.rng.choice(pool or [bytes(64)]))
    files = corpus.stored(corpus.FILES)
    if which == "files":
        name = case.rng.choice(list(files))
        case.what.append(f"file {name}")
        files[name] = bends.flip(case.rng, files[name]) if case.chance(0.5) else bends.cut(case.rng, files[name])
        if case.chance(0.6):  # Signed as it is: the content decides.
            value = copy.deepcopy(STATEMENT)
            next(entry for entry in value["subject"] if entry["name"] == name)["digest"]["sha256"] = bends.digest(files[name])
            body = canonical(value)
            signed, added, tokens = {"release-1": KEYS["release-1"].sign(verify.STATEMENT, body)}, {}, {}
    by_id = lambda words: sorted(words, key=lambda word: KEYS[word].id)
    members = [("pgseal", b"pgseal 1\n"), ("statement.json", body)]
    members += [(f"signatures/{KEYS[word].id}.sig", signed[word]) for word in by_id(signed)]
    for word in by_id(added):
        members += [(f"approvals/{KEYS[word].id}.{end}", part) for end, part in zip(("json", "sig"), added[word])]
    members += [(f"timestamps/{KEYS[word].id}.tsr", tokens[word]) for word in by_id(tokens)]
    members += sorted(files.items())
    return archived(case, members, which), *case.trust(1.0 if which == "trust" else 0.0)


def archived(case, members, which):
    if which == "archive":
        return case.did(bends.archive(case.rng, members))
    data = b"".join(verify.header(name, len(part)) + part + bytes(-len(part) % 512) for name, part in members) + bytes(1024)
    if which == "bytes":
        case.what.append("bytes")
        return bends.flip(case.rng, data) if case.chance(0.6) else bends.cut(case.rng, data)
    return data


def approval(case):
    release_id = bends.digest(BODY)
    added = pairs_of(case, release_id, {}, 0.7) or {"l2-1": (b"{}", bytes(64))}
    members = [("pgseal", b"pgseal 1\n")]
    for word in sorted(added, key=lambda word: KEYS[word].id):
        members += [(f"approvals/{KEYS[word].id}.{end}", part) for end, part in zip(("json", "sig"), added[word])]
    return archived(case, members, case.rng.choice(["archive", "bytes", "plain"])), *case.trust(0.1)


def receipt(case, kind):
    value = getattr(corpus, kind)(bends.digest(BODY))
    if kind == "evidence" and case.chance(0.5):
        value = corpus.evidence(bends.digest(BODY), case.rng.choice(["fingerprint", "plan", "report"]))
    lines = None
    if kind == "receipt" and case.chance(0.6):
        lines, named = corpus.journal(value["predicate"], bends.digest(BODY))
        if case.chance(0.7):
            value["predicate"]["journal_sha256"] = named
        lines = journal(case, lines) if case.chance(0.7) else b"\n".join(lines) + b"\n"
    body = case.document(value, 0.6 if lines is None else 0.1)
    word = case.rng.choice(["receipt-1"] * 15 + ["release-1", "stranger"])
    signature = None if case.chance(0.04) else case.signed(word, verify.STATEMENT, body, 0.1)
    token = stamp(case, signature or b"") if case.chance(0.15) else None
    if case.chance(0.1):
        body = bends.flip(case.rng, body)
    return {"data": body, "signature": signature, "token": token, "journal": lines}, *case.trust(0.1)


def journal(case, lines):
    case.what.append("journal")
    lines, at, action = list(lines), case.rng.randrange(len(lines)), case.rng.randrange(6)
    if action == 0:
        del lines[at]
    elif action == 1:
        lines[at] = bends.flip(case.rng, lines[at])
    elif action == 2:
        lines[-1] = case.did(bends.respell(case.rng, lines[-1]))
    elif action == 3:
        lines[-1] = spelled(case.did(bends.bend(case.rng, json.loads(lines[-1]))))
    elif action == 4:  # Chained again, as a forger would.
        value, previous = json.loads(lines[at]), b""
        lines[at] = spelled(case.did(bends.bend(case.rng, value)))
        for number, line in enumerate(lines):
            value = json.loads(line)
            if isinstance(value, dict) and number:
                value["prev_sha256"] = bends.digest(previous)
            lines[number] = previous = json.dumps(value, separators=(",", ":")).encode() if number else line
    whole = b"\n".join(lines) + b"\n"
    return case.rng.choice([whole[:-1], whole + b"\n", whole[:-7], b"", whole + b"x"]) if action == 5 else whole


def chain(case):
    """The installed trust root, and the versions that are brought."""
    documents, previous = [ROOT], None
    for version in range(2, case.rng.choice([3, 3, 3, 4, 5])):
        value = copy.deepcopy(ROOT) | {"version": version, "prev_sha256": bends.digest(canonical(documents[-1])), "issued": f"2026-11-0{version}T00:00:00Z"}
        documents.append(case.did(bends.bend(case.rng, value)) if case.chance(0.4) else value)
        try:
            canonical(documents[-1])
        except (ValueError, TypeError):
            documents.pop()
    parts = []
    for value in documents:
        body = spelled(value)
        words = case.rng.choice([("root-1", "root-2")] * 6 + [("root-1",), ("root-1", "stranger"), ("root-1", "root-2", "l2-1"), ("root-2", "root-1", "stranger")])
        signatures = [[KEYS[word].id, case.chance(0.1), case.signed(word, verify.TRUST, body, 0.03)] for word in words]
        parts.append((body, signatures))
    installed = case.rng.randrange(len(parts)) if case.chance(0.3) else 0
    brought = [part for part in parts if case.chance(0.85)] if case.chance(0.5) else parts[installed + 1:]
    brought = brought or parts[-1:]
    if case.chance(0.1):
        brought += case.rng.sample(parts, 1)
    case.rng.shuffle(brought)
    case.at = case.rng.choice([AT, AT, "2026-11-01T23:55:00Z", "2026-11-01T23:54:59Z", "2026-11-04T00:00:00Z"])
    body, signatures = canonical(ROOT) if installed == 0 else parts[installed][0], parts[installed][1]
    return brought, body, signatures


def rooted(body, signatures):
    named = {f"{version_of(body)}.{key_id}{'.before' * before}.sig": signature for key_id, before, signature in signatures}
    return verify.Trust(body, named)


def version_of(body):
    try:
        return json.loads(body)["version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return 1


def judged(case, kind, file, body, signatures):
    """The exit code and kind of verify.py."""
    try:
        trust = rooted(body, signatures).authenticate()
        judge = verify.Judge(trust, case.at, case.past)
        if kind == "chain":
            verify.install(trust, [rooted(*one) for one in file], case.at)
        elif kind == "bundle":
            judge.bundle(io.BytesIO(file))
        elif kind == "approval":
            judge.approval(io.BytesIO(file))
        else:
            verify.Judge(trust, case.at, True).receipt(kind, **file)
        return 0, ""
    except verify.Fault as fault:
        return fault.exit, f"{fault.kind}: {str(fault)[:300]}"


def text(value):
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: text(item) for key, item in value.items()}
    return [text(item) for item in value] if isinstance(value, (list, tuple)) else value


def mutations(count, seed):
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        case = Case(rng)
        kind = rng.choice(["bundle"] * 10 + ["approval"] * 2 + ["receipt"] * 3 + ["rehearsal"] * 2 + ["evidence"] * 2 + ["chain"] * 2)
        make = {"bundle": bundle, "approval": approval, "chain": chain}.get(kind)
        file, body, signatures = make(case) if make else receipt(case, kind)
        if kind in ("bundle", "approval") and rng.random() < 0.2:
            case.at = rng.choice(bends.TIMES[:8] + ["2026-12-01T00:00:00Z", "2026-12-01T00:00:01Z", "2027-10-31T23:59:59Z", "2027-11-01T00:00:00Z"])
            case.at = case.at if case.at != "1969-12-31T23:59:59Z" else AT
        code, why = judged(case, kind, file, body, signatures)
        yield {"number": number, "kind": kind, "what": "; ".join(case.what), "at": case.at, "past": case.past, "trust": text(body), "signatures": text(signatures),
               "file": text(file), "exit": code, "why": why}


if __name__ == "__main__":
    for line in mutations(int(sys.argv[1]), sys.argv[2]):
        print(json.dumps(line))
