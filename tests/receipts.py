"""Checks receipts of payments without any code of Chuky's: docs/integrators.md in executable form.

Usage: receipts.py JWKS ANSWERS, answers of the API one a line. Prints for each line `valid TREE_SIZE` or `not valid`.
"""
import base64
import hashlib
import json
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def number(text):
    return int.from_bytes(decode(text), "big")


def jws(text, keys, kind):
    """The payload of a JWS of that type under one of the keys (RFC 7515 §5.2)."""
    head, payload, signature = text.split(".")
    header = json.loads(decode(head))
    assert header["alg"] == "ES256" and header["typ"] == kind
    key = next(key for key in keys if key["kid"] == header["kid"])
    point = EllipticCurvePublicNumbers(number(key["x"]), number(key["y"]), SECP256R1()).public_key()
    raw = decode(signature)
    assert len(raw) == 64
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
    point.verify(encode_dss_signature(r, s), f"{head}.{payload}".encode(), ECDSA(SHA256()))
    return json.loads(decode(payload))


def root(leaf, index, size, path):
    """RFC 9162 §2.1.3.2."""
    assert index < size
    place, last = index, size - 1
    node = hashlib.sha256(b"\0" + leaf).digest()
    for neighbour in map(bytes.fromhex, path):
        assert last > 0
        if place & 1 or place == last:
            node = hashlib.sha256(b"\1" + neighbour + node).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + neighbour).digest()
        place, last = place >> 1, last >> 1
    assert last == 0
    return node.hex()


def check(receipt, keys):
    if isinstance(receipt, str):
        return jws(receipt, keys, "chuky-payment-receipt+json"), 1
    signed = jws(receipt["root"], keys, "chuky-payment-receipt-root+json")
    leaf = decode(receipt["payload"])
    assert root(leaf, receipt["index"], signed["tree_size"], receipt["path"]) == signed["root_sha256"]
    return json.loads(leaf), signed["tree_size"]


keys = json.load(open(sys.argv[1]))["keys"]
for line in open(sys.argv[2]):
    answer = json.loads(line)
    try:
        stated, size = check(answer["receipt"], keys)
        assert (stated["verdict"], stated["seen"]) == (answer["verdict"], answer["seen"])
        print("valid", size)
    except (AssertionError, InvalidSignature, StopIteration, ValueError):
        print("not valid")
