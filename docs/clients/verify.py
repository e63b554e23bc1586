"""Signs a payment order as a JWS and has it verified. Needs joserfc and cryptography.
Usage: CHUKY=https://… KEY=… python verify.py PRIVATE-KEY CERTIFICATE ISSUING-CERTIFICATE ORDER.json
"""

import base64
import os
import sys
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

key_file, certificate_file, issuing_file, order_file = sys.argv[1:5]


def der(path):
    with open(path, "rb") as file:
        return base64.b64encode(x509.load_pem_x509_certificate(file.read()).public_bytes(Encoding.DER)).decode()


with open(key_file, "rb") as file:
    pem = file.read()
try:
    key, algorithm = ECKey.import_key(pem), "ES256"
except ValueError:
    key, algorithm = RSAKey.import_key(pem), "PS256"
with open(order_file, "rb") as file:
    order = file.read()

jws.JWSRegistry.max_header_length = 65536  # a chain of certificates is longer than the default
header = {"alg": algorithm, "x5c": [der(certificate_file), der(issuing_file)]}
message = jws.serialize_compact(header, order, key, algorithms=[algorithm])

request = urllib.request.Request(
    os.environ["CHUKY"] + "/api/v1/transactions/verify",
    data=message.encode(),
    headers={"Authorization": "Bearer " + os.environ["KEY"], "Content-Type": "application/jose"},
)
with urllib.request.urlopen(request, timeout=30) as answer:
    print(answer.read().decode())
