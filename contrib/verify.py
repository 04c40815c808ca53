#!/usr/bin/env python3
"""Authenticates pgseal's bundles, approval files, receipts, rehearsals, signed answers and trust roots, offline.

A second implementation, written from bundle/FORMAT.md, whose clauses the numbers are; nothing of it comes from the first. It needs
Python 3.11, `cryptography` and the two files verify_*.py beside it, connects to nothing and writes no file. Exit codes and kinds are
those of docs/errors.md; of several files, that of the first one at fault counts. Trust roots among the files must follow the one
of --trust (9.10).
"""
import argparse, base64, contextlib, datetime, functools, hashlib, json, os, re, stat, sys, zlib

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from verify_documents import TYPES, VALUES, form, need, ordered, parse, parse_statement, rule, time
from verify_timestamps import later, stamped

PROGRAM = (0, 1, 0)  # The pgseal whose formats these are (12.3).
STATEMENT, TRUST = b"application/vnd.in-toto+json", b"application/vnd.pgseal.trust+json"
MIB = 1 << 20
EXITS = {"io": 1, "usage": 2, "no-trust-root": 2, "malformed": 10, "not-a-bundle": 10, "bundle-damaged": 10, "no-statement": 10,
         "newer-program": 10}  # All others: 11.
SIGNED = (".receipt.json", ".rehearsal.json", ".evidence.json")

class Fault(Exception):
    """The reason why a file is refused."""

    def __init__(self, kind, why):
        super().__init__(why)
        self.kind, self.exit = kind, EXITS.get(kind, 11)

@contextlib.contextmanager
def blamed(kind, what=""):
    """Turns errors of values into faults of this kind."""
    try:
        yield
    except (ValueError, IndexError, zlib.error) as error:
        raise Fault(kind, f"{what}{error}") from None

def sha256(data):
    return hashlib.sha256(data).hexdigest()

# --- Ed25519 by the strict rules (6.4) ------------------------------------------------------------------------------------
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
EIGHTH = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL = {0, 1, P - 1, EIGHTH, P - EIGHTH}  # y of the eight points of small order

def ordinate(point):
    """The y of a point's encoding; None where it is not canonical or of small order."""
    y = int.from_bytes(point, "little") & (2**255 - 1)
    return y if y < P and y not in SMALL else None

@functools.cache
def is_key(raw):
    """Whether the 32 bytes are a point of the curve, in its one encoding and not of small order."""
    y = ordinate(raw)
    return y is not None and pow((y * y - 1) * (D * y * y + 1), (P - 1) // 2, P) == 1

def verifies(public, message, signature):
    """OpenSSL checks S, has no cofactor and compares R as bytes, but lets keys and R of small order pass."""
    if len(signature) != 64 or ordinate(signature[:32]) is None or int.from_bytes(signature[32:], "little") >= ORDER:
        return False
    try:
        ed25519.Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True

def holds(key, payload_type, body, signature):
    return verifies(key["raw"], b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type, len(body), body), signature)

# --- the archive (2, 8) ---------------------------------------------------------------------------------------------------
RANKS = {"pgseal": 0, "statement.json": 1, "signatures": 2, "approvals": 3, "timestamps": 4}
ID = "[0-9a-f]{64}"
RESERVED = re.compile(rf"pgseal|statement\.json|signatures/{ID}\.sig|approvals/{ID}\.(json|sig)|timestamps/{ID}\.tsr")

def header(name, size):
    head = name.encode().ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + b"%011o\0" % size + b"0" * 11 + b"\0"
    tail = b"0".ljust(101, b"\0") + b"ustar\x0000" + b"\0" * 64 + b"0000000\0" * 2 + b"\0" * 167
    return head + b"%06o\0 " % (sum(head) + 8 * ord(" ") + sum(tail)) + tail

