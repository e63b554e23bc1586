"""Makes what the measurements work on, once, in FOLDER: a test hierarchy with its CRLs, PDF files of three sizes, and signed
forms of them made by pyHanko, e-invoices signed by xmlsec and signxml, and a container by libdigidocpp, so that our verifier is measured on
foreign files. Usage: fixtures.py FOLDER
"""

import datetime
import pathlib
import random
import sys
import zlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)
NOW = datetime.datetime.now(datetime.timezone.utc) - DAY


def name(common_name):
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "VN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Chuky TEST measurements"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def certificate(folder, file, key, issuer, issuer_key, authority=False, purpose=None):
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(f"TEST {file}"))
        .issuer_name(name(f"TEST {issuer}"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + 1000 * DAY)
        .add_extension(x509.BasicConstraints(authority, None), True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), False)
        .add_extension(
            x509.KeyUsage(not authority, not authority and purpose is None, False, False, False, authority, authority, False, False),
            True,
        )
    )
    if purpose:
        builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), True)
    made = builder.sign(issuer_key, hashes.SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{file}.key").write_bytes(private)
    (folder / f"{file}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))


def revocation_list(folder, issuer, key):
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name(f"TEST {issuer}"))
        .last_update(NOW)
        .next_update(NOW + 365 * DAY)
        .add_extension(x509.CRLNumber(1), False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False)
    )
    (folder / f"{issuer}.crl").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


def hierarchy(folder):
    root, issuing = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    certificate(folder, "root", root, "root", root, authority=True)
    certificate(folder, "issuing", issuing, "root", root, authority=True)
    certificate(folder, "signer", ec.generate_private_key(ec.SECP256R1()), "issuing", issuing)
    certificate(folder, "signer-rsa", rsa.generate_private_key(65537, 2048), "issuing", issuing)
    stamping = ExtendedKeyUsageOID.TIME_STAMPING
    # pyHanko's own timestamper knows RSA only.
    certificate(folder, "timestamp", rsa.generate_private_key(65537, 2048), "issuing", issuing, purpose=stamping)
    subscriber = ec.generate_private_key(ec.SECP256R1())
    request = x509.CertificateSigningRequestBuilder().subject_name(name("TEST subscriber")).sign(subscriber, hashes.SHA256())
    (folder / "subscriber.csr").write_bytes(request.public_bytes(serialization.Encoding.DER))
    revocation_list(folder, "root", root)
    revocation_list(folder, "issuing", issuing)


def pdf(pages, picture_bytes):
    """Pages of text, each with one picture that does not compress: what scanned office documents look like."""
    noise = random.Random(1)
    side = int((picture_bytes / 3) ** 0.5)
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    objects.append(b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    kids = []
    for page in range(pages):
        lines = [
            f"BT /F1 9 Tf 40 {800 - 16 * line} Td (Page {page} line {line} "
            + "".join(noise.choice("abcdefghij ") for _ in range(60))
            + ") Tj ET"
            for line in range(45)
        ]
        content = zlib.compress("\n".join(lines).encode() + b"\nq 200 0 0 200 300 20 cm /Im1 Do Q")
        picture = zlib.compress(noise.randbytes(side * side * 3), 1)
        first = len(objects) + 1
        objects.append(b"<< /Filter /FlateDecode /Length %d >>\nstream\n" % len(content) + content + b"\nendstream")
        head = (
            f"<< /Type /XObject /Subtype /Image /Width {side} /Height {side} /ColorSpace /DeviceRGB /BitsPerComponent 8 "
            f"/Filter /FlateDecode /Length {len(picture)} >>\nstream\n"
        )
        objects.append(head.encode() + picture + b"\nendstream")
        resources = f"<< /Font << /F1 3 0 R >> /XObject << /Im1 {first + 1} 0 R >> >>"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {first} 0 R /Resources {resources} >>".encode()
        )
        kids.append(f"{first + 2} 0 R")
    objects[1] = f"<< /Type /Pages /Count {pages} /Kids [{' '.join(kids)}] >>".encode()
    return assemble(objects)


