"""pyHanko's verdict on each signature of a file: `NAME intact valid trusted COVERAGE`, one a line.

Usage: judge.py ANCHORS.pem FILE.pdf
"""

import sys

from pyhanko.keys import load_certs_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

anchors, name = sys.argv[1:]
roots = list(load_certs_from_pemder([anchors]))
with open(name, "rb") as file:
    for signature in PdfFileReader(file).embedded_regular_signatures:
        context = ValidationContext(trust_roots=roots, allow_fetching=False)
        status = validate_pdf_signature(signature, context)
        words = [word for word in ("intact", "valid", "trusted") if getattr(status, word)]
        print(signature.field_name, *words, status.coverage.name, status.summary())