class Archive:
    """The members, as name: (offset, size), of a file in its one form."""

    def __init__(self, file):
        self.file, self.members, self.size = file, {}, file.seek(0, 2)
        file.seek(0)
        if file.read(521) != header("pgseal", 9) + b"pgseal 1\n":
            raise Fault("not-a-bundle", 'it does not begin with the member "pgseal" of format 1')
        with blamed("bundle-damaged"):
            self.walk()
            self.limits()

    def walk(self):
        at, last = 0, (-1, "")
        while (block := self.at(at, 512)) != bytes(512):
            name, size = block[:100].rstrip(b"\0").decode("ascii"), block[124:135].decode("ascii")
            VALUES["Path"](name), form("[0-7]{11}")(size)
            rank, size = RANKS.get(name.split("/")[0], 5), int(size, 8)
            need(block == header(name, size), f"at byte {at}: the header of {name} is not in its one form")
            need(name.split("/")[0].lower() not in RANKS or RESERVED.fullmatch(name), f"member {name} has a name that the format reserves")
            need((rank, name) > last, f"member {name} is out of order, or there twice")
            at, last, self.members[name] = at + 512 + size, (rank, name), (at + 512, size)
            need(at <= self.size and not any(self.at(at, -at % 512)), f"member {name} is cut off, or its padding is not zero")
            at += -at % 512
        need(not any(self.at(at, 1024)) and self.size == at + 1024, "the end is not 1024 zero bytes")

    def at(self, offset, size):
        self.file.seek(offset)
        data = self.file.read(size)
        need(len(data) == size, "the file is cut off")
        return data

    def read(self, name):
        return self.at(*self.members[name])

    def ids(self, directory):
        return sorted({name[len(directory) + 1:][:64] for name in self.members if name.startswith(directory + "/")})

    def limits(self):
        spelt, said = {}, [name for name in self.members if name.startswith("approvals/")]
        for name, (_, size) in self.members.items():
            parts = name.split("/")
            for way in [("/".join(parts[:n]), True) for n in range(1, len(parts))] + [(name, False)]:
                need(spelt.setdefault(way[0].lower(), way) == way, f"member {name} can't stand beside another")
            rank = RANKS.get(parts[0], 5)
            most = 9 if rank == 0 else 16 * MIB if rank == 1 else 65536 if rank < 5 else 8**11
            need(size <= most and (size == 64 or rank == 5 or not name.endswith(".sig")), f"member {name} has {size} bytes")
        need(said == [key[:74] + end for key in said[::2] for end in (".json", ".sig")], "approvals/ holds half of what a key said")
        need(len(self.members) <= 65536 and len(said) <= 512 and len(self.ids("signatures")) <= 64, "too many members")

# --- the trust root (9) ---------------------------------------------------------------------------------------------------
def unbase64(value):
    raw = base64.b64decode(value, validate=True)
    need(base64.b64encode(raw).decode() == value, "base64 is not in its one spelling")
    return raw

