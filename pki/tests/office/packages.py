"""Signed office packages by an independent maker: lxml canonicalises, cryptography signs, and the layout follows ECMA-376-2,
[MS-OFFCRYPTO] and ODF 1.2 part 3. Writes the files into the folder that is given."""

import base64, datetime, hashlib, sys, zipfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.x509.oid import NameOID
from lxml import etree

DS = "http://www.w3.org/2000/09/xmldsig#"
C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
RELT = "http://schemas.openxmlformats.org/package/2006/RelationshipTransform"
MDSSI = "http://schemas.openxmlformats.org/package/2006/digital-signature"
PKG = "http://schemas.openxmlformats.org/package/2006/relationships"
OFF = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
RELS = "application/vnd.openxmlformats-package.relationships+xml"
W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
SHA = {"sha1": "http://www.w3.org/2000/09/xmldsig#sha1", "sha256": "http://www.w3.org/2001/04/xmlenc#sha256"}


def b64(octets):
    return base64.b64encode(octets).decode()


def digest(octets, name="sha256"):
    return b64(hashlib.new(name, octets).digest())


def signer(common_name, kind):
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    start = datetime.datetime(2026, 1, 1)
    certificate = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=3650))
        .add_extension(x509.KeyUsage(True, True, *[False] * 7), True).sign(key, hashes.SHA256())
    )
    return key, certificate


def sign(who, octets, name):
    key, _ = who
    algorithm = hashes.SHA1() if name == "sha1" else hashes.SHA256()
    if isinstance(key, rsa.RSAPrivateKey):
        uri = DS + "rsa-sha1" if name == "sha1" else "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
        return uri, key.sign(octets, padding.PKCS1v15(), algorithm)
    r, s = utils.decode_dss_signature(key.sign(octets, ec.ECDSA(algorithm)))
    return "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256", r.to_bytes(32, "big") + s.to_bytes(32, "big")


def c14n(element):
    # A document of its own: libxml2 would take back the default namespace below an element of a larger one.
    return etree.tostring(etree.fromstring(etree.tostring(element, with_tail=False)), method="c14n")


def reference(uri, octets, name, kind=None, transforms=""):
    kind = f' Type="{kind}"' if kind else ""
    return (f'<Reference URI="{uri}"{kind}>{transforms}<DigestMethod Algorithm="{SHA[name]}"/>'
            f"<DigestValue>{digest(octets, name)}</DigestValue></Reference>")


def signature(who, objects, signed, name, ident):
    """`objects` as XML; `signed` are the identifiers of elements in them, each with a Type and whether C14N is named."""
    certificate = b64(who[1].public_bytes(serialization.Encoding.DER))
    whole = (f'<Signature xmlns="{DS}" Id="{ident}"><SignedInfo/><SignatureValue/><KeyInfo><X509Data>'
             f"<X509IssuerSerial><X509IssuerName>{who[1].issuer.rfc4514_string()}</X509IssuerName><X509SerialNumber>"
             f"{who[1].serial_number}</X509SerialNumber></X509IssuerSerial><X509Certificate>{certificate}</X509Certificate></X509Data></KeyInfo>{objects}</Signature>")
    return whole, signed, name


def finished(who, whole, references, name, around=""):
    """Digests of elements, then the value over SignedInfo. `references` are (id, type, with C14N) or ready-made references."""
    before, after = around.split("|") if around else ("", "")
    root = etree.fromstring(before + whole + after)
    node = root if root.tag == f"{{{DS}}}Signature" else root.findall(f".//{{{DS}}}Signature")[-1]
    uri, _ = sign(who, b"", name)
    written = ""
    for one in references:
        if isinstance(one, str):
            written += one
            continue
        ident, kind, named = one
        [element] = [e for e in node.iter() if e.get("Id") == ident]
        transforms = f'<Transforms><Transform Algorithm="{C14N}"/></Transforms>' if named else ""
        written += reference("#" + ident, c14n(element), name, kind, transforms)
    info = (f'<SignedInfo><CanonicalizationMethod Algorithm="{C14N}"/><SignatureMethod Algorithm="{uri}"/>{written}</SignedInfo>')
    text = whole.replace("<SignedInfo/>", info)
    root = etree.fromstring(before + text + after)
    node = root if root.tag == f"{{{DS}}}Signature" else root.findall(f".//{{{DS}}}Signature")[-1]
    _, value = sign(who, c14n(node.find(f"{{{DS}}}SignedInfo")), name)
    return text.replace("<SignatureValue/>", f"<SignatureValue>{b64(value)}</SignatureValue>")


