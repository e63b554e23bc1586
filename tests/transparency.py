"""Checks a transparency log without any code of Chuky's: docs/audit.md in executable form.

Usage: transparency.py DIRECTORY, which holds `key` and `checkpoint` of the log, its tiles and bundles as they are served below `tile/`, and
`proof`, a proof of one of its entries. Prints what it found.
"""
import base64
import hashlib
import os
import struct
import sys

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key


def sha256(octets):
    return hashlib.sha256(octets).digest()


def leaf_hash(entry):
    return sha256(b"\0" + entry)


def root(hashes):
    """RFC 6962 §2.1."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return sha256(b"\1" + root(hashes[:split]) + root(hashes[split:]))


def note(octets):
    text, lines = octets.decode().rsplit("\n\n", 1)
    signatures = []
    for line in lines.splitlines():
        dash, name, value = line.split(" ")
        assert dash == "—"
        value = base64.b64decode(value)
        signatures.append((name, value[:4], value[4:]))
    return text + "\n", signatures


def verified(text, signatures, published):
    """Whether a key, as it is published, has signed: the time of a witness, or True of the log."""
    name, key_id, key = published.strip().split("+", 2)
    key = base64.b64decode(key)
    found = [value for (who, which, value) in signatures if who == name and which.hex() == key_id]
    assert len(found) == 1, f"{name} has not signed"
    if key[0] == 2:
        assert sha256(key[1:])[:4].hex() == key_id
        load_der_public_key(key[1:]).verify(found[0], text.encode(), ECDSA(SHA256()))
        return True
    assert key[0] == 4
    (time,) = struct.unpack(">Q", found[0][:8])
    message = f"cosignature/v1\ntime {time}\n{text}".encode()
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(found[0][8:], message)
    return time


def entries(directory):
    """The octets of all entries, from their bundles in order."""
    for name in sorted(os.listdir(os.path.join(directory, "tile/entries"))):
        path = os.path.join(directory, "tile/entries", name)
        bundle = open(path, "rb").read()
        while bundle:
            (length,) = struct.unpack(">H", bundle[:2])
            yield bundle[2 : 2 + length]
            bundle = bundle[2 + length :]


def tiles(directory, level):
    octets = b""
    for name in sorted(os.listdir(os.path.join(directory, "tile", str(level)))):
        octets += open(os.path.join(directory, "tile", str(level), name), "rb").read()
    return [octets[at : at + 32] for at in range(0, len(octets), 32)]


def main(directory, witnesses):
    read = lambda name: open(os.path.join(directory, name), "rb").read()
    key = read("key").decode()
    text, signatures = note(read("checkpoint"))
    assert verified(text, signatures, key)
    origin, size, signed_root = text.splitlines()
    assert origin == key.split("+")[0]
    size, signed_root = int(size), base64.b64decode(signed_root)
    # Every entry, every hash of every level, and the root.
    leaves = [leaf_hash(entry) for entry in entries(directory)]
    assert len(leaves) == size, f"{len(leaves)} of {size}"
    assert tiles(directory, 0) == leaves
    full = [root(leaves[at : at + 256]) for at in range(0, size - size % 256, 256)]
    if full:
        assert tiles(directory, 1) == full
    assert root(leaves) == signed_root
    # The proof: of which entry, up to which root.
    head, checkpoint = read("proof").decode().split("\n\n", 1)
    first, extra, index, *path = head.splitlines()
    assert first == "c2sp.org/tlog-proof@v1"
    entry, index = base64.b64decode(extra.split(" ")[1]), int(index.split(" ")[1])
    proven, proven_by = note(checkpoint.encode())
    assert verified(proven, proven_by, key)
    for witness in witnesses:
        print("witness", verified(proven, proven_by, witness))
    _, of, proven_root = proven.splitlines()
    at, last, digest = index, int(of) - 1, leaf_hash(entry)
    for line in path:
        hash = base64.b64decode(line)
        if at & 1 or at == last:
            digest = sha256(b"\1" + hash + digest)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            digest = sha256(b"\1" + digest + hash)
        at, last = at >> 1, last >> 1
    assert last == 0 and digest == base64.b64decode(proven_root)
    assert leaf_hash(entry) == leaves[index]
    print("whole", size)


main(sys.argv[1], sys.argv[2:])
