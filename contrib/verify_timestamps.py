"""Time stamps (RFC 3161) in the one form of bundle/FORMAT.md 15.3, for verify.py."""
import datetime, hashlib, re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

def need(holds, why):
    if not holds:
        raise ValueError(why)

HASHES = {"608648016503040201": hashes.SHA256(), "608648016503040202": hashes.SHA384(), "608648016503040203": hashes.SHA512()}
ORDERS = {"secp256r1": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
          "secp384r1": int("f" * 48 + "c7634d81f4372ddf581a0db248b0a77aecec196accc52973", 16)}

def der(data):
    """The elements of DER: (tag, content, whole)."""
    found, at = [], 0
    while at < len(data):
        need(len(data) > at + 1 and data[at] & 31 != 31, "DER is cut off")
        size, head = data[at + 1], 2
        if size > 127:
            count, head = size & 127, 2 + (size & 127)
            size = int.from_bytes(data[at + 2:at + head], "big")
            need(count and size > 127 and size >> 8 * (count - 1), "a length in DER is not minimal")
        whole = data[at:at + head + size]
        content = whole[head:]
        need(len(whole) == head + size, "DER is cut off")
        need(whole[0] != 2 or content == integer(int.from_bytes(content, "big", signed=True))[2:], "an integer is not minimal")
        need(whole[0] != 1 or content in (b"\0", b"\xff"), "a boolean in DER")
        found.append((whole[0], content, whole))
        at += head + size
    return found

def integer(value):
    raw = value.to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True)
    return bytes([2, len(raw)]) + raw

def fields(data, *tags):
    """The contents of these elements and no others; None for one with a negative tag that is absent."""
    found, values = der(data), []
    for tag in tags:
        need(tag < 0 or found and found[0][0] == tag, f"not a time stamp: no element {tag:#x}")
        values.append(found.pop(0)[1] if found and found[0][0] == abs(tag) else None)
    need(not found, "not a time stamp: more elements")
    return values

def method_of(identifier):
    oid, null = fields(identifier, 6, -5)
    need(null in (None, b"") and oid.hex() in HASHES, "an unknown digest algorithm")
    return HASHES[oid.hex()]

def digest(method, data):
    return hashlib.new(method.name, data).digest()