def assemble(objects):
    parts, offsets, position = [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"], [], 15
    for number, body in enumerate(objects, 1):
        offsets.append(position)
        part = b"%d 0 obj\n" % number + body + b"\nendobj\n"
        parts.append(part)
        position += len(part)
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    count = len(objects) + 1
    parts.append(f"xref\n0 {count}\n0000000000 65535 f \n{table}".encode())
    identity = "<00112233445566778899aabbccddeeff>"
    parts.append(f"trailer\n<< /Size {count} /Root 1 0 R /ID [{identity} {identity}] >>\nstartxref\n{position}\n%%EOF\n".encode())
    return b"".join(parts)


def invoice(lines):
    """An e-invoice as sellers send it, about 300 bytes a line."""
    noise = random.Random(2)
    words = lambda count: " ".join("".join(noise.choice("abcdefghij") for _ in range(6)) for _ in range(count))
    items = "".join(
        f"<HHDVu><TChat>1</TChat><STT>{line}</STT><MHHDVu>{words(1)}</MHHDVu><THHDVu>{words(14)} &amp; {words(2)}</THHDVu><DVTinh>{words(1)}</DVTinh>"
        f"<SLuong>{line}</SLuong><DGia>{line * 1000}</DGia><ThTien>{line * line * 1000}</ThTien><TSuat>10%</TSuat></HHDVu>\n"
        for line in range(lines)
    )
    head = "<TTChung><PBan>2.0.1</PBan><SHDon>7</SHDon></TTChung>"
    return f"<HDon><DLHDon><{head[1:]}<NDHDon><DSHHDVu>{items}</DSHHDVu></NDHDon></DLHDon></HDon>".encode()


def signed_invoices(folder):
    """One by xmlsec with a plain enveloped signature, one by signxml as XAdES."""
    import xmlsec
    from lxml import etree
    from signxml.xades import XAdESSigner

    key, signer = (folder / "signer-rsa.key").read_bytes(), (folder / "signer-rsa.pem").read_bytes()
    root = etree.fromstring(invoice(150))
    node = xmlsec.template.create(root, xmlsec.constants.TransformExclC14N, xmlsec.constants.TransformRsaSha256)
    root.append(node)
    reference = xmlsec.template.add_reference(node, xmlsec.constants.TransformSha256, uri="")
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformExclC14N)
    xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(node))
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key, xmlsec.constants.KeyDataFormatPem)
    context.key.load_cert_from_memory(signer, xmlsec.constants.KeyDataFormatPem)
    context.sign(node)
    (folder / "50kb.dsig.xml").write_bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8"))
    signed = XAdESSigner().sign(etree.fromstring(invoice(150)), key=key, cert=signer.decode())
    (folder / "50kb.xades.xml").write_bytes(etree.tostring(signed, xml_declaration=True, encoding="UTF-8"))


SIZES = {"50kb": (1, 46 << 10), "1mb": (20, 50 << 10), "20mb": (100, 204 << 10)}
MANY = 25


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    hierarchy(folder)
    signed_invoices(folder)
    from peer import Peer

    peer = Peer(folder)
    for size, (pages, picture) in SIZES.items():
        plain = pdf(pages, picture)
        (folder / f"{size}.pdf").write_bytes(plain)
        (folder / f"{size}.b.pdf").write_bytes(peer.sign(plain).getvalue())
        (folder / f"{size}.lt.pdf").write_bytes(peer.sign_blt(plain).getvalue())
    peer.sign_asice("50kb.pdf", "50kb.asice")
    data = (folder / "50kb.pdf").read_bytes()
    for number in range(MANY):
        data = peer.sign(data, field=f"Signature{number + 1}").getvalue()
    (folder / "many.b.pdf").write_bytes(data)
    (folder / "complete").write_text("1\n")


if __name__ == "__main__":
    main()
