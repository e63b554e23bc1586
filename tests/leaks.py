"""Looks for numbers in files, whatever they were wrapped in: as text, UTF-16, base64 at each alignment, hexadecimal, packed or binary digits;
also in members that gzip, zstd, zlib (PDF streams among them) or zip hold, and in those inside them.

Usage: leaks.py search NUMBER,NUMBER… PATH…     prints a line of JSON for each finding
       leaks.py plant NUMBER DIRECTORY          writes one file for each form that is to be found
"""
import base64
import gzip
import io
import json
import os
import re
import struct
import subprocess
import sys
import zipfile
import zlib

DEEPEST = 4
LARGEST = 64 << 20

def base64_cores(octets):
    """What stands in base64 wherever these octets begin."""
    for before in range(3):
        padded = b"\0" * before + octets
        padded += b"\0" * (-len(padded) % 3)
        first, last = -(-before * 8 // 6), (before + len(octets)) * 8 // 6
        yield base64.b64encode(padded)[first:last]


def forms(number):
    """Each form's name, and its octets."""
    text = number.encode()
    yield "text", text
    yield "grouped", b" ".join(text[at : at + 3] for at in range(0, 12, 3))
    yield "dotted", b".".join(text[at : at + 3] for at in range(0, 12, 3))
    yield "utf-16le", number.encode("utf-16le")
    yield "utf-16be", number.encode("utf-16be")
    yield "hex", text.hex().encode()
    yield "HEX", text.hex().upper().encode()
    yield "hex of utf-16be", number.encode("utf-16be").hex().encode()
    for at, core in enumerate(base64_cores(text)):
        yield f"base64 {at}", core
    for at, core in enumerate(base64_cores(number.encode("utf-16le"))):
        yield f"base64 of utf-16le {at}", core
    yield "packed digits", bytes.fromhex(number)
    yield "binary", int(number).to_bytes(8, "big")
    yield "binary, little-endian", int(number).to_bytes(8, "little")
    # As SQLite keeps a number of this size.
    yield "binary of six octets", int(number).to_bytes(6, "big")


def unwrapped(octets):
    """What members of any kind in these octets hold, with what they are."""
    for found in re.finditer(rb"\x1f\x8b\x08", octets):
        yield "gzip", inflated(octets[found.start() :], 31)
    for found in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", octets):
        yield "zlib", inflated(octets[found.start() :], 15)
    for found in re.finditer(rb"PK\x03\x04", octets):
        head = octets[found.start() : found.start() + 30]
        if len(head) == 30:
            name, extra = struct.unpack("<HH", head[26:30])
            yield "zip", inflated(octets[found.start() + 30 + name + extra :], -15)
    for found in re.finditer(rb"\x28\xb5\x2f\xfd", octets):
        done = subprocess.run(["zstd", "-dcq"], input=octets[found.start() :], capture_output=True)
        yield "zstd", done.stdout[:LARGEST]


def inflated(octets, window):
    reader, whole = zlib.decompressobj(window), b""
    try:
        # A piece at a time: what is no stream ends at once, and one that is broken off gives what it has.
        for at in range(0, len(octets), 1 << 14):
            whole += reader.decompress(octets[at : at + (1 << 14)], LARGEST - len(whole))
            if reader.eof or len(whole) >= LARGEST:
                break
    except zlib.error:
        pass
    return whole


def search(numbers, octets, path, depth=0):
    seen = set()
    variants = [octets, octets.replace(b"\r", b"").replace(b"\n", b""), octets.replace(b"\\r", b"").replace(b"\\n", b"")]
    for variant in [octets] + [one for one in variants[1:] if one != octets]:
        for number in numbers:
            for name, wanted in forms(number):
                # Lines are broken within base64 and hexadecimal; in anything else their ends may be anything.
                if variant is not octets and not name.lower().startswith(("base64", "hex")):
                    continue
                at = variant.find(wanted)
                while at >= 0:
                    finding = (path, name, number)
                    if finding not in seen:
                        seen.add(finding)
                        context = variant[max(0, at - 48) : at + len(wanted) + 16]
                        yield {"path": path, "form": name, "number": number, "around": repr(context)}
                    at = variant.find(wanted, at + 1)
    if depth < DEEPEST:
        for kind, inner in unwrapped(octets):
            if len(inner) >= 6:
                yield from search(numbers, inner, f"{path}!{kind}", depth + 1)


def files(paths):
    for path in paths:
        if os.path.isfile(path):
            yield path
        for at, _, names in os.walk(path):
            for name in names:
                if os.path.isfile(os.path.join(at, name)):
                    yield os.path.join(at, name)


def pdf(stream):
    """A page's content, as writers of PDF compress it."""
    packed = zlib.compress(stream)
    return b"%PDF-1.7\n1 0 obj<</Filter/FlateDecode/Length " + str(len(packed)).encode() + b">>stream\r\n" + packed + b"\r\nendstream"


def zipped(text):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b"<t>" + text + b"</t>" * 30)
    return whole.getvalue()


def der(tag, content):
    return bytes([tag, len(content)]) + content


def planted(number):
    text, noise = number.encode(), os.urandom(200)
    for name, octets in forms(number):
        yield name, octets
    serial_number = der(0x06, b"\x55\x04\x05") + der(0x13, b"PNOVN-" + text)
    yield "subject of a certificate", der(0x30, der(0x31, der(0x30, serial_number)))
    yield "der printable string", der(0x13, text)
    yield "der utf8 string", der(0x0C, text)
    yield "der bmp string", der(0x1E, number.encode("utf-16be"))
    yield "gzip", gzip.compress(b"x" * 50 + text)
    yield "deflate in zlib", zlib.compress(b"x" * 50 + text)
    yield "zstd", subprocess.run(["zstd", "-cq"], input=b"x" * 50 + text, capture_output=True, check=True).stdout
    yield "zip", zipped(text)
    yield "pdf", pdf(b"BT (" + text + b") Tj ET")
    yield "pdf with hexadecimal", pdf(b"BT <" + text.hex().encode() + b"> Tj ET")
    yield "base64 in gzip in zstd", subprocess.run(
        ["zstd", "-cq"], input=gzip.compress(base64.b64encode(b"{" + text + b"}")), capture_output=True, check=True
    ).stdout
    lines = base64.encodebytes(b"x" * 51 + text + b"y" * 80)
    yield "base64 over two lines", lines
    yield "base64 over two lines in JSON", lines.replace(b"\n", b"\\n")
    yield "database", b"SQLite format 3\0" + noise + text + noise


def main():
    mode, numbers, *paths = sys.argv[1:]
    if mode == "plant":
        for name, octets in planted(numbers):
            with open(os.path.join(paths[0], name), "wb") as out:
                out.write(os.urandom(37) + octets + os.urandom(41) if not name.startswith("base64 over") else octets)
        return
    for path in files(paths):
        with open(path, "rb") as source:
            octets = source.read()
        for finding in search(numbers.split(","), octets, path):
            print(json.dumps(finding))


main()
