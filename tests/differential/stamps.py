"""Time stamp tokens (RFC 3161), genuine or with one thing changed before they are signed."""

import hashlib

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

import verify_timestamps
from corpus import AUTHORITIES

SHA256, NULL = bytes.fromhex("0609608648016503040201"), b"\5\0"


def tlv(tag, *contents):
    content = b"".join(contents)
    size = len(content)
    raw = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (raw if size < 128 else bytes([128 + len(raw)]) + raw) + content


def oid(text):
    return tlv(6, bytes.fromhex(text))


def token(signature, word="p256", change=None, time=b"20261121073000Z"):
    """`change` is a function (name of the part, its DER) -> DER, which is called for each part."""
    change = change or (lambda name, part: part)
    certificate, private = AUTHORITIES[word]
    whole = certificate.public_bytes(Encoding.DER)
    imprint = tlv(0x30, change("imprint algorithm", tlv(0x30, SHA256, NULL)), tlv(4, hashlib.sha256(signature).digest()))
    info = change("info", tlv(
        0x30, change("version", tlv(2, b"\1")), oid("2a0304"), imprint, tlv(2, b"\1"), change("time", tlv(0x18, time)),
        change("accuracy", tlv(0x30, tlv(2, b"\1"), tlv(0x80, b"\1"), tlv(0x81, b"\1"))), change("ordering", b""),
        change("nonce", tlv(2, b"\x11")), change("extensions", b"")))
    ess = tlv(0x30, change("ess", tlv(4, hashlib.sha1(whole).digest())))
    ess2 = tlv(0x30, change("ess2", tlv(4, hashlib.sha256(whole).digest())))
    attribute = lambda name, *values: change(f"attribute {name}", tlv(0x30, oid("2a864886f70d0109" + name), tlv(0x31, *values)))
    attributes = [
        attribute("03", oid("2a864886f70d0109100104")), attribute("05", tlv(0x17, b"261121073000Z")),
        attribute("04", tlv(4, hashlib.sha256(info).digest())), attribute("10020c", tlv(0x30, tlv(0x30, ess))),
        attribute("10022f", tlv(0x30, tlv(0x30, ess2)))]
    body = change("attributes", b"".join(sorted(attributes)))
    if word == "rsa":
        kind, value = tlv(0x30, oid("2a864886f70d010101"), NULL), private.sign(tlv(0x31, body), padding.PKCS1v15(), hashes.SHA256())
    else:
        r, s = decode_dss_signature(private.sign(tlv(0x31, body), ec.ECDSA(hashes.SHA256())))
        s = min(s, verify_timestamps.ORDERS[private.curve.name] - s)
        kind, value = tlv(0x30, oid("2a8648ce3d040302")), encode_dss_signature(r, s)
    sid = tlv(0x30, certificate.issuer.public_bytes(), verify_timestamps.integer(certificate.serial_number))
    signer = tlv(
        0x30, change("signer version", tlv(2, b"\1")), change("sid", sid), change("digest algorithm", tlv(0x30, SHA256, NULL)),
        tlv(0xA0, body), change("signature algorithm", kind), tlv(4, change("signature", value)), change("unsigned", b""))
    return tlv(0x30, oid("2a864886f70d010702"), tlv(0xA0, tlv(
        0x30, change("data version", tlv(2, b"\3")), change("algorithms", tlv(0x31, tlv(0x30, SHA256, NULL))),
        tlv(0x30, oid("2a864886f70d0109100104"), tlv(0xA0, tlv(4, info))), change("certificates", b""), tlv(0x31, signer))))