def stamped(token, signature, authorities):
    """The authority that stamped the signature, and the time."""
    oid, explicit = fields(fields(token, 0x30)[0], 6, 0xA0)
    version, methods, content, signers = fields(fields(explicit, 0x30)[0], 2, 0x31, 0x30, 0x31)
    content_type, octets = fields(content, 6, 0xA0)
    need((oid.hex(), version, content_type.hex()) == ("2a864886f70d010702", b"\3", "2a864886f70d0109100104"), "not a token")
    (info,), (signer,) = fields(octets, 4), fields(signers, 0x30)
    version, sid, method, attributes, kind, value = fields(signer, 2, 0x30, 0x30, 0xA0, 0x30, 4)
    oid, null = fields(method, 6, 5)
    need(version == b"\1" and null == b"" and oid.hex() in HASHES and fields(methods, 0x30) == [method], "not the one form")
    method = HASHES[oid.hex()]
    named = [one for one in authorities if sid == one["x509"].issuer.public_bytes() + integer(one["x509"].serial_number)]
    named = [one for one in named if is_named(attributes, one["x509"])]
    need(named, "the token is of no known authority")
    check_attributes(attributes, info, method)
    size = len(attributes)
    length = bytes([size]) if size < 128 else bytes([128 + (size.bit_length() + 7) // 8]) + size.to_bytes((size.bit_length() + 7) // 8, "big")
    check_signature(named[0]["x509"].public_key(), kind, value, method, b"\x31" + length + attributes)
    return named[0], told_time(info, signature, named[0]["x509"])

def attribute(attributes, oid):
    found = [fields(content, 6, 0x31) for tag, content, _ in der(attributes)]
    found = [value for name, value in found if name.hex() == "2a864886f70d0109" + oid]
    need(len(found) < 2 and all(len(der(value)) == 1 for value in found), "an attribute has not exactly one value")
    return found[0] if found else None

def is_named(attributes, certificate):
    """Whether the signed attributes name the certificate (RFC 2634, RFC 5035)."""
    whole, same, inside = certificate.public_bytes(Encoding.DER), True, False
    place = certificate.issuer.public_bytes(), integer(certificate.serial_number)
    for oid in ("10020c", "10022f"):
        if (value := attribute(attributes, oid)) is not None:
            first = der(fields(fields(value, 0x30)[0], 0x30, -0x30)[0])[0][1]
            method, hashed, issuer = fields(first, *((-0x30,) if oid == "10022f" and first[:1] == b"\x30" else ()), 4, -0x30) if \
                oid == "10022f" and first[:1] == b"\x30" else (None, *fields(first, 4, -0x30))
            method = method_of(method) if method is not None else hashes.SHA1() if oid == "10020c" else hashes.SHA256()
            names, serial = (None, None) if issuer is None else (lambda one: (fields(one[0][1], 0xA4)[0], one[1][2]))(der(issuer))
            inside, same = True, same and hashed == digest(method, whole) and (issuer is None or (names, serial) == place)
    need(inside, "the token names no certificate")
    return same

def check_attributes(attributes, info, method):
    found = [whole for *_, whole in der(attributes)]
    need(found == sorted(found), "attributes are not in the order of DER")
    content_type, hashed = attribute(attributes, "03"), attribute(attributes, "04")
    need(fields(content_type or b"", 6)[0].hex() == "2a864886f70d0109100104", "another content type")
    need(fields(hashed or b"", 4)[0] == digest(method, info), "the token's signature is invalid")

def check_signature(public, kind, value, method, signed):
    oid, null = fields(kind, 6, -5)
    try:
        if isinstance(public, rsa.RSAPublicKey):
            need(null == b"" and oid.hex() == "2a864886f70d010101", "not the one form of RSA")
            public.verify(value, signed, padding.PKCS1v15(), method)
        else:
            need(null is None and (oid.hex(), method.name) in (("2a8648ce3d040302", "sha256"), ("2a8648ce3d040303", "sha384")), "not ECDSA")
            r, s = decode_dss_signature(value)
            need(2 * s < ORDERS[public.curve.name] and encode_dss_signature(r, s) == value, "not the one form of ECDSA")
            public.verify(value, signed, ec.ECDSA(method))
    except InvalidSignature:
        raise ValueError("the token's signature is invalid") from None

def told_time(info, signature, certificate):
    version, _, imprint, _, moment, accuracy, _, _, _, extensions = fields(
        fields(info, 0x30)[0], 2, 6, 0x30, 2, 0x18, -0x30, -1, -2, -0xA0, -0xA1)
    method, hashed = fields(imprint, 0x30, 4)
    need(version == b"\1" and hashed == digest(method_of(method), signature), "the token is over other data")
    for _, extension, _ in der(extensions or b""):
        need(b"\xff" not in [value for tag, value, _ in der(extension) if tag == 1], "a critical extension")
    match = re.fullmatch(rb"(\d{14})(?:\.(\d+))?Z", moment)
    need(match, "its time is malformed")
    fraction = (match[2] or b"0").rstrip(b"0")
    micros = int(fraction[:6].ljust(6, b"0")) + (len(fraction) > 6)
    parts = [b"\0" if part is None else part for part in fields(accuracy or b"", -2, -0x80, -0x81)]
    seconds, millis, more = (int.from_bytes(part, "big", signed=True) for part in parts)
    need(all(part == integer(int.from_bytes(part, "big", signed=True))[2:] for part in parts), "an integer is not minimal")
    need(0 <= seconds < 2**32 and 0 <= millis < 2**16 and 0 <= more < 2**16, "its accuracy is out of range")
    whole = datetime.datetime.strptime(match[1].decode(), "%Y%m%d%H%M%S").strftime("%Y-%m-%dT%H:%M:%SZ")
    first, last = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (certificate.not_valid_before_utc, certificate.not_valid_after_utc))
    need(first <= whole and later(whole, -(-micros // 1_000_000)) <= last, "its authority's certificate was not valid then")
    return later(whole, -(-(micros + seconds * 1_000_000 + millis * 1000 + more) // 1_000_000))

def later(moment, seconds):
    try:
        moved = datetime.datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ") + datetime.timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError("a time after all times") from None
    return f"{moved.year:04}-{moved:%m-%dT%H:%M:%SZ}"
