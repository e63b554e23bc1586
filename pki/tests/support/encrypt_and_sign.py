"""Encrypts a file with AES-256 and signs it, by pyHanko. Arguments: key PEM, certificate PEM, user password, source, output."""
import sys
from io import BytesIO

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign import signers

key, certificate, password, source, target = sys.argv[1:]
with open(source, "rb") as document:
    writer = copy_into_new_writer(PdfFileReader(document))
    writer.encrypt(owner_pass="owner", user_pass=password)
    encrypted = BytesIO()
    writer.write(encrypted)
encrypted.seek(0)
writer = IncrementalPdfFileWriter(encrypted)
writer.encrypt(password)
signer = signers.SimpleSigner.load(key, certificate)
signed = signers.sign_pdf(writer, signers.PdfSignatureMetadata(field_name="Signature1", reason="Ký"), signer=signer)
with open(target, "wb") as out:
    out.write(signed.getbuffer())
