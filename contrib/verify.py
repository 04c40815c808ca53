#!/usr/bin/env python3
"""Authenticates pgseal's bundles, approvals, receipts, rehearsals, signed answers and trust roots.

A second implementation, written from bundle/FORMAT.md alone; the numbers below are its clauses. It needs Python 3.11 and
`cryptography`. It connects to nothing and writes nothing.

    verify.py --trust trust.json [--at TIME] [--json] FILE...
"""

import argparse
import base64
import binascii
import datetime
import hashlib
import json
import os
import re
import stat
import sys
import unicodedata
import zlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

PROGRAM = (0, 1, 0)  # The pgseal whose formats these are (12.3).
STATEMENT, TRUST = "application/vnd.in-toto+json", "application/vnd.pgseal.trust+json"
KIB, MIB = 1 << 10, 1 << 20
EXITS = {"io": 1, "usage": 2, "no-trust-root": 2}
EXITS |= dict.fromkeys(("malformed", "not-a-bundle", "bundle-damaged", "no-statement", "newer-program", "missing-script"), 10)


class Fault(Exception):
    """The reason why a file is refused; `kind` is one of docs/errors.md."""

    def __init__(self, kind, why):
        super().__init__(why)
        self.kind, self.exit = kind, EXITS.get(kind, 11)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# Grammar of values: each rule raises ValueError.


def need(holds, why):
    if not holds:
        raise ValueError(why)


def text(value):
    need(isinstance(value, str), "not a text")


def filled(value):
    need(isinstance(value, str) and value, "not a text, or empty")


def anything(_):
    pass


def form(pattern, most=1 << 30):
    matches = re.compile(pattern, re.ASCII).fullmatch

    def rule(value):
        need(isinstance(value, str) and len(value) <= most and matches(value), f"{value!r:.200} is not {pattern}")

    return rule


def number(least, most=2**53 - 1):
    return lambda value: need(type(value) is int and least <= value <= most, f"{value!r:.99} is not from {least} to {most}")


def only(*values):
    return lambda value: need(any(type(value) is type(v) and value == v for v in values), f"{value!r:.200} is not of {values}")


def some(rule, least=0, most=1 << 30):
    def check(value):
        need(isinstance(value, list) and least <= len(value) <= most, "not a list, too short or too long")
        for item in value:
            rule(item)

    return check


def table(name, rule, least=0):
    def check(value):
        need(isinstance(value, dict) and len(value) >= least, "not an object, or empty")
        for key, item in value.items():
            name(key)
            rule(item)

    return check


def record(fields):
    """Objects with these fields; `?` marks those that may be absent."""
    rules = {name.rstrip("?"): rule for name, rule in fields.items()}
    required = {name for name in fields if name[-1] != "?"}

    def check(value):
        need(isinstance(value, dict), "not an object")
        need(required <= value.keys() <= rules.keys(), f"fields {sorted(value.keys() ^ required)} missing or unknown")
        for key, item in value.items():
            rules[key](item)

    return check