class Trust:
    """A trust document whose own rules hold; `signatures` is the content of FILE.sigs by name."""

    def __init__(self, data, signatures):
        with blamed("trust-invalid", "not a trust document: "):
            need(len(data) <= 4 * MIB, "larger than 4 MiB")
            self.doc, self.sha256, self.data = parse(data, "trust"), sha256(data), data
            self.version, self.keys, self.authorities = self.doc["version"], {}, {}
            [self.add_key(key) for key in self.doc["keys"]]
            [self.add_authority(entry) for entry in self.doc.get("timestamp_authorities", [])]
            self.check()
            names = {name: re.fullmatch(rf"{self.version}\.({ID})(\.before)?\.sig", name) for name in signatures}
            self.signatures = [(match[1], bool(match[2]), signatures[name]) for name, match in names.items() if match]
            need(all(len(value) == 64 for *_, value in self.signatures), "a signature is cut off")

    def add_key(self, key):
        raw, key_id = unbase64(key["public_key"]), key["id"]
        need(len(raw) == 44 and raw[:12].hex() == "302a300506032b6570032100" and is_key(raw[12:]), f"key {key_id} is weak, or no key")
        need(sha256(raw[12:]) == key_id > max(self.keys, default=""), f"key {key_id} is out of order, there twice, or has another id")
        need(key["role"] in self.doc["roles"], f"role {key['role']} is not defined")
        need(key.get("not_before", "") <= key.get("not_after", "~"), f"the window of key {key_id} ends before it begins")
        need(key["status"] == "revoked" or "compromised_since" not in key, f"key {key_id} is compromised and not revoked")
        self.keys[key_id] = key | {"raw": raw[12:]}

    def add_authority(self, entry):
        raw = unbase64(entry["certificate"])
        need(sha256(raw) == entry["id"] > max(self.authorities, default=""), "an authority is out of order, or has another id")
        certificate = x509.load_der_x509_certificate(raw)
        usage = [one for one in certificate.extensions if one.oid == x509.ExtensionOID.EXTENDED_KEY_USAGE]
        need(usage and usage[0].critical and list(usage[0].value) == [x509.ExtendedKeyUsageOID.TIME_STAMPING], "an authority of another usage")
        public = certificate.public_key()
        of_rsa = isinstance(public, rsa.RSAPublicKey) and 2048 <= public.key_size <= 8192
        need(of_rsa or isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in ("secp256r1", "secp384r1"), "an authority of another key")
        self.authorities[entry["id"]] = entry | {"x509": certificate}

    def usable(self, role):
        status = ("active",) if role == "root" else ("active", "retired")
        return sum(key["role"] == role and key["status"] in status for key in self.keys.values())

    def check(self):
        doc, approvals = self.doc, self.doc["policy"].get("approvals", {})
        need((self.version == 1) == ("prev_sha256" not in doc), "its version does not fit its prev_sha256")
        need(doc.get("issued", "") < doc["expires"], "it expires before it is issued")
        need({"root", "release"} <= doc["roles"].keys(), "there is no role root or release")
        need(not {"root", "release", "receipt", "notary", "log"} & approvals.keys(), "approvals of a role with another task")
        for role, count in [(role, value["threshold"]) for role, value in doc["roles"].items()] + list(approvals.items()):
            need(count <= self.usable(role), f"{count} keys of role {role} are needed, and it has {self.usable(role)}")

    def key(self, key_id, kind="unknown-key"):
        if key_id not in self.keys:
            raise Fault(kind, f"signature by key {key_id}, which the trust root does not know")
        return self.keys[key_id]

    def agreed(self, other, signatures):
        """Refuses signatures over `other` unless each one by a listed key holds, and enough active root keys signed (9.6, 9.8)."""
        counted, threshold = set(), self.doc["roles"]["root"]["threshold"]
        for key_id, signature in signatures:
            need(holds(self.keys[key_id], TRUST, other.data, signature), f"the signature by key {key_id} is not valid")
            if self.keys[key_id]["role"] == "root" and self.keys[key_id]["status"] == "active":
                counted.add(key_id)
        need(len(counted) >= threshold, f"{len(counted)} of {threshold} signatures of role root")

    def authenticate(self):
        with blamed("trust-invalid", "the trust root is not signed as it says: "):
            own = [(key_id, signature) for key_id, before, signature in self.signatures if not before]
            need(all(key_id in self.keys for key_id, _ in own), "a signature by a key that it does not list")
            self.agreed(self, own)
        return self

    def precedes(self, other):
        """Refuses a document that is not the next version, whatever its signatures (9.8)."""
        if other.version != self.version + 1:
            raise Fault("trust-gap", f"version {self.version + 1} comes next, and version {other.version} was brought")
        if other.doc["prev_sha256"] != self.sha256:
            raise Fault("trust-fork", f"version {other.version} follows another version {self.version}")
        moved = [key_id for key_id in self.keys if self.keys[key_id]["role"] != other.keys.get(key_id, self.keys[key_id])["role"]]
        if moved or "issued" in self.doc and other.doc.get("issued", "") < self.doc["issued"]:
            raise Fault("trust-refused", f"version {other.version} was issued before the one it follows, or a key has another role")

    def followed(self, other):
        self.precedes(other)
        with blamed("trust-refused", f"version {other.version} is not agreed to: "):
            pairs = [(key_id, signature) for key_id, _, signature in other.signatures]
            need(all(key_id in self.keys or key_id in other.keys for key_id, _ in pairs), "a signature by a key that neither lists")
            self.agreed(other, [pair for pair in pairs if pair[0] in self.keys])
            other.agreed(other, [pair for pair in pairs if pair[0] in other.keys])