def xades(who, ident, time="2026-05-06T07:08:09Z"):
    certificate = who[1]
    der = certificate.public_bytes(serialization.Encoding.DER)
    return (f'<Object><xd:QualifyingProperties xmlns:xd="{XADES}" Target="#{ident}"><xd:SignedProperties Id="p-{ident}">'
            f"<xd:SignedSignatureProperties><xd:SigningTime>{time}</xd:SigningTime><xd:SigningCertificate><xd:Cert>"
            f'<xd:CertDigest><DigestMethod Algorithm="{SHA["sha256"]}"/><DigestValue>{digest(der)}</DigestValue></xd:CertDigest>'
            f"<xd:IssuerSerial><X509IssuerName>{certificate.issuer.rfc4514_string()}</X509IssuerName><X509SerialNumber>"
            f"{certificate.serial_number}</X509SerialNumber></xd:IssuerSerial></xd:Cert></xd:SigningCertificate>"
            "<xd:SignaturePolicyIdentifier><xd:SignaturePolicyImplied/></xd:SignaturePolicyIdentifier>"
            "</xd:SignedSignatureProperties></xd:SignedProperties></xd:QualifyingProperties></Object>")


def rels(*entries):
    body = "".join(f'<Relationship Id="{i}" Type="{t}" Target="{x}"{m}/>' for i, t, x, m in entries)
    return f'<?xml version="1.0"?><Relationships xmlns="{PKG}">{body}</Relationships>'.encode()


def entry(ident, kind, target, external=False):
    kind = kind if kind.startswith("http") else f"{OFF}/{kind}"
    return ident, kind, target, ' TargetMode="External"' if external else ""


def related(octets, taken):
    """The relationship transform, over lxml."""
    kept = [e for e in etree.fromstring(octets) if taken(e)]
    kept.sort(key=lambda e: e.get("Id"))
    root = etree.Element(f"{{{PKG}}}Relationships", nsmap={None: PKG})
    for e in kept:
        new = etree.SubElement(root, f"{{{PKG}}}Relationship", dict(e.attrib))
        if new.get("TargetMode") is None:
            new.set("TargetMode", "Internal")
    return c14n(root)


SIGNED = {"officeDocument", "styles", "image", "header", "hyperlink", "customXml", "vbaProject", "worksheet", "sharedStrings",
          "attachedTemplate", "settings", "externalLink"}


