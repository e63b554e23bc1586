"""Signs PDF files with pyHanko's own CSC signer, as it is, in one batch.

Usage: sign.py URL VERSION CREDENTIAL IN.pdf… — signed files get the ending `.signed.pdf`.
From standard input: the access token, then the PIN, one a line.
"""

import asyncio
import base64
import sys

import aiohttp
from asn1crypto import algos
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import PdfSignatureMetadata, signers
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers.csc_signer import (
    CSCAuthorizationManager,
    CSCServiceSessionInfo,
    CSCSigner,
    fetch_certs_in_csc_credential,
)

url, version, credential, *files = sys.argv[1:]
token, pin = sys.stdin.read().splitlines()


class WithPin(CSCAuthorizationManager):
    """Asks the service itself for activation data, with the PIN."""

    def __init__(self, session, info, credential_info):
        super().__init__(info, credential_info)
        self.session = session

    async def authorize_signature(self, hash_b64s):
        body = self.format_csc_auth_request(pin=pin, hash_b64s=hash_b64s, description="test")
        address = self.csc_session_info.endpoint_url("credentials/authorize")
        async with self.session.post(address, headers=self.auth_headers, json=body, raise_for_status=True) as answer:
            return self.parse_csc_auth_response(await answer.json())


class WithParameters(CSCSigner):
    """For RSA: PSS with the parameters that the service tells, where pyHanko would choose a longer salt of its own."""

    @property
    def signature_mechanism(self):
        key = self.auth_manager.credential_info.response_data["key"]
        if "algoParams" not in key:
            return None
        parameters = algos.RSASSAPSSParams.load(base64.b64decode(key["algoParams"][0]))
        return algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters})


async def main():
    info = CSCServiceSessionInfo(url, credential, oauth_token=token, api_ver=version)
    async with aiohttp.ClientSession() as session:
        credential_info = await fetch_certs_in_csc_credential(session, info)
        assert credential_info.hash_pinning_required and credential_info.max_batch_size >= len(files)
        kind = WithParameters if "algoParams" in credential_info.response_data["key"] else CSCSigner
        signer = kind(session, WithPin(session, info, credential_info), batch_size=len(files))

        async def sign(name):
            with open(name, "rb") as source, open(name + ".signed.pdf", "w+b") as signed:
                metadata = PdfSignatureMetadata(
                    field_name="Signature",
                    md_algorithm="sha384" if "p384" in name else "sha256",
                    subfilter=SigSeedSubFilter.PADES,
                )
                writer = IncrementalPdfFileWriter(source)
                await signers.async_sign_pdf(writer, metadata, signer, output=signed)

        await asyncio.gather(*(sign(name) for name in files))


asyncio.run(main())
