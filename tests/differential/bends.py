"""Changes of JSON documents (before they are signed), of bytes, of signatures and of archives; each by a random generator."""

import copy
import hashlib
import json
import re

import corpus
import verify

TIMES = ["2026-11-21T12:00:00Z", "2026-11-21T12:00:01Z", "2026-11-21T11:59:59Z", "2026-11-21T07:30:02Z", "2026-11-21T08:00:00Z",
         "2026-11-21T12:05:00Z", "2026-11-21T12:05:01Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59Z", "9999-12-30T22:00:00Z",
         "9999-12-30T22:00:01Z", "9999-12-31T23:59:59Z", "2026-02-29T00:00:00Z", "2028-02-29T00:00:00Z", "2026-11-21T24:00:00Z",
         "2026-11-21T23:59:60Z", "2026-11-21T12:00:00z", "2026-11-21t12:00:00Z", "2026-11-21 12:00:00Z", "2026-11-21T12:00:00.0Z",
         "2026-11-21T12:00:00+00:00", "2026-11-21", "02026-11-21T12:00:00Z", "2026-11-21T12:00:00Z ", "0000-01-01T00:00:00Z"]
LIMITS = ["1ms", "0ms", "999ms", "1000ms", "1s", "01s", "60s", "61s", "1min", "60min", "90min", "24h", "25h", "1441min", "86400s", "5 s", "5S", "s",
          "4294967296ms", "86400000ms", "86400001ms", "1d"]
DATABASES = ["app", "*", "", "a@1", "a@", "a@b", "@1", "a@123456789012345678901", "a@1@2", "x" * 63, "x" * 64, "\u00e9" * 31, "\u00e9" * 32, "a\x7f",
             "a\x85b", "a\u2028", "a\nb", "a@\u0661", "@", "a@12345678901234567890"]
RANGES = ["a", "a = 1", "a >= 1", "a < 2", "a >= 1, < 2", "a >= 2, < 2", "a >= 2, < 1", "a >= 1.0, < 1", "a >= 1, < 1.0.1", "a < 2, >= 1", "a>=1", "a ",
          "a >= x", "a >= 1.x", "a >= .1", "a >= 1.", "a >= 1..2", "a >= 01, < 1.1", "a = x+y", "a >= 1 , < 2", "A", "a >=1", "a = 1, < 2", "a >= 10, < 9",
          "a >= 1, >= 2", "a < " + "9" * 40, "a < " + "9" * 41, "a >= 00.1, < 0.2", "a >= 1-2"]
SERVERS = [">=13", "<18", ">=13, <18", ">=13.0", ">=13.1", ">=013", ">=0", "<0", ">=1000", ">=999.999", ">=13.1000", "<18, >=13", ">=18, <13", ">=13,<18",
           "13", ">=13.01", ">= 13", ">=13, <18 ", "", ">=13.1.1"]
WINDOWS = ["daily 01:00-03:00 UTC", "daily 01:00-01:00 UTC", "daily 00:00-24:00 UTC", "daily 24:00-01:00 UTC", "daily 01:00-24:01 UTC",
           "daily 00:00-00:00 UTC", "Mon 1:00-03:00 UTC", "Mon,Mon 01:00-03:00 UTC", "Sun-Mon 01:00-03:00 UTC", "Mon-Mon 01:00-03:00 UTC",
           "mon 01:00-03:00 UTC", "Mon 01:00-03:00", "Mon 01:00-03:00 CET", "Mon  01:00-03:00 UTC", "Mon 01:60-03:00 UTC", "Mon 25:00-03:00 UTC", "Mon, Tue 01:00-03:00 UTC",
           "Mon 01:00-03:00 UTC ", "Mon- 01:00-03:00 UTC", "daily,Mon 01:00-03:00 UTC", "Mon 23:59-00:00 UTC", "Mon 01:00-24:00 UTC"]
FREEZES = ["2026-12-20T00:00:00Z..2026-12-20T00:00:00Z", "2026-12-21T00:00:00Z..2026-12-20T00:00:00Z", "2026-12-20..2026-12-21", "a..b", "..",
           "2026-12-20T00:00:00Z..2026-12-20T00:00:01Z", "2026-12-20T00:00:00Z...2026-12-20T00:00:01Z", "2026-12-20T00:00:00Z"]
EXPECTED = [0, 2**53 - 1, 2**53, 1 - 2**53, -(2**53), 2**63, True, "x", "", "unchanged", "+0", "-0", "+1", "+01", "-5", "+", "5", "+5a",
            "+9223372036854775807", "+9223372036854775808", "-9223372036854775808", "-9223372036854775809", {"text": "+1"}, {"text": "x"},
            {"text": "unchanged"}, {"text": "+01"}, {"text": "-0"}, {"text": "+" + "9" * 30}, {"text": 1}, {"min": 1}, {"max": 1}, {}, {"min": 2, "max": 1}, {"min": 1, "max": 1},
            {"min": 1, "text": "+1"}, {"min": "1"}, {"min": None}, {"min": -(2**53) + 1, "max": 2**53 - 1}, None, 1.5, []]