def install(installed, brought, now):
    """The last of the versions on one medium, walked one by one (9.10)."""
    chain = {}
    for trust in sorted(brought, key=lambda trust: trust.version):
        if chain.setdefault(trust.version, trust).sha256 != trust.sha256:
            raise Fault("trust-fork", f"there are two documents of version {trust.version}")
        chain[trust.version].signatures = sorted({*chain[trust.version].signatures, *trust.signatures})
    last, same = max(chain), chain.get(installed.version, installed)
    if last < installed.version:
        raise Fault("trust-rollback", f"version {installed.version} is installed, and version {last} is older")
    if same.sha256 != installed.sha256 or last == installed.version:
        raise Fault("trust-fork" if same.sha256 != installed.sha256 else "trust-installed", f"version {same.version} is installed")
    versions = list(chain.values())
    [one.precedes(two) for one, two in zip(versions, versions[1:])]
    for trust in versions:
        if trust.version > installed.version:
            installed.followed(trust)
            installed = trust
            if trust.doc.get("issued", "") > later(now, 300):
                raise Fault("clock-behind", f"version {trust.version} was issued after this clock's time")
    return installed

# --- judging (7, 14, 15) --------------------------------------------------------------------------------------------------
def title(release):
    return f"{release['name']} {release['version']}"

