"""Makes trusted lists (ETSI TS 119 612) of many kinds, signed by signxml: lists.py FOLDER ANCHORS.pem

The services are the two TEST roots of ANCHORS.pem: the first an authority, the second a timestamp authority. Prints nothing; writes
NAME.xml and the SHA-256 of the operators' certificates as good.txt, other.txt and expired.txt.
"""

import base64
import datetime
import pathlib
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from signxml import DigestAlgorithm, SignatureMethod, XMLSigner, methods
from signxml.xades import XAdESSigner

folder, anchors = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
root, time_root = x509.load_pem_x509_certificates(anchors.read_bytes())
STATUS = "http://uri.etsi.org/TrstSvc/TrustedList/Svcstatus/"
TYPE = "http://uri.etsi.org/TrstSvc/Svctype/"
DS = "{http://www.w3.org/2000/09/xmldsig#}"
TSL = "{http://uri.etsi.org/02231/v2#}"


def operator(name, until):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([
        x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "VN"),
        x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
    ])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(datetime.datetime(2015, 1, 1)).not_valid_after(until)
    certificate = builder.sign(key, hashes.SHA256())
    return key, certificate


def der(certificate):
    return base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()


def state(tag, kind, status, since, identity, extension=""):
    return f"""<{tag}><ServiceTypeIdentifier>{TYPE}{kind}</ServiceTypeIdentifier>
      <ServiceName><Name xml:lang="vi">Dịch vụ</Name><Name xml:lang="en">Service</Name></ServiceName>
      <ServiceDigitalIdentity>{identity}</ServiceDigitalIdentity>
      <ServiceStatus>{status if status.startswith("http") else STATUS + status}</ServiceStatus>
      <StatusStartingTime>{since}</StatusStartingTime>{extension}</{tag}>"""


def service(certificate, kind, states, extension=""):
    """States are pairs of status and beginning, the present one first."""
    own = f"<DigitalId><X509Certificate>{der(certificate)}</X509Certificate></DigitalId>"
    former = "<DigitalId><X509SubjectName>CN=TEST</X509SubjectName></DigitalId>"
    (status, since), *history = states
    text = state("ServiceInformation", kind, status, since, own, extension)
    if history:
        instances = "".join(state("ServiceHistoryInstance", kind, status, since, former) for status, since in history)
        text += f"<ServiceHistory>{instances}</ServiceHistory>"
    return f"<TSPService>{text}</TSPService>"


def tsl(states, sequence=10, issued="2026-06-10T00:00:00Z", update="2026-11-01T00:00:00Z", extension="", extra="", identity=""):
    update = f"<dateTime>{update}</dateTime>" if update else ""
    stamps = [("granted", "2016-07-01T00:00:00Z")]
    services = service(root, "CA/QC", states, extension) + service(time_root, "TSA/QTST", stamps)
    services += service(root, "Certstatus/OCSP/QC", stamps)
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<TrustServiceStatusList xmlns="http://uri.etsi.org/02231/v2#" TSLTag="http://uri.etsi.org/19612/TSLTag"{identity}>
  <SchemeInformation><TSLVersionIdentifier>5</TSLVersionIdentifier><TSLSequenceNumber>{sequence}</TSLSequenceNumber>
    <TSLType>http://uri.etsi.org/TrstSvc/TrustedList/TSLType/EUgeneric</TSLType>
    <SchemeOperatorName><Name xml:lang="en">TEST operator</Name></SchemeOperatorName>
    <SchemeTerritory>VN</SchemeTerritory>
    <PointersToOtherTSL><OtherTSLPointer><ServiceDigitalIdentities><ServiceDigitalIdentity><DigitalId>
      <X509Certificate>{der(good[1])}</X509Certificate></DigitalId></ServiceDigitalIdentity></ServiceDigitalIdentities>
      <TSLLocation>https://lists.example/all.xml</TSLLocation><AdditionalInformation><OtherInformation>
      <SchemeTerritory>EU</SchemeTerritory></OtherInformation></AdditionalInformation></OtherTSLPointer></PointersToOtherTSL>
    <ListIssueDateTime>{issued}</ListIssueDateTime><NextUpdate>{update}</NextUpdate></SchemeInformation>
  <TrustServiceProviderList><TrustServiceProvider><TSPInformation>
    <TSPName><Name xml:lang="en">TEST provider</Name></TSPName></TSPInformation>
    <TSPServices>{services}</TSPServices></TrustServiceProvider></TrustServiceProviderList>{extra}