PATHS = ["tiers/01.sql", "a", "a/b", "/a", "a/", "a//b", "../a", ".a", "a/.b", "a b", "-a", "a-", "a*", "*", "a" * 100, "a" * 101, "\u00e9", "A/b", "@a", "_a", "a@=+-._", "statement.json", "tiers/big.sql.gz"]
PROGRAMS = ["0.1.0", "0.1.1", "0.0.9", "0.1", "0.1.0.0", "x", "", "99.0.0", "0.01.0", "0.1.0-rc", "1", "00.1.0", "0.1.x", "18446744073709551616.0.0", "0.1.0 ", "+0.1.0", "0..1"]
POOLS = {"at": TIMES, "expires": TIMES, "created": TIMES, "issued": TIMES, "not_before": TIMES, "not_after": TIMES, "compromised_since": TIMES, "started": TIMES,
         "finished": TIMES, "lock_timeout": LIMITS, "transaction_timeout": LIMITS, "idle_timeout": LIMITS, "statement_timeout": LIMITS, "database": [
             *DATABASES, ["app"], [], ["app", "app"], ["app", ""]], "only_on": DATABASES, "targets": [[one] for one in DATABASES], "requires": [[one] for one in RANGES],
         "conflicts": [[one] for one in RANGES], "server": SERVERS, "windows": [[one] for one in WINDOWS], "freezes": [[one] for one in FREEZES], "there": EXPECTED,
         "n": EXPECTED, "file": PATHS, "path": PATHS, "probe": PATHS, "minimum_pgseal": PROGRAMS, "name": [
             "", "a" * 40, "a" * 41, "A", "-a", "_a", "a_-9", "9", "a b", "small 1.0.0", "\u00e9"], "version": [
             1, 2, 0, "1", "", "a" * 41, "a+b", ".1", "1 ", 2**32 - 1, 2**32], "threshold": [0, 1, 2, 3, 255, 256, -1, None], "status": ["active", "retired", "revoked", "Active"],
         "role": [*corpus.ROLES.values(), "other", "", "log"], "runs": [0, 1, 2, 2**32 - 1, 2**32, -1], "decision": ["approve", "withdraw", "Approve"],
         "apr": ["", "a" * 100, "a" * 101, "a b", "#a", "a#:/._-", "\u00e9"], "search_path": [["public"], [], ["a"], [""], [1]], "sequence": [0, 2, 3, 4, 2**32 - 1, 2**32, -1],
         "format": [0, 1, 2, "1", 1.0, True], "predicateType": [*verify.TYPES, "urn:pgseal:release:v2", ""], "approvals": [
             {}, {"l2": 1}, {"l2": 0}, {"l2": 2}, {"l4": 2}, {"root": 1}, {"log": 1}, {"notary": 1}, {"other": 1}, {"l2": 256}], "exit": [0, 255, 256, -1],
         "retries": [0, 1, 2**32], "more_points": [0, 1], "rehearsal": ["any", "same", ""], "gate_role": ["any", "reader"], "require_rehearsal": [True, False, None],
         "size": [0, 1, 2**53 - 1, 2**53, -1], "stored": ["raw", "gzip"], "answer": [None, 1, 1.5, [], {}, "x", {"database": "app", "sha256": "a" * 64}, [[[[1]]]]], "sha256": [
             "0" * 64, "A" * 64, "0" * 63], "signer": [corpus.KEYS[word].id for word in ("receipt-1", "release-1", "stranger")]}
ANY = [None, True, False, 0, 1, -1, 255, 256, 2**31, 2**32, 2**53 - 1, 2**53, 1 - 2**53, -(2**53), 2**63, 2**64, 1.0, 0.5, 1e300, "", "x", "\x00", "\x7f", "\u2028",
       "\ud800", "\U0001f600", "\\", "/", [], {}, [None], {"a": 1}, [[]], "x" * 5000]


def places(value, found, key=None, parent=None):
    found.append((parent, key))
    for inner, item in (value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()):
        places(item, found, inner, value)
    return found