class Judge:
    """A trust root and a time. Acts of the `past` are judged by the age of their signatures, where it is proven (15.4)."""

    def __init__(self, trust, at, past):
        self.trust, self.at, self.past = trust, at, past

    def why_not(self, key, role, proven, moment=None):
        """Why a signature does not count (9.4, 15.5)."""
        moment = moment or (min(proven, self.at) if proven and self.past else self.at)
        if key["role"] != role:
            return f"has the role {key['role']}"
        if key["status"] == "revoked" and not (proven and proven < key.get("compromised_since", "")):
            return "is revoked"
        if key["status"] == "retired" and "not_after" not in key:
            return "is retired"
        return None if key.get("not_before", "") <= moment <= key.get("not_after", "~") else "is outside of its window"

    def added(self, archive, release_id):
        """The added statements by key id, each with its signature (14.3)."""
        found = {}
        for key_id in archive.ids("approvals"):
            body, signature = (archive.read(f"approvals/{key_id}.{end}") for end in ("json", "sig"))
            key = self.trust.key(key_id, "attestation-invalid")
            with blamed("attestation-invalid", f"the statement by key {key_id} in approvals/: "):
                need(holds(key, STATEMENT, body, signature), "the signature is not valid")
                value = parse_statement(body, "approval", "notarisation")
                said, (subject,) = value["predicate"], value["subject"]
                need(release_id in (None, subject["digest"]["sha256"]), "it is about another release")
                seen = [entry["key_id"] for entry in said.get("signatures", [])]
                need(seen == sorted(set(seen)), "its signatures are out of order")
                need("release" not in said or subject["name"] == title(said["release"]), "its subject has another name")
            found[key_id] = said, signature, subject
        return found

    def proofs(self, tokens, signatures, added):
        """The proven times by (key id, signature); `tokens` is by key id, `signatures` a list of such pairs (15)."""
        times, told = {}, {}
        for key_id, (said, *_) in added.items():
            for entry in said.get("signatures", []):
                if not self.why_not(self.trust.keys[key_id], "notary", None, entry["at"]):
                    told.setdefault((entry["key_id"], entry["sha256"]), []).append(entry["at"])
        for key_id, signature in signatures:
            threshold = self.trust.doc["roles"].get("notary", {"threshold": 1})["threshold"]
            if len(moments := told.get((key_id, sha256(signature)), [])) >= threshold:
                times[key_id, signature] = sorted(moments)[threshold - 1]
        for key_id, token in tokens.items():
            why = "the key has not signed here"
            for signature in [signature for by, signature in signatures if by == key_id]:
                try:
                    authority, moment = stamped(token, signature, self.trust.authorities.values())
                    break
                except (ValueError, IndexError) as error:
                    why = error
            else:
                raise Fault("timestamp-invalid", f"the time stamp for key {key_id}: {why}")
            retired = authority["status"] == "retired" and "not_after" not in authority
            if authority["status"] != "revoked" and not retired and moment <= authority.get("not_after", "~"):
                times[key_id, signature] = min(moment, times.get((key_id, signature), "~"))
        return times

    def bundle(self, file):
        archive = Archive(file)
        if "statement.json" not in archive.members:
            raise Fault("no-statement", "the archive has no statement.json")
        body = archive.read("statement.json")
        signed = [(key_id, archive.read(f"signatures/{key_id}.sig")) for key_id in archive.ids("signatures")]
        added = self.added(archive, sha256(body))
        tokens = {key_id: archive.read(f"timestamps/{key_id}.tsr") for key_id in archive.ids("timestamps")}
        times = self.proofs(tokens, signed + [(key_id, signature) for key_id, (_, signature, _) in added.items()], added)
        signers = self.count("release", body, signed, times)
        with blamed("malformed", "statement.json is not a statement of a known format: "):
            value = parse_statement(body, "manifest")
        manifest = value["predicate"]
        if tuple(map(int, manifest["minimum_pgseal"].split("."))) > PROGRAM:
            raise Fault("newer-program", f"the release needs pgseal {manifest['minimum_pgseal']} or later")
        with blamed("content-changed"):
            compare(archive, value["subject"], manifest)
        for key_id, (said, *_) in added.items():
            if "release" in said and (said["release"], said["target"]) != (manifest["release"], manifest["target"]):
                raise Fault("attestation-invalid", f"the approval by key {key_id} names another release or target")
        self.policy(sha256(body), manifest["release"])
        with blamed("content-changed"):
            contents(archive, manifest["files"])
        return {"release": title(manifest["release"]), "id": sha256(body), "signers": signers, "approvals": self.approvals(added, times)}

    def count(self, role, body, signed, times):
        """The key ids that count for the role, if they meet its threshold (6.5)."""
        if not signed:
            raise Fault("unsigned", "it is not signed")
        reasons, signers, threshold = [], [], self.trust.doc["roles"].get(role, {"threshold": 1})["threshold"]
        for key_id, signature in signed:
            if not holds(self.trust.key(key_id), STATEMENT, body, signature):
                raise Fault("signature-invalid", f"the signature by key {key_id} is not valid")
            why = self.why_not(self.trust.keys[key_id], role, times.get((key_id, signature)))
            (reasons if why else signers).append(why or key_id)
        if len(signers) < threshold:
            kind = "key-revoked" if "is revoked" in reasons else "signatures-missing"
            raise Fault(kind, f"{len(signers)} of {threshold} signatures of role {role}; a key {', '.join(reasons) or 'more is needed'}")
        return signers

    def policy(self, release_id, release):
        """What binds `verify` (9.5, 15.6)."""
        doc = self.trust.doc
        if not self.past and doc.get("issued", "") > later(self.at, 300):
            raise Fault("clock-behind", f"this clock is behind {doc['issued']}, when the trust root was issued")
        if self.at >= doc["expires"]:
            raise Fault("trust-expired", f"the trust root expired on {doc['expires']}")
        if release_id in doc["policy"].get("blocked_releases", []):
            raise Fault("release-blocked", "the trust root blocks this release")
        if release["sequence"] < doc["policy"].get("minimum_sequence", {}).get(release["name"], 0):
            raise Fault("sequence-too-low", f"the trust root wants a later sequence of {release['name']}")

    def approvals(self, added, times):
        """The words of approvers, and whether each counts (14.4)."""
        told = []
        for key_id, (said, signature, subject) in added.items():
            if "decision" in said:
                why = self.why_not(self.trust.keys[key_id], said["role"], times.get((key_id, signature)))
                why = "is of a later time" if said["at"] > later(self.at, 0 if self.past else 300) else why
                why = "has expired" if said.get("expires", "~") < self.at else why
                why = "withdraws" if said["decision"] == "withdraw" else why
                told.append({"key_id": key_id, "role": said["role"], "apr": said.get("apr"), "subject": subject, "why_not": why})
        return told

    def approval(self, file):
        archive = Archive(file)
        if {name.split("/")[0] for name in archive.members} != {"pgseal", "approvals"}:
            raise Fault("malformed", "an approval file has approvals and nothing else")
        return {"approvals": self.approvals(self.added(archive, None), {})}

    def receipt(self, name, data, signature=None, token=None, journal=None):
        """A document that one key signs, and that names it (10.3, 10.6, 10.8, 10.12)."""
        if signature is not None and len(signature) != 64:
            raise Fault("not-authentic", "its signature has not 64 bytes")
        with blamed("malformed", "it is not of a known format: "):
            need(len(data) <= 4 * MIB, "it has more than 4 MiB")
            value = parse_statement(data, name)
            said, kind = value["predicate"], value["predicate"].get("kind")
            need(not kind or value["predicateType"] == f"urn:pgseal:evidence:{kind}:v1", "its type is not that of its kind")
        answer = said.get("answer") if kind == "fingerprint" and isinstance(said.get("answer"), dict) else {}
        subject = value["subject"][0] if len(value["subject"]) == 1 else {}
        same = subject.get("name") == title(said["release"]) if "release" in said else \
            subject == {"name": answer.get("database"), "digest": {"sha256": answer.get("sha256")}}
        if not same or (kind == "fingerprint") == ("release" in said):
            raise Fault("not-authentic", "its subject is not what it is about")
        if signature is None or "signer" not in said:
            raise Fault("not-authentic" if signature or "signer" in said else "unsigned", "it is not signed, or names no signer")
        signed = [(said["signer"], signature)]
        self.count("receipt", data, signed, self.proofs({} if token is None else {said["signer"]: token}, signed, {}))
        with blamed("not-authentic", "the journal: "):
            journal is None or same_journal(said, subject, journal)
        return {"subject": subject, "signer": said["signer"]}

