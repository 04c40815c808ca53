"""Genuine files to mutate: each document has every optional field, and all keys are made from words, for tests only."""

import copy
import datetime
import hashlib
import json
import zlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import verify

AT = "2026-11-21T12:00:00Z"
ROLES = {"root-1": "root", "root-2": "root", "release-1": "release", "release-2": "release", "l2-1": "l2", "l2-2": "l2", "l4-1": "l4",
         "notary-1": "notary", "notary-2": "notary", "receipt-1": "receipt", "log-1": "log"}


class Key:
    def __init__(self, word):
        self.private = ed25519.Ed25519PrivateKey.from_private_bytes(hashlib.sha256(word.encode()).digest())
        self.raw = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = hashlib.sha256(self.raw).hexdigest()

    def sign(self, payload_type, body):
        return self.private.sign(b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type, len(body), body))


KEYS = {word: Key(word) for word in [*ROLES, "stranger"]}


def spki(raw):
    return verify.base64.b64encode(bytes.fromhex("302a300506032b6570032100") + raw).decode()


def canonical(value):
    return json.dumps(verify.ordered(value), ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")


def authority(word):
    """A pinned certificate and its secret key; made anew by each process, since OpenSSL's signatures are random anyway."""
    private = rsa.generate_private_key(65537, 2048) if word == "rsa" else ec.generate_private_key(
        ec.SECP384R1() if word == "p384" else ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"), x509.NameAttribute(NameOID.COMMON_NAME, word)])
    first = datetime.datetime(2026, 11, 1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    builder = builder.serial_number(int.from_bytes(hashlib.sha256(word.encode()).digest()[:18], "big"))
    builder = builder.not_valid_before(first).not_valid_after(first + datetime.timedelta(days=30))
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
    return builder.sign(private, hashes.SHA256()), private


AUTHORITIES = {word: authority(word) for word in ("p256", "p384", "rsa")}


def trust_document():
    keys = [{"id": KEYS[word].id, "public_key": spki(KEYS[word].raw), "owner": word, "role": role, "status": "active"}
            for word, role in ROLES.items()]
    for key in keys:
        if key["owner"] == "release-2":
            key |= {"status": "retired", "not_before": "2026-01-01T00:00:00Z", "not_after": "2026-12-01T00:00:00Z"}
        if key["owner"] == "l2-2":
            key |= {"status": "revoked", "compromised_since": "2026-11-21T08:00:00Z"}
    authorities = []
    for word, (certificate, _) in AUTHORITIES.items():
        der = certificate.public_bytes(Encoding.DER)
        authorities.append({"id": hashlib.sha256(der).hexdigest(), "certificate": verify.base64.b64encode(der).decode(), "owner": word,
                            "status": "active", "not_after": "2026-11-30T00:00:00Z"})
    return {
        "format": 1, "version": 1, "issued": "2026-11-01T00:00:00Z", "expires": "2027-11-01T00:00:00Z",
        "keys": sorted(keys, key=lambda key: key["id"]), "timestamp_authorities": sorted(authorities, key=lambda entry: entry["id"]),
        "roles": {role: {"threshold": 1} for role in ROLES.values()} | {"root": {"threshold": 2}},
        "policy": {
            "approvals": {"l2": 1, "l4": 1}, "targets": ["app", "tenant_*@7123456789012345678"], "require_run_on": ["app_staging"],
            "windows": ["Sat 02:00-06:00 UTC", "Mon-Fri,Sun 22:00-04:00 UTC", "daily 00:00-24:00 UTC"],
            "freezes": ["2026-12-20T00:00:00Z..2027-01-03T00:00:00Z"], "minimum_sequence": {"small": 3}, "blocked_releases": ["0" * 64],
            "require_rehearsal": True, "rehearsal_max_age_days": 30, "require_signed_receipts": True, "gate_role": "any"}}


RELEASE = {"name": "small", "version": "1.0.0", "sequence": 3, "summary": "Adds \"one\" table.\n\u20ac \U00010000"}
TARGET = {"database": ["app", "tenant_*@7123456789012345678"], "server": ">=13, <19", "role": "owner",
          "system_identifiers": ["7123456789012345678"], "search_path": ["app", "public"]}
FILES = {"gate/open.sql": b"select true", "tiers/01.sql": b"create table t()", "tiers/big.sql": b"select 1;\n" * 50, "rollback/01.sql": b"",
         "verify/probe.sql": b"select 1", "runbooks/owner.md": b"# text", "release.toml": b"x"}


def stored(files, big=("tiers/big.sql",)):
    compress = lambda data: b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + zlib.compress(data, 9, -15) + zlib.crc32(data).to_bytes(4, "little") + len(
        data).to_bytes(4, "little")
    return {path + ".gz" * (path in big): compress(data) if path in big else data for path, data in files.items()}


def statement(kind, subject, predicate):
    return {"_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": f"urn:pgseal:{kind}:v1", "predicate": predicate}


def release_statement():
    probe, limits = "verify/probe.sql", {"lock_timeout": "5s", "statement_timeout": "5min", "idle_timeout": "1500ms"}
    sha = lambda data: hashlib.sha256(data).hexdigest()
    files = [{"path": path, "stored": "gzip" if path == "tiers/big.sql" else "raw", "size": len(data), "sha256": sha(data)}
             for path, data in sorted(FILES.items())]
    manifest = {
        "format": 1, "minimum_pgseal": "0.1.0", "created": "2026-11-20T00:00:00Z", "release": RELEASE, "target": TARGET,
        "variables": {"ratified_apr": {"required": True, "pattern": "APR-.*", "default": "", "about": "code", "rehearsal": "any"}},
        "gates": [{"name": "open", "file": "gate/open.sql"}],
        "states": {"baseline": {"probe": probe, "expect": {"there": False, "n": {"min": 1, "max": 3}, "t": {"text": "+5"}}},
                   "finalized": {"probe": probe, "expect": {"there": True, "n": "+210", "s": "unchanged", "x": 7, "y": "text"}},
                   "rolled_back": {"probe": probe, "expect": {"n": {"max": 3}}}},
        "tiers": [{"name": "one", "file": "tiers/01.sql", "gates": ["open"], "transaction": "release", "about": "x", "dispatch": ["notify"]},
                  {"name": "big", "file": "tiers/big.sql", "gates": [], "transaction": "none"}],
        "rollback": [{"file": "rollback/01.sql", "dispatch": ["notify"]}],
        "verify": [{"name": "v", "file": probe, "state": "any", "mode": "read-only"}],
        "runbooks": [{"file": "runbooks/owner.md", "audience": "owner"}], "limits": limits | {"transaction_timeout": "2h"},
        "acknowledged": [{"rule": "r", "file": "tiers/*.sql", "reason": "known", "line": 1}], "reordered": ["public.t"],
        "require_rehearsal": True, "require_no_drift": True, "rehearsal_max_age_days": 7, "stages": ["two"],
        "stage_of": {"release": "whole", "stage": "one"}, "requires": ["a", "b >= 1.0, < 2", "c = x"], "conflicts": ["d < 1.10"],
        "files": files}
    subject = [{"name": name, "digest": {"sha256": sha(data)}} for name, data in sorted(stored(FILES).items())]
    return statement("release", subject, manifest)


def about(release_id):
    return [{"name": "small 1.0.0", "digest": {"sha256": release_id}}]


def approval(release_id, role, at="2026-11-21T07:00:00Z"):
    return statement("approval", about(release_id), {
        "format": 1, "decision": "approve", "role": role, "apr": "APR-1", "release": RELEASE, "target": TARGET, "at": at,
        "expires": "2026-12-21T07:00:00Z", "only_on": "app", "runs": 2, "reason": "read"})


def notarisation(release_id, seen, at):
    entries = [{"key_id": key_id, "sha256": hashlib.sha256(signature).hexdigest(), "at": at} for key_id, signature in sorted(seen)]
    return statement("notarisation", about(release_id), {"format": 1, "signatures": entries})


SERVER = {"database": "app", "server_version": "17.2", "server_version_num": 170002, "role": "owner", "system_identifier": "1", "timeline": 1}
BY, RUN = {"version": 1, "sha256": "1" * 64}, "0123456789abcdef" * 2
ROW = {"n": "1", "x": None}
ANSWER = {"name": "open", "ready": True, "reason": "", "evidence": ROW, "asked": "before"}
TIER = {"name": "one", "statements": 1, "rows": 2, "milliseconds": 3, "warnings": ["w"], "transaction_id": "7", "sent": [
    {"at": "a.sql:1:1", "verb": "CREATE", "statements": 2, "rows": 0, "microseconds": 5, "evidence": "x"}]}
CHECKED = {"name": "v", "held": 1, "checks": 2, "failed": ["x"]}
COMMON = {"format": 1, "error": "e", "operator": {"user": "u", "host": "h"}, "started": "2026-11-21T10:00:00Z",
          "finished": "2026-11-21T10:01:00Z", "pgseal": "0.1.0", "release": RELEASE, "signers": ["2" * 64], "trust": BY,
          "variables": {"a": "b"}, "gates": [ANSWER], "tiers": [TIER], "verify": [CHECKED], "signer": KEYS["receipt-1"].id}


def receipt(release_id):
    return statement("receipt", about(release_id), copy.deepcopy(COMMON) | {
        "run_id": RUN, "action": "run", "outcome": "committed", "resumes": "f" * 32, "retries": 1, "waited": [{"for": "locked", "seconds": 3}],
        "approvals": [{"key_id": "3" * 64, "sha256": "4" * 64, "role": "l2", "apr": "APR-1", "at": AT, "evidence": "claimed", "runs": 1}],
        "target": SERVER, "before": ROW, "start": ROW, "after": ROW, "schema": {"before": "5" * 64, "after": "6" * 64},
        "not_restored": ["x"], "transaction_id": "7"})


def rehearsal(release_id):
    return statement("rehearsal", about(release_id), copy.deepcopy(COMMON) | {
        "rehearsal_id": RUN, "outcome": "proved", "kept": False, "clone": SERVER, "approval": {"file": "a.sql", "sha256": "7" * 64},
        "source": {"method": "dump", "database": "app", "dump_sha256": "8" * 64, "dump_bytes": 5}, "rollback": [TIER],
        "steps": [{"name": "s", "ok": True, "detail": "", "milliseconds": 1}], "fingerprints": {"before": "9" * 64, "after-run": "9" * 64},
        "locks": [{"tier": "one", "relation": "t", "mode": "m", "milliseconds": 1}],
        "points": [{"tier": "one", "at": "a.sql:1:1", "rollback": "restored"}], "more_points": 1})


def evidence(release_id, kind="gate"):
    said = {key: COMMON[key] for key in ("format", "operator", "pgseal", "trust", "signer")} | {
        "evidence_id": RUN, "kind": kind, "release": RELEASE, "at": AT, "exit": 0, "target": SERVER, "answer": {"verdict": "READY", "n": [1]}}
    subject = about(release_id)
    if kind == "fingerprint":
        del said["release"]
        said["answer"] = {"database": "app", "sha256": "a" * 64}
        subject = [{"name": "app", "digest": {"sha256": "a" * 64}}]
    return statement(f"evidence:{kind}", subject, said)


def journal(said, release_id):
    """The lines of the journal of a receipt, and the digest that the receipt names."""
    begin = {key: said[key] for key in ("run_id", "action", "target", "trust", "resumes")} | {"release": "small 1.0.0", "release_id": release_id}
    steps = [{"begin": begin}, {"statement": {"tier": "one", "at": "a.sql:1:1"}}, {"retry": {"why": "lock"}}, {"commit": {"transaction_id": "7"}},
             {"committed": {"transaction_id": "7"}}, {"end": {"outcome": said["outcome"]}}]
    lines, previous = [], b""
    for step in steps:
        line = {"prev_sha256": hashlib.sha256(previous).hexdigest(), "at": said["finished"], "step": step}
        previous = json.dumps(line, separators=(",", ":")).encode()
        lines.append(previous)
    return lines, hashlib.sha256(lines[-2]).hexdigest()