def bend(rng, document):
    """Changes one place of a copy of the document; returns it and what was done."""
    document = copy.deepcopy(document)
    found = places(document, [])[1:]
    if rng.random() < 0.5:  # Fields with a grammar of their own, each as often as any other.
        known = sorted({key for _, key in found if isinstance(key, str) and key in POOLS})
        name = rng.choice(known or [None])
        found = [place for place in found if place[1] == name] or found
    parent, key = rng.choice(found)
    pool = POOLS.get(key if isinstance(key, str) else None)
    action = rng.choice(["pool", "pool", "pool", "any", "delete", "add", "again", "swap", "other"] if pool else ["any", "delete", "add", "again", "swap", "other"])
    if action in ("pool", "any"):
        parent[key] = copy.deepcopy(rng.choice(pool if action == "pool" else ANY))
    elif action == "delete":
        del parent[key]
    elif action == "add" and isinstance(parent, dict):
        parent[rng.choice(["extra", "", "Format", "zz", "created", "not_after", "signer", "\ue000", "\U00010000"])] = copy.deepcopy(rng.choice(ANY + ["2026-11-21T12:00:00Z"]))
    elif isinstance(parent, list):
        parent.insert(rng.randrange(len(parent) + 1), copy.deepcopy(parent[key] if action == "again" else rng.choice(ANY)))
        if action == "swap":
            rng.shuffle(parent)
    elif isinstance(parent[key], str) and parent[key]:
        text, at = parent[key], rng.randrange(len(parent[key]))
        parent[key] = text[:at] + rng.choice(["", text[at].swapcase(), "\u0130", " ", "0", "\n", text[at] * 2]) + text[at + 1:]
    elif type(parent[key]) is int:
        parent[key] += rng.choice([-1, 1, 1 << 32])
    return document, f"{action} {key}"


def respell(rng, data):
    """Another spelling of canonical JSON."""
    spots = [match.start() for match in re.finditer(rb'[{}\[\],:"]', data)]
    at = rng.choice(spots)
    action = rng.randrange(14)
    if action == 0:
        return data[:at] + rng.choice([b" ", b"\n", b"\t", b"\r", b"\0", b"\xef\xbb\xbf", b","]) + data[at:], "blank"
    if action == 1:
        return rng.choice([data + b"\n", b"\xef\xbb\xbf" + data, data + b"\0", data + data, b"", data[:-1], data.decode().encode("utf-16")]), "frame"
    if action == 2:
        match = rng.choice(list(re.finditer(rb'"[^"\\]*":', data)))
        return data[:match.start()] + match[0] + b"1," + data[match.start():], "key twice"
    if action == 3:
        letters = list(re.finditer(rb'(?<=[a-z])[a-z](?=[a-z])', data))
        match = rng.choice(letters)
        return data[:match.start()] + rng.choice([b"\\u%04x", b"\\u%04X"]) % match[0][0] + data[match.end():], "escape"
    if action == 4:
        return data.replace(b"/", b"\\/", 1), "solidus"
    if action == 5:
        match = rng.choice(list(re.finditer(rb"(?<=[:\[,])-?[0-9]+(?=[,}\]])", data)) or [None])
        form = rng.choice([b"%s.0", b"%se0", b"0%s", b"-%s", b"+%s", b"%sE+0", b"%s00", b'"%s"', b"%s.", b"0x%s"])
        return (data[:match.start()] + form % match[0] + data[match.end():] if match else data), "number"
    if action == 6:
        return data.replace(b"\\n", rng.choice([b"\\u000a", b"\\u000A", b"\n"])).replace("\u20ac".encode(), rng.choice([b"\\u20ac", b"\xe2\x82", b"\xc0\x80", b"\xed\xa0\x80"])), "spelling"
    if action == 7:
        return data.replace("\U00010000".encode(), rng.choice([b"\\ud800\\udc00", b"\\ud800", b"\\udc00\\ud800", b"\xf4\x90\x80\x80"])), "surrogates"
    if action == 8:
        deep = rng.choice([28, 29, 30, 31, 32, 33, 200, 5000])
        match = rng.choice(list(re.finditer(rb':("[^"\\]*"|[0-9]+)', data)))
        return data[:match.start() + 1] + b"[" * deep + b"]" * deep + data[match.end():], "deep"
    if action == 9:
        value = json.loads(data)
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode(), "order of code points"
    if action == 10:
        value = json.loads(data)
        return json.dumps(list(value.values()), ensure_ascii=False, separators=(",", ":")).encode(), "list"
    if action == 11:
        return data.replace(b'"', b"'", 2), "quotes"
    if action == 12:
        return data[:at], "cut"
    return flip(rng, data), "flip"


def flip(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 1, 2, 8])):
        if data:
            data[rng.randrange(len(data))] ^= rng.choice([1, 2, 4, 8, 16, 32, 64, 128, 255])
    return bytes(data)


def cut(rng, data):
    """Bytes that are missing, added, moved or there twice."""
    at, size = rng.randrange(len(data) + 1), rng.choice([1, 1, 2, 64, 512, 1024])
    at -= at % 512 if rng.random() < 0.5 else 0
    piece = data[at:at + size]
    return rng.choice([data[:at], data[:at] + data[at + size:], data[:at] + piece + data[at:], data[:at] + bytes(size) + data[at:], data + bytes(size),
                       data + data, data[:at] + data[at + size:] + piece, data[:-size], data[:at] + rng.randbytes(size) + data[at + size:]])