def changes(rng):
    """A change of one part, and its name."""
    name = rng.choice([
        "imprint algorithm", "info", "version", "time", "accuracy", "ordering", "nonce", "extensions", "ess", "ess2", "attribute 03",
        "attribute 05", "attribute 04", "attribute 10020c", "attribute 10022f", "attributes", "signer version", "sid", "digest algorithm",
        "signature algorithm", "signature", "unsigned", "data version", "algorithms", "certificates"])
    extension = lambda critical: tlv(0xA1, tlv(0x30, oid("2a0305"), critical, tlv(4, b"x")))
    pool = {
        "time": [tlv(0x18, text) for text in (
            b"20261121073000.5Z", b"20261121073000.50Z", b"20261121073000.Z", b"20261121073060Z", b"20261121075960Z", b"20261121073000+0000",
            b"202611210730Z", b"20261121080000.000001Z", b"20261031235959Z", b"20261201000000Z", b"20261130235959.9Z", b"99991231235959Z",
            b"20261121075959.9999999Z", b"19691231235959Z", b"20260229000000Z")] + [tlv(0x17, b"261121073000Z")],
        "accuracy": [b"", tlv(0x30), tlv(0x30, tlv(2, b"\x7f\xff\xff\xff")), tlv(0x30, tlv(2, b"\0\xff\xff\xff\xff")), tlv(
            0x30, tlv(2, b"\1\0\0\0\0")), tlv(0x30, tlv(2, b"\xff")), tlv(0x30, tlv(0x80, b"\x03\xe8")), tlv(0x30, tlv(0x81, b"\1"), tlv(
                0x80, b"\1")), tlv(0x30, tlv(0x80, b"\1\0\0")), tlv(0x30, tlv(0x81, b"\xff"))],
        "ordering": [b"\1\1\xff", b"\1\1\0", b"\1\1\1"], "nonce": [b"", tlv(2, b"\0\1"), tlv(2, b""), tlv(2, b"\xff")],
        "extensions": [extension(b""), extension(b"\1\1\xff"), extension(b"\1\1\0")],
        "imprint algorithm": [tlv(0x30, SHA256), tlv(0x30, SHA256, tlv(4, b"")), tlv(0x30, oid("608648016503040202"), NULL)],
        "digest algorithm": [tlv(0x30, SHA256), tlv(0x30, oid("608648016503040202"), NULL), tlv(0x30, oid("2b0e03021a"), NULL)],
        "signature algorithm": [tlv(0x30, oid(text), *rest) for text in (
            "2a864886f70d010101", "2a864886f70d01010b", "2a8648ce3d040302", "2a8648ce3d040303", "2a8648ce3d040304") for rest in ((), (NULL,))],
        "algorithms": [tlv(0x31), tlv(0x31, tlv(0x30, SHA256)), tlv(0x31, *[tlv(0x30, SHA256, NULL)] * 2)],
        "unsigned": [tlv(0xA1), tlv(0xA1, tlv(0x30, oid("2a0305"), tlv(0x31)))], "certificates": [tlv(0xA0), tlv(0xA1)],
        "version": [tlv(2, b"\0"), tlv(2, b"\2")], "signer version": [tlv(2, b"\3")], "data version": [tlv(2, b"\1"), tlv(2, b"\4")]}
    number = rng.randrange(1 << 30)

    def other(part):
        if name in pool and number % 4:
            return pool[name][number % len(pool[name])]
        if name == "attributes":
            found = [whole for *_, whole in verify_timestamps.der(part)]
            return b"".join(found[::-1] if number % 2 else found[:-1])
        if name in ("ess", "ess2") and number % 2:
            certificate, _ = AUTHORITIES["p256"]
            serial = certificate.serial_number + number // 2 % 2
            return part + tlv(0x30, tlv(0x30, tlv(0xA4, certificate.issuer.public_bytes())), verify_timestamps.integer(serial))
        if name == "ess2" and number % 3:
            return tlv(0x30, SHA256, *[NULL] * (number // 3 % 2)) + part
        if name == "signature" and part[:1] == b"\x30":
            r, s = decode_dss_signature(part)
            return encode_dss_signature(r, abs(verify_timestamps.ORDERS["secp256r1"] - s))
        return [b"", part + part, part[:-1] + bytes([part[-1] ^ 1]) if part else b"", part + b"\5\0"][number // 7 % 4]

    return name, lambda part, der: other(der) if part == name else der
