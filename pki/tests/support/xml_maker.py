"""Signed XML files by foreign tools: signxml, and xmlsec through its Python binding. Usage: xml_maker.py FOLDER
Writes NAME.xml, all genuine, `content.bin` for those that are detached, and canonical forms by libxml2 under c14n/.
"""

import base64
import datetime
import pathlib
import random
import re
import sys

import xmlsec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from lxml import etree
from signxml import CanonicalizationMethod, DigestAlgorithm, SignatureConstructionMethod, SignatureMethod, XMLSigner
from signxml.xades import XAdESSigner

DS = "http://www.w3.org/2000/09/xmldsig#"
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
INC = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
ENVELOPED = DS + "enveloped-signature"
CONTENT = b"detached content, any bytes: \x00\xff\n"
PLAIN = """<?xml version="1.0" encoding="UTF-8"?>
<?before data?><!-- before -->
<doc xmlns="urn:doc" xmlns:p="urn:p" xmlns:unused="urn:unused" xml:lang="vi" b="2" a="1" p:z="&lt;&quot;&#10;&#x9;">
  <p:item one='1' xml:space="preserve">H\u00f3a \u0111\u01a1n &amp; &#8363; <![CDATA[<kept> & ]]> end\r
</p:item><inner xmlns=""><leaf p:q="x"/></inner><!-- inside --><?inside?><empty></empty>
</doc>
<!-- after -->"""


def party(key, name):
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now)
    made = builder.not_valid_after(now + datetime.timedelta(days=900)).sign(key, hashes.SHA256())
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private, made.public_bytes(serialization.Encoding.PEM)


def by_signxml(folder, rsa_party, ec_party):
    # signxml knows neither inherited xml: attributes (Canonical XML §2.4) nor that URI="" leaves comments out (XMLDSig §4.4.3.3).
    text = re.sub(r'<!--.*?-->|<[?]xml .*?[?]>| xml:\w+="\w+"', "", PLAIN)
    root = etree.fromstring(text.encode())
    for method in CanonicalizationMethod:
        signer = XMLSigner(c14n_algorithm=method)
        write(folder, f"signxml-enveloped-{method.name.lower()}", signer.sign(root, key=rsa_party[0], cert=rsa_party[1].decode()))
    for algorithm, keys in [
        (SignatureMethod.RSA_SHA384, rsa_party),
        (SignatureMethod.RSA_SHA512, rsa_party),
        (SignatureMethod.SHA256_RSA_MGF1, rsa_party),
        (SignatureMethod.SHA512_RSA_MGF1, rsa_party),
        (SignatureMethod.ECDSA_SHA256, ec_party),
        (SignatureMethod.ECDSA_SHA512, ec_party),
        (SignatureMethod.ECDSA_SHA3_256, ec_party),
    ]:
        signer = XMLSigner(signature_algorithm=algorithm, digest_algorithm=DigestAlgorithm.SHA512)
        write(folder, f"signxml-{algorithm.name.lower()}", signer.sign(root, key=keys[0], cert=keys[1].decode()))
    enveloping = XMLSigner(method=SignatureConstructionMethod.enveloping)
    write(folder, "signxml-enveloping", enveloping.sign(root, key=rsa_party[0], cert=rsa_party[1].decode()))
    write(folder, "signxml-xades", XAdESSigner().sign(root, key=rsa_party[0], cert=rsa_party[1].decode()))
    xades = XAdESSigner(method=SignatureConstructionMethod.enveloping)
    write(folder, "signxml-xades-enveloping", xades.sign(root, key=rsa_party[0], cert=rsa_party[1].decode()))


def write(folder, name, root):
    (folder / f"{name}.xml").write_bytes(etree.tostring(root.getroottree(), xml_declaration=True, encoding="UTF-8"))


def template(references, method="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", c14n=EXC, objects="", attributes=""):
    text = "".join(
        f'<ds:Reference URI="{uri}"><ds:Transforms>{"".join(transforms)}</ds:Transforms>'
        f'<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue/></ds:Reference>'
        for uri, transforms in references
    ).replace("<ds:Transforms></ds:Transforms>", "")
    return (
        f'<ds:Signature xmlns:ds="{DS}"{attributes}><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="{c14n}"/>'
        f'<ds:SignatureMethod Algorithm="{method}"/>{text}</ds:SignedInfo><ds:SignatureValue/>'
        f"<ds:KeyInfo><ds:X509Data/></ds:KeyInfo>{objects}</ds:Signature>"
    )


