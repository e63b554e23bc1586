"""pyHanko's verdict on each signature of a file: `NAME intact valid trusted COVERAGE`, one a line.
Ends with an error where a document timestamp is not accepted.

Usage: judge.py ANCHORS.pem FILE.pdf
"""

import sys

from pyhanko.keys import load_certs_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext

anchors, name = sys.argv[1:]
roots = list(load_certs_from_pemder([anchors]))
with open(name, "rb") as file:
    reader = PdfFileReader(file)
    for timestamp in reader.embedded_timestamp_signatures:
        status = validate_pdf_timestamp(timestamp, ValidationContext(trust_roots=roots, allow_fetching=False))
        assert status.intact and status.valid and status.trusted, status.summary()
    for signature in reader.embedded_regular_signatures:
        context = ValidationContext(trust_roots=roots, allow_fetching=False)
        status = validate_pdf_signature(signature, context)
        words = [word for word in ("intact", "valid", "trusted") if getattr(status, word)]
        print(signature.field_name, *words, status.coverage.name, status.summary())
