"""Foreign libraries read what was signed: joserfc, signxml with its XAdES rules, libdigidocpp. Ends with an error at the first that does not."""

import base64
import ctypes
import json
import sys

scheme = sys.argv[1]
content = open("văn bản 1.xml", "rb").read()

EXPECTED = {
    "Signature validation",
    "Unable to verify signing certificate",
    "Signing certificate does not contain NonRepudiation key usage flag",
    "QualifyingProperties block 'UnsignedProperties' is missing.",
    "Certificate status: unknown",
    "error:17800064:time stamp routines::certificate verify error",
    "OCSPValues is missing",
}


def joserfc_reads():
    from cryptography.x509 import load_der_x509_certificate
    from joserfc import jws
    from joserfc.jwk import ECKey, RSAKey

    registry = jws.JWSRegistry(strict_check_header=False, algorithms=["ES256", "RS512", "PS256"])
    registry.max_header_length = registry.max_payload_length = registry.max_signature_length = 1_000_000
    compact = open("JadesAttached-B").read()
    flattened = json.load(open("JadesAttached-Lta"))
    protected = compact.split(".")[0]
    header = json.loads(base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4)))
    key = load_der_x509_certificate(base64.b64decode(header["x5c"][0])).public_key()
    key = (ECKey if scheme.startswith("Ecdsa") else RSAKey).import_key(pem(key))
    assert jws.deserialize_compact(compact, key, registry=registry).payload == content
    assert jws.deserialize_json(flattened, key, registry=registry).payload == content


def pem(key):
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def signxml_reads():
    from signxml import SignatureConfiguration
    from signxml.xades import XAdESVerifier

    for level in ("B", "Lta"):
        data = open("XadesEnveloped-" + level, "rb").read()
        found = XAdESVerifier().verify(
            data, ca_pem_file="root.pem", expect_references=2, expect_config=SignatureConfiguration(expect_references=2)
        )
        assert len(found) == 2, found


def digidoc_reads():
    # It looks for the European list, whatever its settings say: it gets a network of its own, in which there is nothing.
    ctypes.CDLL(None).unshare(0x40000000) == 0 or ctypes.CDLL(None).unshare(0x50000000)
    import pydigidoc

    pydigidoc.initialize("test")
    for name in ("ExtendedXades-B", "ExtendedXades-Lta"):
        opened = pydigidoc.Container.open(name)
        assert len(opened.data_files()) == 1 and len(opened.signatures()) == 1, name
        complaints = set()
        try:
            opened.signatures()[0].validate()
        except RuntimeError as error:
            complaints = set(str(error).splitlines())
        # It trusts the European lists alone; what it computed itself, digests and the signature's value, it must find right.
        assert complaints <= EXPECTED, complaints - EXPECTED


joserfc_reads()
if scheme != "RsaPssSha256":  # signxml knows no PSS in XML
    signxml_reads()
digidoc_reads()