</TrustServiceStatusList>"""
    return etree.fromstring(text.encode())


def sign(tree, by, reference=None, signer=XAdESSigner, digest=DigestAlgorithm.SHA256, method=SignatureMethod.ECDSA_SHA256):
    made = signer(method=methods.enveloped, signature_algorithm=method, digest_algorithm=digest)
    return made.sign(tree, key=by[0], cert=[by[1]], reference_uri=reference, always_add_key_value=False)


def write(name, tree):
    (folder / f"{name}.xml").write_bytes(etree.tostring(tree, xml_declaration=True, encoding="UTF-8"))


good = operator("TEST operator", datetime.datetime(2050, 1, 1))
other = operator("TEST operator", datetime.datetime(2050, 1, 1))
expired = operator("TEST operator of old", datetime.datetime(2026, 7, 1))
for name, (_, certificate) in (("good", good), ("other", other), ("expired", expired)):
    (folder / f"{name}.txt").write_text(certificate.fingerprint(hashes.SHA256()).hex())

granted = [("granted", "2016-07-01T00:00:00Z")]
write("good", sign(tsl(granted), good))
write("renewed", sign(tsl(granted, 12, "2026-06-12T00:00:00Z"), good))
write("older", sign(tsl(granted, 9), good))
write("twice", sign(tsl(granted, 12, "2026-06-13T00:00:00Z"), good))
# Withdrawn after, and before, the time that the timestamp of the signed file proves: 2026-06-15T08:00:00Z.
write("withdrawn-after", sign(tsl([("withdrawn", "2026-06-15T12:00:00Z"), *granted]), good))
write("withdrawn-before", sign(tsl([("withdrawn", "2026-06-15T07:00:00Z"), *granted]), good))
write("not-yet", sign(tsl([("granted", "2026-06-15T12:00:00Z")]), good))
old = STATUS.replace("TrustedList", "eSigDir-1999-93-EC-TrustedList")
write("directive", sign(tsl([(old + "accredited", "2010-01-01T00:00:00Z")]), good))
write("stale", sign(tsl(granted, update="2026-06-15T20:00:00Z"), good))
write("closed", sign(tsl(granted, issued="2025-01-01T00:00:00Z", update=""), good))
web = """<ServiceInformationExtensions><Extension Critical="true"><AdditionalServiceInformation>
  <URI xml:lang="en">http://uri.etsi.org/TrstSvc/TrustedList/SvcInfoExt/ForWebSiteAuthentication</URI>
  </AdditionalServiceInformation></Extension></ServiceInformationExtensions>"""
write("web-sites", sign(tsl(granted, extension=web), good))
unknown = '<ServiceInformationExtensions><Extension Critical="true"><x xmlns="urn:x"/></Extension></ServiceInformationExtensions>'
write("critical", sign(tsl(granted, extension=unknown), good))

# What must be refused.
write("unsigned", tsl(granted))
write("wrong-signer", sign(tsl(granted), other))
write("expired-signer", sign(tsl(granted), expired))
write("future", sign(tsl(granted, issued="2049-01-01T00:00:00Z", update="2049-02-01T00:00:00Z"), good))
write("backwards", sign(tsl(granted, update="2026-06-01T00:00:00Z"), good))
changed = sign(tsl([("withdrawn", "2020-01-01T00:00:00Z")]), good)
changed.find(f".//{TSL}ServiceStatus").text = STATUS + "granted"
write("changed", changed)
# Signed is an element within; the list around it is anybody's.
write("other-element", sign(tsl(granted, extra='<Extra Id="signed">x</Extra>'), good, "#signed"))
# Signature wrapping: the signed list lies within another one.
inner = sign(tsl(granted, identity=' Id="list"'), good, "#list")
signature = inner.find(f"{DS}Signature")
inner.remove(signature)
outer = tsl([("granted", "2000-01-01T00:00:00Z")], 99)
outer.append(inner)
outer.append(signature)
write("wrapped", outer)
same = tsl([("granted", "2000-01-01T00:00:00Z")], 99, identity=' Id="list"')
inner = sign(tsl(granted, identity=' Id="list"'), good, "#list")
signature = inner.find(f"{DS}Signature")
inner.remove(signature)
same.append(inner)
same.append(signature)
write("same-identifier", same)
both = sign(tsl(granted), good)
both.append(etree.fromstring(etree.tostring(both.find(f"{DS}Signature"))))
write("two-signatures", both)
deep = "<Extra>" + "<x>" * 200 + "</x>" * 200 + "</Extra>"
write("deep", sign(tsl(granted, extra=deep), good))
write("other-root", sign(etree.fromstring("<list>nothing</list>"), good))
write("no-history", sign(tsl([("granted", "2016-07-01T00:00:00Z"), ("withdrawn", "2020-01-01T00:00:00Z")]), good))
write("not-xades-other", sign(tsl(granted), other, signer=XMLSigner))
entity = etree.tostring(sign(tsl(granted), good)).decode()
(folder / "entity.xml").write_text('<!DOCTYPE x [<!ENTITY a "granted">]>' + entity)
(folder / "huge.xml").write_bytes(b"<TrustServiceStatusList>" + b" " * (33 << 20))