def time(value):  # 3.4
    form(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")(value)
    datetime.datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")
    need("1970-01-01T00:00:00Z" <= value <= "9999-12-30T22:00:00Z" and value[17:19] < "60", f"{value} is out of range")


def database(value):  # 3.8
    text(value)
    name = re.sub(r"@[0-9]{1,20}\Z", "", value)
    need(1 <= len(name.encode()) <= 63 and not any(unicodedata.category(c) == "Cc" for c in name), f"{value!r:.99} is no database")


def databases(value):
    some(database, 2)(value) if isinstance(value, list) else database(value)


def time_limit(value):  # 3.3
    form(r"[1-9][0-9]{0,8}(ms|s|min|h)")(value)
    units = {"h": 3_600_000, "min": 60_000, "s": 1000, "ms": 1}
    count = int(re.match("[0-9]+", value)[0]) * units[value.lstrip("0123456789")]
    largest = next(unit for unit in units if count % units[unit] == 0)
    need(1 <= count <= units["h"] * 24 and value.endswith(largest) and value[-len(largest) - 1].isdigit(), f"{value} as a limit")


def release_range(value):  # 3.3
    form(r"[a-z0-9][a-z0-9_-]{0,39}( = [A-Za-z0-9][A-Za-z0-9.+_-]{0,39}| >= [0-9.]+(, < [0-9.]+)?| < [0-9.]+)?")(value)
    bounds = re.findall(r"(?:>=|<) ([0-9.]+)", value)
    need(all(re.fullmatch(r"[0-9]+(\.[0-9]+)*", bound) and len(bound) <= 40 for bound in bounds), f"{value} has no version")
    parts = [[int(part) for part in bound.split(".")] for bound in bounds]
    longest = max(map(len, parts), default=0)
    padded = [part + [0] * (longest - len(part)) for part in parts]
    need(len(padded) < 2 or padded[0] < padded[1], f"{value} has no room")


def expectation(value):  # 3.5
    if isinstance(value, dict) and "text" in value:
        return record({"text": form(r"unchanged|[+-][0-9]+")})(value)
    if isinstance(value, dict):
        record({"max?": INT, "min?": INT})(value)
        need(value and value.get("min", -(2**53)) <= value.get("max", 2**53), "min above max, or neither")
    elif isinstance(value, str) and re.fullmatch("[+-][0-9]+", value):
        need(re.fullmatch("[+-](0|[1-9][0-9]{0,18})", value) and -(2**63) <= int(value) < 2**63, f"{value} as a difference")
    else:
        need(isinstance(value, (str, bool)) or INT(value) is None, "not an expectation")


U32, COUNT, INT, TRUE = number(0, 2**32 - 1), number(0), number(1 - 2**53), only(True)
NAME, VERSION = form("[a-z0-9][a-z0-9_-]{0,39}"), form("[A-Za-z0-9][A-Za-z0-9.+_-]{0,39}")
VARIABLE, DIGEST, RUN_ID = form("[A-Za-z][A-Za-z0-9_]{0,62}"), form("[0-9a-f]{64}"), form("[0-9a-f]{32}")
SEGMENT = "[A-Za-z0-9_][A-Za-z0-9._+@=-]*"
PATH = form(f"{SEGMENT}(/{SEGMENT})*", 100)
GLOB = form("[A-Za-z0-9_*][A-Za-z0-9._+@=*-]*(/[A-Za-z0-9_*][A-Za-z0-9._+@=*-]*)*", 100)
MAJOR = r"[1-9][0-9]*(\.[1-9][0-9]*)?"
RELEASE = record({"name": NAME, "version": VERSION, "sequence": U32, "summary": text})
TARGET = record({
    "database": databases, "server?": form(f">={MAJOR}(, <{MAJOR})?|<{MAJOR}"), "role?": filled,
    "system_identifiers?": some(text, 1), "search_path?": some(text)})
STATE = record({"probe": PATH, "expect": table(text, expectation, 1)})
DISPATCH = some(text, 1)
MANIFEST = record({
    "format": only(1), "minimum_pgseal": form(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"), "created?": time, "release": RELEASE,
    "target": TARGET,
    "variables": table(VARIABLE, record({
        "required": only(True, False), "pattern?": text, "default?": text, "about?": filled, "rehearsal?": only("any")})),
    "gates": some(record({"name": NAME, "file": PATH})),
    "states": record({"baseline": STATE, "finalized": STATE, "rolled_back?": STATE}),
    "tiers": some(record({
        "name": NAME, "file": PATH, "gates": some(NAME), "transaction": only("release", "none"), "about?": filled,
        "dispatch?": DISPATCH}), 1),
    "rollback": some(record({"file": PATH, "dispatch?": DISPATCH}), 1),
    "verify": some(record({
        "name": NAME, "file": PATH, "state": only("baseline", "finalized", "any"), "mode": only("read-only", "rolled-back")})),
    "runbooks": some(record({"file": PATH, "audience": only("owner", "operator", "auditor", "agent")})),
    "limits": record({
        "lock_timeout": time_limit, "statement_timeout": time_limit, "idle_timeout": time_limit, "transaction_timeout?": time_limit}),
    "acknowledged?": some(record({"rule": NAME, "file": GLOB, "reason": filled, "line?": number(1, 2**32 - 1)}), 1),
    "reordered?": some(text, 1), "require_rehearsal?": TRUE, "require_no_drift?": TRUE,
    "rehearsal_max_age_days?": number(1, 2**32 - 1), "stages?": some(NAME, 1),
    "stage_of?": record({"release": NAME, "stage": NAME}), "requires?": some(release_range, 1), "conflicts?": some(release_range, 1),
    "files": some(record({"path": PATH, "stored": only("raw", "gzip"), "size": COUNT, "sha256": DIGEST}), 1)})


def statement(kinds, predicate, name=text, most=1):
    subject = some(record({"name": name, "digest": record({"sha256": DIGEST})}), 1, most)
    return record({
        "_type": only("https://in-toto.io/Statement/v1"), "subject": subject, "predicateType": only(*kinds), "predicate": predicate})


BUNDLE = statement(["urn:pgseal:release:v1"], MANIFEST, PATH, 1 << 30)
APR = form("[A-Za-z0-9][A-Za-z0-9._:/#-]{0,99}")
ADDED = {
    "urn:pgseal:approval:v1": record({
        "format": only(1), "decision": only("approve", "withdraw"), "role": NAME, "apr?": APR, "release": RELEASE, "target": TARGET,
        "at": time, "expires?": time, "only_on?": database, "runs?": number(2, 2**32 - 1), "reason?": text}),
    "urn:pgseal:notarisation:v1": record({
        "format": only(1), "signatures": some(record({"key_id": DIGEST, "sha256": DIGEST, "at": time}))})}
STATUS = only("active", "retired", "revoked")
ROOT = record({
    "format": only(1), "version": number(1, 2**32 - 1), "prev_sha256?": DIGEST, "issued?": time, "expires": time,
    "keys": some(record({
        "id": DIGEST, "public_key": text, "owner": text, "role": NAME, "status": STATUS, "not_before?": time, "not_after?": time,
        "compromised_since?": time}), 1),
    "roles": table(NAME, record({"threshold": number(1, 255)})),
    "timestamp_authorities?": some(record({
        "id": DIGEST, "certificate": text, "owner": text, "status": STATUS, "not_after?": time}), 1),
    "policy": record({
        "approvals?": table(NAME, number(1, 255), 1), "targets?": some(database, 1), "require_run_on?": some(database, 1),
        "windows?": some(lambda value: window(value), 1), "freezes?": some(lambda value: freeze(value), 1),
        "minimum_sequence?": table(NAME, U32, 1), "blocked_releases?": some(DIGEST, 1), "require_rehearsal?": TRUE,
        "rehearsal_max_age_days?": number(1, 2**32 - 1), "require_signed_receipts?": TRUE, "gate_role?": only("any")})})
OPERATOR, XID = record({"user": text, "host": text}), form("[0-9]+")
REFERENCE = record({"version": number(1, 2**32 - 1), "sha256": DIGEST})
SERVER = record({
    "database": text, "server_version": text, "server_version_num": U32, "role": text, "system_identifier?": text, "timeline?": U32})
ROW = table(text, lambda value: value is None or text(value))
ANSWER = record({"name": NAME, "ready": only(True, False), "reason": text, "evidence": ROW, "asked": only("before", "first", "last")})
TIER = record({
    "name": text, "statements": COUNT, "rows": COUNT, "milliseconds": COUNT, "warnings?": some(text, 1, 100), "transaction_id?": XID,
    "sent?": some(record({
        "at": text, "verb": text, "statements?": number(1), "rows": COUNT, "microseconds": COUNT, "evidence?": text}), 1, 1000)})
CHECKED = record({"name": NAME, "held": COUNT, "checks": COUNT, "failed?": some(text, 1, 100)})
ACTION, OUTCOME = only("run", "rollback"), only("committed", "unchanged", "partial", "unknown")
COMMON = {
    "format": only(1), "operator": OPERATOR, "started": time, "finished": time, "pgseal": text, "release": RELEASE,
    "signers": some(DIGEST), "trust": REFERENCE, "variables": table(text, text), "gates": some(ANSWER), "tiers": some(TIER),
    "verify": some(CHECKED), "error?": text, "signer?": DIGEST}
RECEIPT = statement(["urn:pgseal:receipt:v1"], record(COMMON | {
    "run_id": RUN_ID, "action": ACTION, "outcome": OUTCOME, "resumes?": RUN_ID, "retries?": number(1, 2**32 - 1),
    "waited?": some(record({"for": text, "seconds": COUNT}), 1), "target": SERVER, "before?": ROW, "after?": ROW, "start?": ROW,
    "approvals?": some(record({
        "key_id": DIGEST, "sha256": DIGEST, "role": NAME, "apr?": APR, "at": time,
        "evidence": only("claimed", "notarised", "timestamped"), "runs": number(1, 2**32 - 1)}), 1),
    "transaction_id?": XID, "schema?": record({"before": DIGEST, "after?": DIGEST}), "not_restored?": some(text, 1, 101),
    "journal_sha256?": DIGEST}))
POINTS = ("source-before", "source-after", "before", "after-run", "after-rollback", "after-second-run")
REHEARSAL = statement(["urn:pgseal:rehearsal:v1"], record(COMMON | {
    "rehearsal_id": RUN_ID, "outcome": only("proved", "limited", "failed", "incomplete"), "kept": only(True, False), "clone": SERVER,
    "source": record({
        "method": only("template", "dump-restore", "dump"), "database?": text, "dump_sha256?": DIGEST, "dump_bytes?": COUNT}),
    "approval?": record({"file": text, "sha256": DIGEST}), "rollback": some(TIER), "fingerprints": table(only(*POINTS), DIGEST),
    "steps": some(record({"name": text, "ok": only(True, False), "detail": text, "milliseconds": COUNT})),
    "locks": some(record({"tier": text, "relation": text, "mode": text, "milliseconds": COUNT})),
    "points?": some(record({"tier": text, "at?": text, "rollback": only("restored", "failed", "untried")}), 1),
    "more_points?": number(1)}))
KINDS = ("gate", "plan", "check", "report", "drift", "fingerprint")
EVIDENCE = statement([f"urn:pgseal:evidence:{kind}:v1" for kind in KINDS], record({
    "format": only(1), "evidence_id": RUN_ID, "kind": only(*KINDS), "release?": RELEASE, "at": time, "exit": number(0, 255),
    "target?": SERVER, "trust": REFERENCE, "operator": OPERATOR, "pgseal": text, "answer": table(text, anything), "signer": DIGEST}))
LINE = record({"prev_sha256": DIGEST, "at": time, "step": table(text, anything, 1)})
STEPS = {
    "begin": record({
        "run_id": RUN_ID, "action": ACTION, "release": text, "release_id": DIGEST, "target": SERVER, "trust": REFERENCE,
        "resumes?": RUN_ID}),
    "commit": record({"transaction_id": XID}), "committed": record({"transaction_id": XID}),
    "statement": record({"tier": text, "at": text}), "retry": record({"why": text}), "end": record({"outcome": OUTCOME})}


def window(value):  # 9.13
    day = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
    form(rf"(daily|{day}(-{day})?(,{day}(-{day})?)*) ([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00) UTC")(value)


def freeze(value):
    need(isinstance(value, str) and value.count("..") == 1, "not a freeze")
    first, last = value.split("..")
    time(first), time(last)
    need(first < last, "a freeze that ends before it begins")


# Canonical JSON (5).


def pairs(items):
    need(len(dict(items)) == len(items), "a key is there twice")
    return dict(items)


def refuse(value):
    raise ValueError(f"{value:.99} is not allowed")


def ordered(value, depth=0):
    """The value with its keys in the order of RFC 8785."""
    if not isinstance(value, (dict, list)):
        return value
    need(depth < 32, "nested deeper than 32")
    if isinstance(value, list):
        return [ordered(item, depth + 1) for item in value]
    return {key: ordered(value[key], depth + 1) for key in sorted(value, key=lambda key: key.encode("utf-16-be"))}


def parse(data, rule, canonical=True):
    try:
        value = json.loads(data.decode(), object_pairs_hook=pairs, parse_float=refuse, parse_constant=refuse)
    except RecursionError:
        raise ValueError("nested deeper than 32") from None
    if canonical:
        again = json.dumps(ordered(value), ensure_ascii=False, separators=(",", ":"))
        need(again.encode() == data, "JSON is not canonical (RFC 8785)")
    rule(value)
    return value


# Ed25519 by the strict rules (6.4).

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL = {0, 1, P - 1, Y8, P - Y8}
D = -121665 * pow(121666, -1, P) % P


def ordinate(point):
    return int.from_bytes(point, "little") & (2**255 - 1)


def is_point(raw):
    y = ordinate(raw)
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    return y < P and pow(u * v, (P - 1) // 2, P) in (0, 1)


def holds(public, payload_type, body, signature):
    """OpenSSL's check is without cofactor and compares R as bytes, but lets points of small order pass."""
    r = ordinate(signature[:32])
    if len(signature) != 64 or r >= P or r in SMALL or int.from_bytes(signature[32:], "little") >= L:
        return False
    message = b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(body), body)
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# The archive (2).

RANKS = {"pgseal": 0, "statement.json": 1, "signatures": 2, "approvals": 3, "timestamps": 4}
RESERVED = re.compile(r"pgseal|statement\.json|signatures/[0-9a-f]{64}\.sig|approvals/[0-9a-f]{64}\.(json|sig)|timestamps/[0-9a-f]{64}\.tsr")


def header(name, size):
    head = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"0" * 11 + b"\0"
    tail = b"0".ljust(101, b"\0") + b"ustar\x0000" + b"\0" * 64 + b"0000000\0" * 2
    filled_up = (head + b" " * 8 + tail).ljust(512, b"\0")
    return (head + b"%06o\0 " % sum(filled_up) + tail).ljust(512, b"\0")


def most(name):
    """The bytes that the member may have (8)."""
    if name.startswith("approvals/") and name.endswith(".json") or name.startswith("timestamps/"):
        return 64 * KIB
    return {"pgseal": 9, "statement.json": 16 * MIB}.get(name, 8**11 - 1)


def members(file, size):
    """The members, as name: (offset, size), of an archive in its one form."""
    damaged, at, found, last = lambda why: Fault("bundle-damaged", why), 0, {}, (-1, "")

    def take(count):
        data = file.read(count)
        if len(data) != count:
            raise damaged("the file is cut off")
        return data

    first = file.read(521)
    if first[:512] != header(b"pgseal", 9) or first[512:] != b"pgseal 1\n":
        raise Fault("not-a-bundle", "it does not begin with the member \"pgseal\" of format 1")
    file.seek(0)
    while (block := take(512)) != bytes(512):
        try:
            name = block[:100].rstrip(b"\0").decode("ascii")
            PATH(name)
            length = int(form("[0-7]{11}")(block[124:135].decode("ascii")) or block[124:135], 8)
        except ValueError as error:
            raise damaged(f"at byte {at}: {error}") from None
        if block != header(name.encode(), length):
            raise damaged(f"at byte {at}: the header of {name} is not in its one permitted form")
        rank = RANKS.get(name.split("/")[0], 5)
        if rank < 5 and not RESERVED.fullmatch(name):
            raise damaged(f"member {name} has a name that the format reserves")
        if (rank, name) <= last:
            raise damaged(f"member {name} is out of order, or there twice")
        if length > most(name) or name.endswith(".sig") and rank < 5 and length != 64 or at + 512 + length > size:
            raise damaged(f"member {name} has {length} bytes")
        last, found[name] = (rank, name), (at + 512, length)
        at += 512 + length
        file.seek(at)
        if any(take(-at % 512)):
            raise damaged(f"at byte {at}: padding is not zero")
        at += -at % 512
    if any(take(512)) or file.read(1):
        raise damaged("the end is not 1024 zero bytes")
    limits(found, damaged)
    return found


def limits(found, damaged):
    spelt = {}
    for name in found:
        parts = name.split("/")
        ways = [("/".join(parts[:n]), True) for n in range(1, len(parts))] + [(name, False)]
        for way in ways:
            if spelt.setdefault(way[0].lower(), way) != way:
                raise damaged(f"member {name} can't stand beside another")
    approvals = [name for name in found if name.startswith("approvals/")]
    if approvals != [key[:74] + end for key in approvals[::2] for end in (".json", ".sig")]:
        raise damaged("approvals/ holds only half of what a key said")
    if len(found) > 65536 or len(approvals) > 512 or sum(name.startswith("signatures/") for name in found) > 64:
        raise damaged("there are too many members")


class Archive:
    def __init__(self, file):
        self.file, size = file, file.seek(0, 2)
        file.seek(0)
        self.members = members(file, size)

    def read(self, name):
        offset, size = self.members[name]
        self.file.seek(offset)
        return self.file.read(size)

    def ids(self, directory):
        return sorted({name[len(directory) + 1:][:64] for name in self.members if name.startswith(directory + "/")})


# The trust root (9).


class Trust:
    """A trust document in its form (9.2, 9.3); `signed` says whether enough root keys signed it."""

    def __init__(self, data, signatures):
        """`signatures` is file name: bytes of FILE.sigs."""
        try:
            need(len(data) <= 4 * MIB, "larger than 4 MiB")
            self.doc, self.sha256 = parse(data, ROOT), sha256(data)
            self.version, self.data, self.keys = self.doc["version"], data, {}
            for key in self.doc["keys"]:
                self.add(key)
            self.check()
        except ValueError as error:
            raise Fault("trust-invalid", f"not a trust document: {error}") from None
        self.signatures = {
            name.split(".")[1]: value for name, value in signatures.items() if re.fullmatch(rf"{self.version}\.[0-9a-f]{{64}}\.sig", name)}
        self.before = {
            name.split(".")[1]: value for name, value in signatures.items() if re.fullmatch(rf"{self.version}\.[0-9a-f]{{64}}\.before\.sig", name)}

    def add(self, key):
        raw = unbase64(key["public_key"])
        need(len(raw) == 44 and raw[:12] == bytes.fromhex("302a300506032b6570032100"), "a public key is not SPKI of Ed25519")
        key["raw"] = raw[12:]
        need(is_point(key["raw"]) and ordinate(key["raw"]) not in SMALL, f"key {key['id']} is weak")
        need(sha256(key["raw"]) == key["id"], f"key {key['id']} has another id")
        need(not self.keys or key["id"] > max(self.keys), f"key {key['id']} is there twice, or out of order")
        need(key["role"] in self.doc["roles"], f"role {key['role']} is not defined")
        need(key.get("not_before", "") <= key.get("not_after", "~"), f"the window of key {key['id']} ends before it begins")
        need(key["status"] == "revoked" or "compromised_since" not in key, f"key {key['id']} is compromised and not revoked")
        self.keys[key["id"]] = key

    def check(self):
        doc = self.doc
        need((self.version == 1) == ("prev_sha256" not in doc), "its version does not fit its prev_sha256")
        need(doc.get("issued", "") < doc["expires"], "it expires before it is issued")
        need({"root", "release"} <= doc["roles"].keys(), "there is no role root or release")
        for role, value in doc["roles"].items():
            status = ("active",) if role == "root" else ("active", "retired")
            able = [key for key in doc["keys"] if key["role"] == role and key["status"] in status]
            need(value["threshold"] <= len(able), f"role {role} has threshold {value['threshold']} and {len(able)} keys")
        need(not {"root", "release", "receipt", "notary"} & doc["policy"].get("approvals", {}).keys(), "approvals by another role")
        self.authorities = {}
        for entry in doc.get("timestamp_authorities", []):
            der_bytes = unbase64(entry["certificate"])
            need(sha256(der_bytes) == entry["id"] > max(self.authorities, default=""), "an authority is out of order, or has another id")
            certificate = x509.load_der_x509_certificate(der_bytes)
            try:
                usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
            except x509.ExtensionNotFound:
                raise ValueError("an authority without extended key usage") from None
            need(usage.critical and list(usage.value) == [x509.ExtendedKeyUsageOID.TIME_STAMPING], "an authority of another usage")
            self.authorities[entry["id"]] = entry | {"x509": certificate}

    def key(self, key_id):
        if key_id not in self.keys:
            raise Fault("unknown-key", f"signature by key {key_id}, which the trust root does not know")
        return self.keys[key_id]

    def agreed(self, other, signatures):
        """Refuses signatures over `other` unless each holds, and enough of this document's active root keys made one (9.6, 9.8)."""
        count = 0
        for key_id, signature in signatures.items():
            key = self.keys.get(key_id) or other.keys.get(key_id)
            need(key, f"signature by key {key_id}, which the trust root does not list")
            need(holds(key["raw"], TRUST, other.data, signature), f"the signature by key {key_id} is not valid")
            own = self.keys.get(key_id)
            count += own is not None and own["role"] == "root" and own["status"] == "active"
        threshold = self.doc["roles"]["root"]["threshold"]
        need(count >= threshold, f"{count} of {threshold} signatures of role root")

    def authenticate(self):
        try:
            self.agreed(self, self.signatures)
        except ValueError as error:
            raise Fault("trust-invalid", f"the trust root is not signed as it says: {error}") from None
        return self

    def followed(self, by):
        """Refuses a document that may not take the place of this one (9.8)."""
        try:
            if by.doc["prev_sha256"] != self.sha256:
                raise Fault("trust-fork", f"version {by.version} follows another version {self.version}")
            if "issued" in self.doc:
                need(by.doc.get("issued", "") >= self.doc["issued"], f"version {by.version} was issued before version {self.version}")
            self.agreed(by, by.signatures | by.before)
            by.authenticate()
            moved = [key for key in self.keys if key in by.keys and by.keys[key]["role"] != self.keys[key]["role"]]
            need(not moved, f"keys {moved} have another role")
        except ValueError as error:
            raise Fault("trust-refused", f"version {by.version} is not agreed to by version {self.version}: {error}") from None


def install(installed, brought, now):
    """Walks the versions on one medium (9.10)."""
    brought = sorted(brought, key=lambda trust: trust.version)
    for one, two in zip(brought, brought[1:]):
        if one.version == two.version:
            raise Fault("trust-fork", f"two documents of version {one.version}")
    last = brought[-1]
    if last.version < installed.version:
        raise Fault("trust-rollback", f"version {installed.version} is installed, and version {last.version} is older")
    if last.version == installed.version:
        raise Fault("trust-installed" if last.sha256 == installed.sha256 else "trust-fork", f"version {last.version} is installed")
    for one, two in zip(brought, brought[1:]):
        if two.version <= installed.version and (two.version != one.version + 1 or two.doc["prev_sha256"] != one.sha256):
            raise Fault("trust-fork", f"version {two.version} does not follow version {one.version}")
        if two.version == installed.version and two.sha256 != installed.sha256 or one.version < installed.version < two.version:
            raise Fault("trust-fork", f"another version {installed.version} is installed")
    for trust in brought:
        if trust.version > installed.version:
            if trust.version != installed.version + 1:
                raise Fault("trust-gap", f"version {installed.version + 1} comes next, and version {trust.version} was brought")
            if trust.doc.get("issued", "") > later(now, 300):
                raise Fault("clock-behind", f"version {trust.version} was issued after this clock's time")
            installed.followed(trust)
            installed = trust
    return installed


def unbase64(value):
    try:
        raw = base64.b64decode(value, validate=True)
    except binascii.Error as error:
        raise ValueError(f"base64: {error}") from None
    need(base64.b64encode(raw).decode() == value, "base64 is not in its one spelling")
    return raw


# Time stamps (15.3).


def der(data):
    """The elements of DER: (tag, content, whole)."""
    found, at = [], 0
    while at < len(data):
        need(len(data) > at + 1 and data[at] & 31 != 31, "DER is cut off")
        size, head = data[at + 1], 2
        if size > 127:
            count, head = size & 127, 2 + (size & 127)
            size = int.from_bytes(data[at + 2:at + head], "big")
            need(count and len(data) > at + head and size > 127 and size >> 8 * (count - 1), "a length in DER is not minimal")
        whole = data[at:at + head + size]
        need(len(whole) == head + size, "DER is cut off")
        need(whole[0] != 2 or size and not (size > 1 and whole[head] in (0, 255) and (whole[head] ^ whole[head + 1]) < 128), "an integer")
        need(whole[0] != 1 or whole[head:] == b"\xff", "a boolean in DER")
        found.append((whole[0], whole[head:], whole))
        at += head + size
    return found


def fields(data, *tags):
    """The contents of these elements and no others; a negative tag may be absent."""
    found, values = der(data), []
    for tag in tags:
        if found and found[0][0] == abs(tag):
            values.append(found.pop(0)[1])
        else:
            need(tag < 0, f"not a time stamp: no element {tag:#x}")
            values.append(None)
    need(not found, "not a time stamp: more elements")
    return values


def algorithm(data):
    oid, null = fields(data, 6, 5)
    need(null == b"" and oid[:-1].hex() == "6086480165030402" and oid[-1] in (1, 2, 3), "an unknown digest algorithm")
    return (hashes.SHA256, hashes.SHA384, hashes.SHA512)[oid[-1] - 1]()


def digest(method, data):
    context = hashes.Hash(method)
    context.update(data)
    return context.finalize()


def stamped(token, signature, authorities):
    """The authority, and the time as text."""
    (body,) = fields(token, 0x30)
    oid, explicit = fields(body, 6, 0xA0)
    need(oid.hex() == "2a864886f70d010702", "not signed data")
    version, methods, content, signers = fields(fields(explicit, 0x30)[0], 2, 0x31, 0x30, 0x31)
    oid, octets = fields(content, 6, 0xA0)
    need(version == b"\3" and oid.hex() == "2a864886f70d0109100104", "not a time stamp token of version 3")
    (info,) = fields(octets, 4)
    number_, sid, method, attributes, kind, value = fields(fields(signers, 0x30)[0], 2, 0x30, 0x30, 0xA0, 0x30, 4)
    need(number_ == b"\1" and fields(methods, 0x30) == [method], "another version or another digest algorithm")
    method = algorithm(method)
    signer = [a for a in authorities if sid == a["x509"].issuer.public_bytes() + whole_integer(a["x509"].serial_number)]
    need(signer, "the token is of no known authority")
    check_attributes(attributes, info, method, signer[0]["x509"].public_bytes(Encoding.DER))
    check_signature(signer[0]["x509"].public_key(), kind, value, method, set_of(attributes))
    return signer[0], told_time(info, signature)


def whole_integer(value):
    raw = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return bytes([2, len(raw)]) + raw


def set_of(content):
    size = len(content)
    raw = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return b"\x31" + (raw if size < 128 else bytes([128 + len(raw)]) + raw) + content


def check_attributes(attributes, info, method, certificate):
    found = der(attributes)
    need([whole for *_, whole in found] == sorted(whole for *_, whole in found), "attributes are not in the order of DER")
    values = [fields(content, 6, 0x31) for tag, content, _ in found if need(tag == 0x30, "an attribute") is None]
    table_ = {oid.hex(): value for oid, value in values}
    need(len(table_) == len(values), "an attribute is there twice")
    need(fields(table_.get("2a864886f70d010903", b""), 6)[0].hex() == "2a864886f70d0109100104", "another content type")
    need(fields(table_.get("2a864886f70d010904", b""), 4)[0] == digest(method, info), "the token's digest is another")
    old, new = table_.get("2a864886f70d010910020c"), table_.get("2a864886f70d010910022f")
    need(old or new, "the token names no certificate")
    if old:
        first = der(fields(fields(old, 0x30)[0], 0x30, -0x30)[0])[0][1]
        need(fields(first, 4, -0x30)[0] == hashlib.sha1(certificate).digest(), "the token names another certificate")
    if new:
        first = der(fields(fields(new, 0x30)[0], 0x30, -0x30)[0])[0][1]
        name, hashed, _ = fields(first, -0x30, 4, -0x30)
        method = hashes.SHA256() if name is None else {b"\1": hashes.SHA256, b"\2": hashes.SHA384, b"\3": hashes.SHA512}[name[-3:-2] if name[-2:] == b"\5\0" else name[-1:]]()
        need(hashed == digest(method, certificate), "the token names another certificate")


def check_signature(public, kind, value, method, signed):
    oid, null = fields(kind, 6, -5)
    try:
        if isinstance(public, rsa.RSAPublicKey):
            last = {"sha256": 11, "sha384": 12, "sha512": 13}[method.name]
            need(null == b"" and oid[:-1].hex() == "2a864886f70d0101" and oid[-1] in (1, last), "another signature algorithm")
            public.verify(value, signed, padding.PKCS1v15(), method)
        else:
            last = {"sha256": 2, "sha384": 3, "sha512": 4}[method.name]
            need(null is None and oid.hex() == "2a8648ce3d0403%02x" % last, "another signature algorithm")
            r, s = decode_dss_signature(value)
            order = {"secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
                     "secp384r1": int("f" * 48 + "c7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16)}[public.curve.name]
            need(s <= order // 2 and encode_dss_signature(r, s) == value, "the signature is not canonical")
            public.verify(value, signed, ec.ECDSA(method))
    except (InvalidSignature, KeyError):
        raise ValueError("the token's signature is invalid") from None


def told_time(info, signature):
    version, _, imprint, _, moment, accuracy, *_ = fields(fields(info, 0x30)[0], 2, 6, 0x30, 2, 0x18, -0x30, -1, -2, -0xA0, -0xA1)
    method, hashed = fields(imprint, 0x30, 4)
    need(version == b"\1" and hashed == digest(algorithm(method), signature), "the token is over other data")
    match = re.fullmatch(rb"(\d{14})(\.\d*[1-9])?Z", moment)
    need(match, "a time that is not in the form of DER")
    micros = int((match[2] or b".")[1:].ljust(6, b"0")[:6]) + (len(match[2] or b"") > 7)
    seconds, millis, more = fields(accuracy or b"", -2, -0x80, -0x81)
    part = lambda raw: int.from_bytes(raw or b"", "big", signed=True)
    micros += part(seconds) * 1_000_000 + part(millis) * 1000 + part(more)
    return later(datetime.datetime.strptime(match[1].decode(), "%Y%m%d%H%M%S").strftime("%Y-%m-%dT%H:%M:%SZ"), -(-micros // 1_000_000))


def later(moment, seconds):
    try:
        moved = datetime.datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ") + datetime.timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError("a time after all times") from None
    return f"{moved.year:04}-{moved:%m-%dT%H:%M:%SZ}"


# Judging (7, 14, 15).


class Judge:
    """A trust root and a time. `past` acts are judged by the age of their signatures where it is proven (15.4)."""

    def __init__(self, trust, at, past):
        self.trust, self.at, self.past = trust, at, past

    def why_not(self, key, role, proven=None):
        """Why a signature does not count (9.4, 15.5)."""
        moment = min(proven, self.at) if proven and self.past else self.at
        if key["role"] != role:
            return f"has the role {key['role']}"
        if key["status"] == "revoked" and not (proven and proven < key.get("compromised_since", "")):
            return "is revoked"
        if key["status"] == "retired" and "not_after" not in key:
            return "is retired"
        if not key.get("not_before", "") <= moment <= key.get("not_after", "~"):
            return f"counts from {key.get('not_before')} to {key.get('not_after')}"
        return None

    def added(self, archive, release_id):
        """The added statements, by key id, each with its signature (14.3)."""
        found = {}
        for key_id in archive.ids("approvals"):
            body, signature = (archive.read(f"approvals/{key_id}.{end}") for end in ("json", "sig"))
            key = self.trust.key(key_id)
            if not holds(key["raw"], STATEMENT, body, signature):
                raise Fault("attestation-invalid", f"the signature by key {key_id} in approvals/ is not valid")
            try:
                value = parse(body, statement(ADDED, anything))
                ADDED[value["predicateType"]](value["predicate"])
                said, subject = value["predicate"], value["subject"][0]
                need(release_id in (None, subject["digest"]["sha256"]), "it is about another release")
                seen = [entry["key_id"] for entry in said.get("signatures", [])]
                need(seen == sorted(set(seen)), "its signatures are out of order")
                if "release" in said:
                    need(subject["name"] == title(said["release"]), "its subject has another name")
            except ValueError as error:
                raise Fault("attestation-invalid", f"the statement by key {key_id} in approvals/: {error}") from None
            found[key_id] = value, signature, key
        return found

    def proofs(self, archive, signatures, added):
        """The proven times, as (key id, digest of the signature): time (15)."""
        times, told = {}, {}
        for key_id in archive.ids("timestamps"):
            try:
                need(signatures.get(key_id), f"a time stamp for key {key_id}, which has not signed here")
                (signature,) = signatures[key_id]
                authority, moment = stamped(archive.read(f"timestamps/{key_id}.tsr"), signature, self.trust.authorities.values())
            except (ValueError, IndexError) as error:
                raise Fault("timestamp-invalid", f"the time stamp for key {key_id}: {error}") from None
            retired = authority["status"] == "retired" and "not_after" not in authority
            if authority["status"] != "revoked" and not retired and moment <= authority.get("not_after", "~"):
                times[key_id, sha256(signature)] = moment
        for value, _, key in added.values():
            if key["role"] == "notary" and key["status"] != "revoked":
                for entry in value["predicate"].get("signatures", []):
                    if key.get("not_before", "") <= entry["at"] <= key.get("not_after", "~"):
                        told.setdefault((entry["key_id"], entry["sha256"]), []).append(entry["at"])
        for seen, moments in told.items():
            threshold = self.trust.doc["roles"]["notary"]["threshold"]
            if len(moments) >= threshold:
                times[seen] = min(sorted(moments)[threshold - 1], times.get(seen, "~"))
        return times

    def bundle(self, file):
        archive = Archive(file)
        if "statement.json" not in archive.members:
            raise Fault("no-statement", "the archive has no statement.json")
        body = archive.read("statement.json")
        signed = {key_id: archive.read(f"signatures/{key_id}.sig") for key_id in archive.ids("signatures")}
        added = self.added(archive, sha256(body))
        signatures = {key_id: [signature] for key_id, signature in signed.items()}
        for key_id, (_, signature, _) in added.items():
            signatures.setdefault(key_id, []).append(signature)
        times = self.proofs(archive, signatures, added)
        signers = self.count(body, signed, times)
        try:
            value = parse(body, BUNDLE)
        except ValueError as error:
            raise Fault("malformed", f"statement.json is not a statement of a known format: {error}") from None
        manifest = value["predicate"]
        if tuple(map(int, manifest["minimum_pgseal"].split("."))) > PROGRAM:
            raise Fault("newer-program", f"the release needs pgseal {manifest['minimum_pgseal']} or later")
        compare(archive, value["subject"], manifest)
        for key_id, (said, _, _) in added.items():
            said = said["predicate"]
            if "release" in said and (said["release"], said["target"]) != (manifest["release"], manifest["target"]):
                raise Fault("attestation-invalid", f"the approval by key {key_id} names another release or target")
        self.policy(sha256(body), manifest["release"])
        contents(archive, manifest)
        return {"release": title(manifest["release"]), "id": sha256(body), "signers": signers, "approvals": self.approvals(added, times)}

    def count(self, body, signed, times):
        if not signed:
            raise Fault("unsigned", "the bundle is not signed")
        reasons, signers = [], []
        for key_id, signature in signed.items():
            if not holds(self.trust.key(key_id)["raw"], STATEMENT, body, signature):
                raise Fault("signature-invalid", f"the signature by key {key_id} is not valid")
            why = self.why_not(self.trust.keys[key_id], "release", times.get((key_id, sha256(signature))))
            (reasons if why else signers).append(why or key_id)
        threshold = self.trust.doc["roles"]["release"]["threshold"]
        if len(signers) < threshold:
            kind = "key-revoked" if "is revoked" in reasons else "signatures-missing"
            raise Fault(kind, f"{len(signers)} of {threshold} signatures of role release; keys: {reasons}")
        return signers

    def policy(self, release_id, release):
        """What binds `verify` (9.5, 15.6)."""
        policy = self.trust.doc["policy"]
        if self.at >= self.trust.doc["expires"]:
            raise Fault("trust-expired", f"the trust root expired on {self.trust.doc['expires']}")
        if not self.past and self.trust.doc.get("issued", "") > later(self.at, 300):
            raise Fault("clock-behind", f"this clock is behind {self.trust.doc['issued']}, when the trust root was issued")
        if release_id in policy.get("blocked_releases", []):
            raise Fault("release-blocked", "the trust root blocks this release")
        if release["sequence"] < policy.get("minimum_sequence", {}).get(release["name"], 0):
            raise Fault("sequence-too-low", f"the trust root wants a later sequence of {release['name']}")

    def approvals(self, added, times):
        """The words of approvers, and whether each counts (14.4)."""
        told = []
        for key_id, (value, signature, key) in added.items():
            said = value["predicate"]
            if "decision" in said:
                why = self.why_not(key, said["role"], times.get((key_id, sha256(signature))))
                if said["at"] > later(self.at, 0 if self.past else 300):
                    why = "is of a later time"
                if said.get("expires", "~") < self.at:
                    why = "has expired"
                if said["decision"] != "approve":
                    why = "withdraws"
                told.append({"key_id": key_id, "role": said["role"], "about": value["subject"][0], "counts": not why, "why_not": why})
        return told

    def approval(self, file):
        archive = Archive(file)
        if {name.split("/")[0] for name in archive.members} != {"pgseal", "approvals"}:
            raise Fault("malformed", "an approval file has approvals and nothing else")
        added = self.added(archive, None)
        return {"approvals": self.approvals(added, {})}

    def receipt(self, path, rule, data, signature, journal):
        """A document that one key signed (10.3, 10.8, 10.12)."""
        if signature is None:
            raise Fault("unsigned", "it is not signed")
        if len(data) > 4 * MIB or len(signature) != 64:
            raise Fault("malformed", "it has too many bytes, or its signature has not 64")
        by = [key for key in self.trust.keys.values() if holds(key["raw"], STATEMENT, data, signature)]
        if not by:
            raise Fault("signature-invalid", "its signature is by no key of the trust root, or not valid")
        try:
            value = parse(data, rule)
            said, subject = value["predicate"], value["subject"][0]
            if rule is EVIDENCE:
                need(value["predicateType"] == f"urn:pgseal:evidence:{said['kind']}:v1", "its type is not that of its kind")
        except ValueError as error:
            raise Fault("malformed", f"it is not of a known format: {error}") from None
        if said.get("signer") != by[0]["id"]:
            raise Fault("not-authentic", "it names another signer than the one that signed it")
        if why := self.why_not(by[0], "receipt"):
            raise Fault("key-revoked" if why == "is revoked" else "not-authentic", f"its key {why}")
        expected = {"name": title(said["release"])} if "release" in said else {"name": said["answer"].get("database"), "digest": {"sha256": said["answer"].get("sha256")}}
        if (said.get("kind") == "fingerprint") == ("release" in said) or subject | expected != subject:
            raise Fault("not-authentic", "its subject is not what it is about")
        if journal is not None and rule is RECEIPT:
            same_journal(said, subject, journal)
        return {"subject": subject, "signer": by[0]["id"]}


def title(release):
    return f"{release['name']} {release['version']}"


def compare(archive, subject, manifest):
    """The lists of 4.1 with each other, with the members and with the paths in the manifest."""
    listed = [file["path"] + (".gz" if file["stored"] == "gzip" else "") for file in manifest["files"]]
    paths = [file["path"] for file in manifest["files"]]
    signed = {entry["name"]: entry["digest"]["sha256"] for entry in subject}
    if list(signed) != sorted(signed) or len(signed) != len(subject) or sorted(listed) != list(signed) or paths != sorted(set(paths)):
        raise Fault("content-changed", "the statement's subject and files lists differ")
    stored = {name: sha256(archive.read(name)) for name in archive.members if name.split("/")[0] not in RANKS}
    wrong = sorted(name for name in stored.keys() | signed.keys() if stored.get(name) != signed.get(name))
    if wrong:
        raise Fault("content-changed", f"files are not what was signed: {wrong}")
    states = manifest["states"].values()
    named = [entry["file"] for part in ("gates", "tiers", "rollback", "verify", "runbooks") for entry in manifest[part]]
    if missing := sorted({*named, *(state["probe"] for state in states)} - set(paths)):
        raise Fault("missing-script", f"the release names files that it does not have: {missing}")


def contents(archive, manifest):
    """Decompresses, and checks every content (4.1, 4.3)."""
    for file in manifest["files"]:
        data = archive.read(file["path"] + (".gz" if file["stored"] == "gzip" else ""))
        if file["stored"] == "gzip":
            stream = zlib.decompressobj(31)
            try:
                data = stream.decompress(data, file["size"] + 1)
            except zlib.error as error:
                raise Fault("content-changed", f"{file['path']}: {error}") from None
            if not stream.eof or stream.unused_data:
                raise Fault("content-changed", f"{file['path']}: not one gzip member of {file['size']} bytes")
        if len(data) != file["size"] or sha256(data) != file["sha256"]:
            raise Fault("content-changed", f"{file['path']}: its content is not the signed content")


def same_journal(said, subject, journal):
    """Refuses a journal that is not the receipt's (10.6)."""
    try:
        need(len(journal) <= 64 * MIB and journal.endswith(b"\n"), "the journal is too long, or cut off")
        lines, previous, values = journal[:-1].split(b"\n"), b"", []
        for line in lines:
            value = parse(line, LINE, False)
            need(value["prev_sha256"] == sha256(previous), "the chain of the journal is broken")
            ((step, what),) = value["step"].items()
            STEPS[step](what)
            previous = line
            values.append((step, what, value["at"]))
        step, begin, _ = values[0]
        expected = {
            "run_id": said["run_id"], "action": said["action"], "release": subject["name"], "release_id": subject["digest"]["sha256"]}
        need(step == "begin" and begin | expected == begin, "the journal is of another run")
        if values[-1][0] == "end":
            _, what, at = values.pop()
            need((what["outcome"], at) == (said["outcome"], said["finished"]), "the journal ends otherwise")
        need(sha256(lines[len(values) - 1]) == said.get("journal_sha256"), "the journal is not the one that was signed")
    except (ValueError, KeyError) as error:
        raise Fault("not-authentic", f"{error}") from None


# Files and the command line.


def read(path, limit=None):
    try:
        with open(path, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Fault("malformed", "not a regular file")
            return file.read() if limit is None else file.read(limit + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Fault("io", str(error)) from None


def trust_file(path):
    data = read(path, 4 * MIB)
    if data is None:
        raise Fault("no-trust-root", "no trust root is there")
    folder = path + ".sigs"
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return Trust(data, {name: read(os.path.join(folder, name), 4 * MIB) for name in names if name.endswith(".sig")})


def judge_file(judge, path):
    for end, rule in ((".receipt.json", RECEIPT), (".rehearsal.json", REHEARSAL), (".evidence.json", EVIDENCE)):
        if path.endswith(end):
            data, stem = read(path, 4 * MIB), path[:-5]
            if data is None:
                raise Fault("io", "no such file")
            journal = read(path[:-len(end)] + ".journal", 64 * MIB) if rule is RECEIPT else None
            return judge.receipt(path, rule, data, read(stem + ".sig", 64), journal)
    try:
        with open(path, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Fault("not-a-bundle", "not a regular file")
            return judge.approval(file) if path.endswith(".approval") else judge.bundle(file)
    except OSError as error:
        raise Fault("io", str(error)) from None


def verdicts(arguments):
    """Yields (file, fault or None, what was found)."""
    at = arguments.at or datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        trust = trust_file(arguments.trust).authenticate()
        yield arguments.trust, None, {"version": trust.version, "sha256": trust.sha256}
    except Fault as fault:
        yield arguments.trust, fault, {}
        return
    ends = (".receipt.json", ".rehearsal.json", ".evidence.json")
    roots = [path for path in arguments.files if path.endswith(".json") and not path.endswith(ends)]
    if roots:
        try:
            newest = install(trust, [trust_file(path) for path in roots], at)
            yield ", ".join(roots), None, {"version": newest.version, "sha256": newest.sha256}
        except Fault as fault:
            yield ", ".join(roots), fault, {}
    judge = Judge(trust, at, bool(arguments.at))
    for path in arguments.files:
        if path not in roots:
            try:
                yield path, None, judge_file(judge, path)
            except Fault as fault:
                yield path, fault, {}


def main():
    parser = argparse.ArgumentParser(description="Authenticate pgseal's files by bundle/FORMAT.md.")
    parser.add_argument("--trust", required=True)
    parser.add_argument("--at")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    try:
        arguments.at and time(arguments.at)
    except ValueError as error:
        parser.error(str(error))
    code = 0
    for file, fault, found in verdicts(arguments):
        code = code or (fault.exit if fault else 0)
        if arguments.json:
            kind = {"kind": fault.kind, "message": str(fault)} if fault else None
            print(json.dumps({"file": file, "exit": fault.exit if fault else 0, "error": kind} | found))
        elif fault:
            print(f"{file!a}: {fault.kind}: {ascii(str(fault))[1:-1]}")
        else:
            print(f"{file!a}: authentic: {json.dumps(found)}")
    return code


if __name__ == "__main__":
    sys.exit(main())