def compare(archive, subject, manifest):
    """The lists of 4.1 with each other, with the members and with the paths in the manifest."""
    signed, paths = {entry["name"]: entry["digest"]["sha256"] for entry in subject}, [file["path"] for file in manifest["files"]]
    listed = sorted(file["path"] + ".gz" * (file["stored"] == "gzip") for file in manifest["files"])
    need(listed == [entry["name"] for entry in subject] and listed == sorted(set(listed)), "the lists of subject and files differ")
    need(paths == sorted(set(paths)), "files is out of order")
    stored = {name: sha256(archive.read(name)) for name in archive.members if name.split("/")[0] not in RANKS}
    need(stored == signed, f"files are not what was signed: {sorted(n for n in stored | signed if stored.get(n) != signed.get(n))}")
    named = [entry["file"] for part in ("gates", "tiers", "rollback", "verify", "runbooks") for entry in manifest[part]]
    missing = {*named, *(state["probe"] for state in manifest["states"].values())} - set(paths)
    need(not missing, f"the release names files that it does not have: {sorted(missing)}")

def contents(archive, files):
    """Decompresses, and checks every content (4.1, 4.3)."""
    for file in files:
        data = archive.read(file["path"] + ".gz" * (file["stored"] == "gzip"))
        if file["stored"] == "gzip":
            stream = zlib.decompressobj(31)
            data = stream.decompress(data, file["size"] + 1)
            need(stream.eof and not stream.unused_data, f"{file['path']}: not one gzip member of {file['size']} bytes")
        need((len(data), sha256(data)) == (file["size"], file["sha256"]), f"{file['path']}: its content is not the signed content")

