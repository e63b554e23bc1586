"""Foreign libraries read what signDoc gave: signxml with its XAdES rules, joserfc's algorithms. Ends with an error at the first that does not.

Usage: judge.py ANCHORS.pem ENVELOPED.xml JADES.json
"""

import base64
import json
import sys

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate
from joserfc import jws
from joserfc.jwk import ECKey
from signxml import SignatureConfiguration
from signxml.xades import XAdESVerifier

anchors, enveloped, jades = sys.argv[1:]


def octets(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


found = XAdESVerifier().verify(
    open(enveloped, "rb").read(),
    ca_pem_file=anchors,
    expect_references=2,
    expect_config=SignatureConfiguration(expect_references=2),
)
assert len(found) == 2, found

text = open(jades).read()
if text.startswith("{"):
    whole = json.loads(text)
    protected, value = whole["protected"], whole["signature"]
    assert "payload" not in whole
else:
    protected, payload, value = text.split(".")
    assert payload == ""
header = json.loads(octets(protected))
assert header["sigD"]["pars"] == ["document"] and header["b64"] is False, header
key = load_der_x509_certificate(base64.b64decode(header["x5c"][0])).public_key()
key = ECKey.import_key(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
algorithm = jws.JWSRegistry.algorithms[header["alg"]]
assert algorithm.verify((protected + ".").encode(), octets(value), key)