def transform(algorithm, inside=""):
    return f'<ds:Transform Algorithm="{algorithm}">{inside}</ds:Transform>'


def by_xmlsec(folder, name, text, keys):
    root = etree.fromstring(text.encode())
    xmlsec.tree.add_ids(root, ["Id"])
    for node in root.iter(f"{{{DS}}}Signature"):
        context = xmlsec.SignatureContext()
        context.key = xmlsec.Key.from_memory(keys[0], xmlsec.constants.KeyDataFormatPem)
        context.key.load_cert_from_memory(keys[1], xmlsec.constants.KeyDataFormatPem)
        context.sign(node)
    write(folder, name, root)


def layouts(folder, rsa_party, ec_party):
    body = PLAIN[PLAIN.index("<doc") : PLAIN.index("</doc>")]
    listed = f'<ec:InclusiveNamespaces xmlns:ec="{EXC}" PrefixList="unused #default"/>'
    xpath = '<ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath>'
    whole = {
        "exclusive": [transform(ENVELOPED), transform(EXC)],
        "listed": [transform(ENVELOPED), transform(EXC, listed)],
        "comments": [transform(ENVELOPED), transform(EXC + "WithComments")],
        "inclusive": [transform(ENVELOPED)],
        "c14n11": [transform(ENVELOPED), transform("http://www.w3.org/2006/12/xml-c14n11")],
        "xpath": [transform("http://www.w3.org/TR/1999/REC-xpath-19991116", xpath), transform(INC)],
    }
    for name, transforms in whole.items():
        by_xmlsec(folder, f"xmlsec-{name}", body + template([("", transforms)]) + "</doc>", rsa_party)
    ecdsa = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
    by_xmlsec(folder, "xmlsec-ecdsa", body + template([("", whole["exclusive"])], ecdsa) + "</doc>", ec_party)
    pointer = template([("#xpointer(/)", [transform(ENVELOPED), transform(INC + "#WithComments")])])
    by_xmlsec(folder, "xmlsec-xpointer", body + pointer + "</doc>", rsa_party)
    encoded = base64.b64encode(CONTENT).decode()
    objects = f'<ds:Object Id="o">{encoded}</ds:Object>'
    by_xmlsec(folder, "xmlsec-base64", template([("#o", [transform(DS + "base64")])], objects=objects), rsa_party)
    objects = '<ds:Object Id="o"><doc xmlns="urn:doc">enveloped by its signature</doc></ds:Object>'
    by_xmlsec(folder, "xmlsec-enveloping", template([("#o", [])], c14n=INC, objects=objects), rsa_party)
    # Inherited attributes and namespaces of a part canonicalised by the inclusive method.
    part = body.replace("<inner", '<inner Id="part" ') .replace('xml:lang="vi"', 'xml:lang="vi" xml:space="default"')
    by_xmlsec(folder, "part-inclusive", part + template([("#part", [transform(INC)])]) + "</doc>", rsa_party)
    time = '<ds:Object Id="time"><ds:SignatureProperties><ds:SignatureProperty Target="#seller"><SigningTime xmlns="">2026-05-06T07:08:09Z</SigningTime></ds:SignatureProperty></ds:SignatureProperties></ds:Object>'
    invoice = (
        '<HDon><DLHDon Id="data"><TTChung><SHDon>7</SHDon></TTChung><NDHDon><TToan><TgTTTBSo>1000000</TgTTTBSo></TToan></NDHDon></DLHDon>'
        "<MCCQT>00AB</MCCQT><DSCKS><NBan>"
        + template([("#data", [transform(ENVELOPED)]), ("#time", [])], c14n=INC, objects=time, attributes=' Id="seller"')
        + "</NBan></DSCKS></HDon>"
    )
    by_xmlsec(folder, "invoice", invoice, rsa_party)
    second = invoice.replace('"data"', '"data2"').replace('"#data"', '"#data2"').replace("seller", "seller2").replace("time", "time2").replace('<SigningTime2', '<SigningTime')
    both = f"<TDiep><TTChung><MTDiep>1</MTDiep></TTChung><DLieu Id=\"all\">{invoice}{second}</DLieu><CKNNT>{template([('#all', [transform(EXC)])])}</CKNNT></TDiep>"
    by_xmlsec(folder, "invoices", both, rsa_party)
    edxml = (
        '<edXML:edXML xmlns:edXML="http://www.mic.gov.vn/TBT/QCVN_102_2016"><edXML:edXMLEnvelope><edXML:edXMLHeader>'
        "<edXML:MessageHeader><edXML:Subject>V/v</edXML:Subject></edXML:MessageHeader><edXML:Signature>"
        + template([("", whole["exclusive"])])
        + "</edXML:Signature></edXML:edXMLHeader><edXML:edXMLBody/></edXML:edXMLEnvelope><edXML:AttachmentEncoded/></edXML:edXML>"
    )
    by_xmlsec(folder, "edxml", edxml, rsa_party)
    parts = '<letter><head>unsigned</head><body Id="b"><text>signed</text></body>' + template([("#b", [transform(EXC)])]) + "</letter>"
    by_xmlsec(folder, "part", parts, rsa_party)