def same_journal(said, subject, journal):
    """Refuses a journal that is not the receipt's (10.6)."""
    need(len(journal) <= 64 * MIB and journal.endswith(b"\n"), "it is too long, or cut off")
    lines, values, previous = journal[:-1].split(b"\n"), [], b""
    for line in lines:
        value = parse(line, "line", False)
        ((step, what),) = value["step"].items()
        rule(step)(what)
        need(value["prev_sha256"] == sha256(previous), "its chain is broken")
        values.append((step, what, value["at"]))
        previous = line
    begin = {key: said[key] for key in ("run_id", "action", "target", "trust", "resumes") if key in said}
    begin |= {"release": subject["name"], "release_id": subject["digest"]["sha256"]}
    need(values[0][:2] == ("begin", begin), "it is of another run")
    if values[-1][0] == "end":
        _, what, at = values.pop()
        need((what["outcome"], at) == (said["outcome"], said["finished"]), "it ends otherwise")
    need("journal_sha256" not in said or sha256(lines[len(values) - 1]) == said["journal_sha256"], "lines are missing, or others")

# --- files and the command line -------------------------------------------------------------------------------------------
def read(path, most, missing=None):
    """The first bytes of a regular file, one more than `most`; None where it may be missing and is."""
    try:
        with open(path, "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Fault("not-a-bundle", "it is not a regular file")
            return file.read(most + 1)
    except OSError as error:
        if missing is None and isinstance(error, FileNotFoundError):
            return None
        raise Fault(missing or "io", str(error)) from None

def trust_file(path):
    data, folder = read(path, 4 * MIB, "no-trust-root"), path + ".sigs"
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return Trust(data, {name: read(os.path.join(folder, name), 64, "io") for name in names if name.endswith(".sig")})

def judged(judge, path):
    for end in (end for end in SIGNED if path.endswith(end)):
        beside = read(path[:-4] + "sig", 64), read(path[:-4] + "tsr", 65536)
        journal = read(path[:-len(end)] + ".journal", 64 * MIB) if end == SIGNED[0] else None
        return Judge(judge.trust, judge.at, True).receipt(end[1:-5], read(path, 4 * MIB, "io"), *beside, journal)
    read(path, 0, "io")
    with open(path, "rb") as file:
        return (judge.approval if path.endswith(".approval") else judge.bundle)(file)

def verdicts(arguments):
    """Yields (file, fault or None, what was found)."""
    at, judge = arguments.at or datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), None
    roots = [path for path in arguments.files if path.endswith(".json") and not path.endswith(SIGNED)]
    for path in [arguments.trust, *roots[:1], *(path for path in arguments.files if path not in roots)]:
        try:
            fault, newest = None, None
            if judge is None:
                newest = trust_file(path).authenticate()
                judge = Judge(newest, at, bool(arguments.at))
            elif path in roots[:1]:
                newest, path = install(judge.trust, [trust_file(path) for path in roots], at), ", ".join(roots)
            found = {"version": newest.version, "sha256": newest.sha256} if newest else judged(judge, path)
        except Fault as error:
            found, fault = {}, error
        yield path, fault, found
        if judge is None:
            return

def main(words=None):
    parser = argparse.ArgumentParser(description="Authenticates pgseal's files by bundle/FORMAT.md.")
    parser.add_argument("--trust", required=True, metavar="FILE", help="the trust root, with its signatures in FILE.sigs")
    parser.add_argument("--at", metavar="TIME", help="judge by this time, as --as-of does (default: now)")
    parser.add_argument("--json", action="store_true", help="write a JSON object a line")
    parser.add_argument("files", nargs="*", metavar="FILE", help="bundles, *.approval, *.receipt.json, ..., later trust roots")
    arguments, code = parser.parse_args(words), 0
    try:
        arguments.at is None or time(arguments.at)
    except ValueError as error:
        parser.error(str(error))
    for path, fault, found in verdicts(arguments):
        code = code or (fault.exit if fault else 0)
        error = {"kind": fault.kind, "exit": fault.exit, "message": str(fault)} if fault else None
        if arguments.json:
            print(json.dumps({"file": path, "error": error} | found))
        else:
            print(f"{path!a}: {fault.kind}: {ascii(str(fault))[1:-1]}" if fault else f"{path!a}: authentic: {json.dumps(found)}")
    return code

if __name__ == "__main__":
    sys.exit(main())
