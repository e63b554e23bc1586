"""pyHanko's verdict on each signature. Arguments: trusted PEM, then PDFs.

Prints the file's line (`= path`), then one line a signature: field, intact, valid, trusted, coverage, modification level, ok;
in a file with a document timestamp also what long-term validation of each signature says.
"""
import asyncio
import sys

from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko_certvalidator import ValidationContext

root = load_cert_from_pemder(sys.argv[1])


def line(name, status, last):
    words = [
        name,
        "intact" if status.intact else "broken",
        "valid" if status.valid else "invalid",
        "trusted" if status.trusted else "untrusted",
        status.coverage.name,
        status.modification_level.name if status.modification_level else "-",
        last,
    ]
    print(*words)


def long_term(signature):
    """EN 319 102-1's answer from the embedded data alone."""
    from pyhanko.sign.validation import ades
    from pyhanko.sign.validation.policy_decl import (
        PdfSignatureValidationSpec,
        RevinfoOnlineFetchingRule,
        RevocationInfoGatheringSpec,
        SignatureValidationSpec,
    )
    from pyhanko_certvalidator.context import CertValidationPolicySpec
    from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
    from pyhanko_certvalidator.registry import SimpleTrustManager

    policy = CertValidationPolicySpec(
        trust_manager=SimpleTrustManager.build(trust_roots=[root]),
        revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO),
    )
    gathering = RevocationInfoGatheringSpec(online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY)
    spec = PdfSignatureValidationSpec(SignatureValidationSpec(policy, gathering))
    result = asyncio.run(ades.ades_lta_validation(signature, spec))
    return f"{result.ades_subindic.status.name} {result.failure_msg or ''}".strip()


def judge(path):
    with open(path, "rb") as document:
        reader = PdfFileReader(document)
        if reader.encrypted:
            reader.decrypt("")
        for signature in reader.embedded_regular_signatures:
            status = validate_pdf_signature(signature, ValidationContext(trust_roots=[root], allow_fetching=False))
            line(signature.field_name, status, "ok" if status.bottom_line else "not-ok")
            if reader.embedded_timestamp_signatures:
                print("long-term", signature.field_name, long_term(signature))
        for signature in reader.embedded_timestamp_signatures:
            status = validate_pdf_timestamp(signature, ValidationContext(trust_roots=[root], allow_fetching=False))
            line(signature.field_name, status, "timestamp")


for path in sys.argv[2:]:
    print("=", path)
    try:
        judge(path)
    except Exception as error:
        print("!", str(error).replace("\n", " "))
