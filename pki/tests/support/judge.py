"""Prints one line a signature: field, intact, valid, trusted, coverage, modification level. Arguments: trusted PEM, PDF."""
import sys

from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

context = ValidationContext(trust_roots=[load_cert_from_pemder(sys.argv[1])], allow_fetching=False)
with open(sys.argv[2], "rb") as document:
    reader = PdfFileReader(document)
    for signature in reader.embedded_signatures:
        status = validate_pdf_signature(signature, context)
        print(
            signature.field_name,
            "intact" if status.intact else "broken",
            "valid" if status.valid else "invalid",
            "trusted" if status.trusted else "untrusted",
            status.coverage.name,
            status.modification_level.name if status.modification_level else "-",
            "ok" if status.bottom_line else "not-ok",
        )