def open_xml(parts, types, signers, name="sha256", with_xades=True, only=None, by_type=False, unsigned=()):
    """A package whose signatures cover what office programs cover."""
    parts = dict(parts)
    overrides = dict(types)
    extensions = {"rels": RELS, "xml": "application/xml", "png": "image/png", "bin": "application/vnd.ms-office.vbaProject",
                  "sigs": "application/vnd.openxmlformats-package.digital-signature-origin"}
    kind_of = lambda part: overrides.get(part) or extensions[part.rsplit(".", 1)[1]]
    manifest = ""
    for part, octets in parts.items():
        if part.endswith(".rels"):
            taken = lambda e: e.get("Type").rsplit("/", 1)[1] in SIGNED and (only is None)
            chosen = [e for e in etree.fromstring(octets) if taken(e)]
            if not chosen:
                continue
            if by_type:
                names = "".join(f'<m:RelationshipsGroupReference xmlns:m="{MDSSI}" SourceType="{t}"/>'
                                for t in sorted({e.get("Type") for e in chosen}))
            else:
                names = "".join(f'<m:RelationshipReference xmlns:m="{MDSSI}" SourceId="{e.get("Id")}"/>' for e in chosen)
            transforms = (f'<Transforms><Transform Algorithm="{RELT}">{names}</Transform>'
                          f'<Transform Algorithm="{C14N}"/></Transforms>')
            manifest += reference(f"/{part}?ContentType={RELS}", related(octets, taken), name, None, transforms)
        elif (only is None or part in only) and part not in unsigned and not part.startswith("docProps/"):
            manifest += reference(f"/{part}?ContentType={kind_of(part)}", octets, name)
    for number, who in enumerate(signers, 1):
        ident = "idPackageSignature"
        time = (f'<SignatureProperties><SignatureProperty Id="idSignatureTime" Target="#{ident}"><m:SignatureTime xmlns:m="{MDSSI}">'
                "<m:Format>YYYY-MM-DDThh:mm:ssTZD</m:Format><m:Value>2026-05-06T07:08:09Z</m:Value></m:SignatureTime>"
                "</SignatureProperty></SignatureProperties>")
        objects = (f'<Object Id="idPackageObject"><Manifest>{manifest}</Manifest>{time}</Object>'
                   f'<Object Id="idOfficeObject"><SignatureProperties><SignatureProperty Id="idOfficeV1Details" Target="#{ident}">'
                   '<SignatureInfoV1 xmlns="http://schemas.microsoft.com/office/2006/digsig"><SetupID/><SignatureType>1</SignatureType>'
                   "</SignatureInfoV1></SignatureProperty></SignatureProperties></Object>")
        signed = [("idPackageObject", DS + "Object", False), ("idOfficeObject", DS + "Object", False)]
        if with_xades:
            objects += xades(who, ident)
            signed.append((f"p-{ident}", "http://uri.etsi.org/01903#SignedProperties", True))
        whole, signed, name = signature(who, objects, signed, name, ident)
        parts[f"_xmlsignatures/sig{number}.xml"] = finished(who, whole, signed, name).encode()
        overrides[f"_xmlsignatures/sig{number}.xml"] = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml"
    parts["_xmlsignatures/origin.sigs"] = b""
    parts["_xmlsignatures/_rels/origin.sigs.rels"] = rels(*[
        entry(f"rId{n}", f"{PKG}/digital-signature/signature", f"sig{n}.xml") for n in range(1, len(signers) + 1)])
    root = parts["_rels/.rels"].decode()
    origin = f'<Relationship Id="rIdSig" Type="{PKG}/digital-signature/origin" Target="_xmlsignatures/origin.sigs"/>'
    parts["_rels/.rels"] = root.replace("</Relationships>", origin + "</Relationships>").encode()
    listed = "".join(f'<Default Extension="{e}" ContentType="{t}"/>' for e, t in extensions.items())
    listed += "".join(f'<Override PartName="/{p}" ContentType="{t}"/>' for p, t in overrides.items())
    types = f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{listed}</Types>'.encode()
    return {"[Content_Types].xml": types, **parts}


def word(body="", extra=(), main_type="document.main+xml", root=()):
    document = f'<w:document xmlns:w="{W}"><w:body><w:p><w:r><w:t>Trả 1.000 đồng</w:t></w:r></w:p>{body}</w:body></w:document>'
    parts = {
        "_rels/.rels": rels(entry("rId1", "officeDocument", "word/document.xml"),
                            entry("rId2", "http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties",
                                  "docProps/core.xml"), entry("rId3", "extended-properties", "docProps/app.xml"), *root),
        "word/document.xml": document.encode(),
        "word/_rels/document.xml.rels": rels(entry("rId1", "styles", "styles.xml"), entry("rId2", "image", "media/image1.png"),
                                             entry("rId3", "hyperlink", "https://example.vn/", True), *extra),
        "word/styles.xml": f'<w:styles xmlns:w="{W}"/>'.encode(),
        "word/media/image1.png": b"\x89PNG\r\n\x1a\n picture",
        "docProps/core.xml": b'<c:coreProperties xmlns:c="urn:c"/>',
        "docProps/app.xml": b"<Properties/>",
    }
    base = "application/vnd.openxmlformats-officedocument.wordprocessingml."
    types = {"word/document.xml": base + main_type, "word/styles.xml": base + "styles+xml",
             "docProps/core.xml": "application/vnd.openxmlformats-package.core-properties+xml",
             "docProps/app.xml": "application/vnd.openxmlformats-officedocument.extended-properties+xml"}
    if main_type.startswith("application/"):
        types["word/document.xml"] = main_type
    return parts, types