def detached(folder, keys):
    (folder / "content.bin").write_bytes(CONTENT)
    node = etree.fromstring(template([("content.bin", [])]).encode())
    import os

    os.chdir(folder)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(keys[0], xmlsec.constants.KeyDataFormatPem)
    context.key.load_cert_from_memory(keys[1], xmlsec.constants.KeyDataFormatPem)
    context.sign(node)
    write(folder, "detached", node)


def canonical_forms(folder):
    """Random documents, each with the forms that libxml2 gives it and one of its elements."""
    folder.mkdir(exist_ok=True)
    noise = random.Random(7)
    prefixes = ["", "a", "b", "c"]
    values = ["x", "&lt;&amp;&gt;", "&#13;&#10;&#9;", "a  b", "\u1eb7\u20ab", "'", "&quot;"]

    def element(depth, bound):
        bound = dict(bound)
        declared = {}
        for prefix in prefixes:
            if noise.random() < 0.3:
                declared[prefix] = bound[prefix] = f"urn:{noise.choice('123')}"
        if noise.random() < 0.1:
            declared[""] = bound[""] = ""
        usable = [prefix for prefix in prefixes if prefix in bound and (prefix == "" or bound[prefix])]
        prefix = noise.choice(usable)
        name = f"{prefix}:e" if prefix else "e"
        attributes = {}
        for at in range(noise.randrange(4)):
            where = noise.choice(usable)
            attributes[(bound[where] if where else "", f"n{at}")] = (f"{where}:n{at}" if where else f"n{at}", noise.choice(values))
        head = [f' xmlns{":" + key if key else ""}="{value}"' for key, value in declared.items()]
        head += [f' {key}="{value}"' for key, value in attributes.values()]
        noise.shuffle(head)
        inside = ""
        for _ in range(noise.randrange(5) if depth else 0):
            inside += noise.choice(
                [lambda: element(depth - 1, bound), lambda: noise.choice(values[:5]), lambda: "<!--c-->", lambda: "<?pi  d?>", lambda: "<![CDATA[&<\r\n]]>"]
            )()
        return f"<{name}{''.join(head)}>{inside}</{name}>"

    for number in range(150):
        text = "<?xml version='1.0'?>\n<?top x?>\n<!--c-->" + element(4, {"": ""}) + "\n<!--end--><?end?>\n"
        root = etree.fromstring(text.encode())
        (folder / f"{number}.xml").write_bytes(text.encode())
        tree = root.getroottree()
        for mode, options in {
            "inclusive": {"exclusive": False},
            "exclusive": {"exclusive": True},
            "listed": {"exclusive": True, "inclusive_ns_prefixes": ["a", "c"]},
        }.items():
            for comments in (False, True):
                form = etree.tostring(tree, method="c14n", with_comments=comments, **options)
                (folder / f"{number}.{mode}{'-comments' if comments else ''}").write_bytes(form)


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    rsa_party = party(rsa.generate_private_key(65537, 2048), "TEST XML RSA")
    ec_party = party(ec.generate_private_key(ec.SECP256R1()), "TEST XML EC")
    by_signxml(folder, rsa_party, ec_party)
    layouts(folder, rsa_party, ec_party)
    detached(folder, rsa_party)
    canonical_forms(folder / "c14n")


if __name__ == "__main__":
    main()