ENCODINGS = [(y + (sign << 255)).to_bytes(32, "little") for y in [*sorted(verify.SMALL), *range(verify.P, 2**255), 2, 3, 4, 5, verify.P - 2] for sign in (0, 1)]


def forge(rng, signature):
    """A signature that some implementations take for the same one."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    action = rng.randrange(9)
    if action < 3:
        s = [s + verify.ORDER, s + verify.ORDER * rng.randrange(2, 15), (verify.ORDER - s) % verify.ORDER][action]
    elif action < 5:
        r = rng.choice(ENCODINGS)
        s = s if action == 3 else 0
    elif action == 5:
        return flip(rng, signature)
    elif action == 6:
        return rng.choice([bytes(64), b"\xff" * 64, r + b"\0" * 32, signature[32:] + r])
    elif action == 7:
        return rng.choice([signature[:63], signature + b"\0", b"", signature * 2])
    else:
        r = r[:31] + bytes([r[31] ^ 128])
    return r + s.to_bytes(32, "little")


def header(rng, block, name):
    """Another header of the member."""
    block = bytearray(block)
    at, size = rng.choice([(0, 100), (100, 8), (108, 8), (116, 8), (124, 12), (136, 12), (148, 8), (156, 1), (157, 100), (257, 6), (263, 2), (265, 64), (329, 16), (345, 155), (500, 12)])
    field = rng.choice([
        b"0" * size, bytes(size), b" " * size, b"0000644\0", b"0000755\0", b"0000644 ", b"   644 \0", b"00000000000\0", b"00000000000 ", b"77777777777\0", b"\x80" + bytes(11),
        b"\x80\0\0\0\0\0\0\0\0\0\0\1", b"ustar\0", b"ustar ", b"5", b"1", b"2", b"7", b"x", b"g", b"L", b"S", b"\0", b"root", b"00", b" \0", rng.randbytes(size), name.encode() + b"\0x",
        name.upper().encode(), b"/" + name.encode(), b"./" + name.encode(), name.encode() + b"/", b"%011o\0" % rng.choice([0, 1, 511, 512, 513, 8**11 - 1])])
    field = field[:size].ljust(size, b"\0") if rng.random() < 0.7 else field[:size]
    block[at:at + len(field)] = field
    if rng.random() < 0.6:
        block[148:156] = b" " * 8
        block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def archive(rng, members):
    """The bytes of an archive of (name, content), with at most one thing wrong."""
    members, action = list(members), rng.randrange(12)
    at = rng.randrange(len(members))
    if action == 0:
        members[at], members[(at + 1) % len(members)] = members[(at + 1) % len(members)], members[at]
    elif action == 1:
        members.insert(at, members[at])
    elif action == 2:
        del members[at]
    elif action == 3:
        names = ["TIERS/01.sql", "tiers", "tiers/01.sql/x", "aa", "zz", "signatures/x", "approvals/" + "0" * 64 + ".json", "timestamps/" + "0" * 64 + ".tsr", "pgseal",
                 "statement.json/x", "signatures/" + "0" * 64 + ".sig", "tiers/01.SQL", "PGSEAL", "signatures", "x" * 100, "Signatures/a", "approvals/" + "f" * 64 + ".sig"]
        name = rng.choice(names)
        members.append((name, bytes(rng.choice([0, 1, 64]))))
        if rng.random() < 0.7:
            members.sort(key=lambda member: (verify.RANKS.get(member[0].split("/")[0], 5), member[0]))
    elif action == 4:
        name, data = members[at]
        members[at] = name, rng.choice([b"", data + b"\0", data[:-1], flip(rng, data), bytes(65537) if len(name) > 70 else data])
    elif action == 5:
        other = rng.randrange(len(members))
        (one, data), (two, more) = members[at], members[other]
        members[at], members[other] = (one, more), (two, data)
    out = b""
    for number, (name, data) in enumerate(members):
        block = verify.header(name, len(data)) if len(name) < 101 else bytes(512)
        if action in (6, 7) and number == at:
            block = header(rng, block, name)
        padding = bytes(-len(data) % 512)
        if action == 8 and number == at and padding:
            padding = flip(rng, padding)
        out += block + data + padding
    end = bytes(1024)
    if action == 9:
        end = rng.choice([b"", bytes(512), bytes(1536), bytes(1023), bytes(1023) + b"\1", b"\1" + bytes(1023), bytes(10240)])
    out += end
    return (flip(rng, out) if action == 10 else cut(rng, out) if action == 11 else out), f"archive {action}"


def digest(data):
    return hashlib.sha256(data).hexdigest()