def with_data(body=""):
    parts, types = word(body, [entry("rId9", "customXml", "../customXml/item1.xml")])
    parts["customXml/item1.xml"] = b"<data><sum>1.000</sum></data>"
    parts["customXml/_rels/item1.xml.rels"] = rels(entry("rId1", "customXmlProps", "itemProps1.xml"))
    parts["customXml/itemProps1.xml"] = b"<p/>"
    return parts, types


UNSIGNED = ("customXml/item1.xml", "customXml/itemProps1.xml")


def sheet():
    base = "application/vnd.openxmlformats-officedocument.spreadsheetml."
    parts = {
        "_rels/.rels": rels(entry("rId1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": b'<workbook><sheets><sheet name="Thu" r="rId1"/><sheet name="Chi" r="rId2"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": rels(entry("rId1", "worksheet", "worksheets/sheet1.xml"),
                                           entry("rId2", "worksheet", "worksheets/sheet2.xml")),
        "xl/worksheets/sheet1.xml": b"<worksheet><v>1000</v></worksheet>",
        "xl/worksheets/sheet2.xml": b"<worksheet><v>2000</v></worksheet>",
    }
    types = {"xl/workbook.xml": base + "sheet.main+xml", "xl/worksheets/sheet1.xml": base + "worksheet+xml",
             "xl/worksheets/sheet2.xml": base + "worksheet+xml"}
    return parts, types


ODF = "urn:oasis:names:tc:opendocument:xmlns:"


def open_document(signers, left=(), extra=None, macros=False, content=""):
    parts = {
        "mimetype": b"application/vnd.oasis.opendocument.text",
        "content.xml": f'<o:document-content xmlns:o="{ODF}office:1.0" xmlns:x="http://www.w3.org/1999/xlink">Quyết định 12{content}</o:document-content>'.encode(),
        "styles.xml": f'<o:document-styles xmlns:o="{ODF}office:1.0"/>'.encode(),
        "Pictures/mộc đỏ.png": b"\x89PNG picture",
        **(extra or {}),
    }
    listed = "".join(f'<m:file-entry m:full-path="{p}" m:media-type="text/xml"/>' for p in parts if p != "mimetype")
    parts["META-INF/manifest.xml"] = (
        f'<m:manifest xmlns:m="{ODF}manifest:1.0"><m:file-entry m:full-path="/" m:media-type="application/vnd.oasis.opendocument.text"/>'
        f"{listed}</m:manifest>").encode()
    before = dict(parts)

    def document(signed):
        around = f'<document-signatures xmlns="{ODF}digitalsignature:1.0">|</document-signatures>'
        done = ""
        for number, who in enumerate(signers):
            references = []
            for part, octets in signed.items():
                is_xml = part.endswith(".xml")
                octets = c14n(etree.fromstring(octets)) if is_xml else octets
                transforms = f'<Transforms><Transform Algorithm="{C14N}"/></Transforms>' if is_xml else ""
                uri = "".join(c if c.isascii() and c != " " else "".join(f"%{b:02X}" for b in c.encode()) for c in part)
                references.append(reference(uri, octets, "sha256", None, transforms))
            ident = f"ID_{number}"
            references.append((f"p-{ident}", "http://uri.etsi.org/01903#SignedProperties", False))
            whole, _, _ = signature(who, xades(who, ident), None, "sha256", ident)
            done += finished(who, whole, references, "sha256", around)
        start, end = around.split("|")
        return (start + done + end).encode()

    if macros:
        parts["META-INF/macrosignatures.xml"] = document({p: o for p, o in before.items() if p.startswith("Basic/")})
        if macros == "only":
            return parts
        before = {**before, "META-INF/macrosignatures.xml": parts["META-INF/macrosignatures.xml"]}
    parts["META-INF/documentsignatures.xml"] = document({p: o for p, o in before.items() if p not in left})
    return parts


def main(folder):
    an, binh = signer("Nguyễn Văn An", "rsa"), signer("Trần Thị Bình", "ec")

    def write(file, parts):
        with zipfile.ZipFile(Path(folder) / file, "w", zipfile.ZIP_DEFLATED) as archive:
            for part, octets in parts.items():
                archive.writestr(part, octets, zipfile.ZIP_STORED if part == "mimetype" else None)

    macro = entry("rId8", "http://schemas.microsoft.com/office/2006/relationships/vbaProject", "vbaProject.bin")
    with_macro = word("", [macro], "application/vnd.ms-word.document.macroEnabled.main+xml")
    with_macro[0]["word/vbaProject.bin"] = b"\xd0\xcf\x11\xe0 macro"
    # Genuine.
    write("word.docx", open_xml(*word(), [an]))
    write("twice.xlsx", open_xml(*sheet(), [an, binh]))
    write("old.docx", open_xml(*word(), [an], "sha1", with_xades=False))
    write("by-type.xlsx", open_xml(*sheet(), [binh], by_type=True))
    write("macro.docm", open_xml(*with_macro, [an]))
    write("data.docx", open_xml(*with_data(), [an], unsigned=UNSIGNED))
    write("twice.odt", open_document([an, binh]))
    write("macro.odt", open_document([an], extra={"Basic/Standard/Module1.xml": b"<module/>"}, macros=True))
    # Genuine, and only a part can be covered.
    write("linked.docx", open_xml(*word("", [entry("rId9", "image", "https://example.vn/seal.png", True)]), [an]))
    write("linked.odt", open_document([an], content='<d:image xmlns:d="urn:d" x:href="https://example.vn/seal.png"/>'))
    # Not what their reader would think.
    write("bound.docx", open_xml(*with_data("<w:sdt><w:sdtPr><w:dataBinding/></w:sdtPr></w:sdt>"), [an], unsigned=UNSIGNED))
    title = '<w:sdt><w:sdtPr><w:dataBinding w:prefixMappings="xmlns:c=\'http://schemas.openxmlformats.org/package/2006/metadata/core-properties\'"/></w:sdtPr></w:sdt>'
    write("title.docx", open_xml(*word(title), [an]))
    write("partly.docx", open_xml(*word(), [an], only=("word/document.xml",)))
    write("partly.odt", open_document([an], left=("styles.xml",)))
    write("old.odt", open_document([an], left=("mimetype", "META-INF/manifest.xml")))
    write("macros-only.odt", open_document([an], extra={"Basic/Standard/Module1.xml": b"<module/>"}, macros="only"))
    # As many parts as an archive may hold, each with relationships of its own.
    parts, types = word()
    for number in range(4900):
        parts[f"word/part{number}.xml"] = b"<x/>"
        parts[f"word/_rels/part{number}.xml.rels"] = rels(entry("rId1", "image", "media/image1.png"))
    write("many.docx", open_xml(parts, types, [binh]))
    write("many.odt", open_document([binh], extra={f"Object {n}/content.xml": b"<x/>" for n in range(9000)}))
    # Without a signature.
    parts, types = word()
    plain = open_xml(parts, types, [])
    plain = {p: o for p, o in plain.items() if not p.startswith("_xmlsignatures/")}
    write("plain.docx", {**plain, "_rels/.rels": parts["_rels/.rels"]})


main(sys.argv[1])
