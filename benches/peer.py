"""The peer of the rows about PDF, XML and issuing: pyHanko, python-xmlsec, signxml and pyca in a process of their own, doing batches on request so that ours and theirs alternate.

Usage: peer.py FOLDER. Reads lines `TASK FILE COUNT`, answers `CPU_SECONDS WALL_SECONDS` or `error REASON`.
Keys, certificates and files are those that fixtures.py put into FOLDER.
"""

import datetime
import io
import logging
import pathlib
import sys
import time

from asn1crypto import crl
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from pyhanko.keys import load_cert_from_pemder, load_private_key_from_pemder
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign import fields, signers, timestamps
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

logging.disable(logging.CRITICAL)


class Peer:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.root = load_cert_from_pemder(self.path("root.pem"))
        self.issuing = load_cert_from_pemder(self.path("issuing.pem"))
        chain = SimpleCertificateStore.from_certs([self.issuing, self.root])
        self.signer = signers.SimpleSigner.load(
            self.path("signer.key"), self.path("signer.pem"), ca_chain_files=(self.path("issuing.pem"),), prefer_pss=False
        )
        self.timestamper = timestamps.DummyTimeStamper(
            load_cert_from_pemder(self.path("timestamp.pem")),
            load_private_key_from_pemder(self.path("timestamp.key"), None),
            certs_to_embed=chain,
        )
        self.crls = [crl.CertificateList.load((self.folder / name).read_bytes()) for name in ("root.crl", "issuing.crl")]
        self.trusted = None
        self.xml_signer = (self.folder / "signer-rsa.pem").read_text()
        self.hsm_signer = None
        self.authority = None
        self.library = None
        self.current = None

    def path(self, name):
        return str(self.folder / name)

    def sign(self, data, signer=None, timestamper=None, field="Signature1", **options):
        metadata = signers.PdfSignatureMetadata(
            field_name=field, md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES, **options
        )
        writer = IncrementalPdfFileWriter(io.BytesIO(data))
        return signers.sign_pdf(writer, metadata, signer=signer or self.signer, timestamper=timestamper)

    def sign_bt(self, data):
        return self.sign(data, timestamper=self.timestamper)

    def sign_blt(self, data):
        context = ValidationContext(
            trust_roots=[self.root], other_certs=[self.issuing], crls=self.crls, allow_fetching=False, revocation_mode="hard-fail"
        )
        return self.sign(data, timestamper=self.timestamper, embed_validation_info=True, validation_context=context)

    def sign_hsm(self, data):
        """With a key in SoftHSM: token `bench`, key and PIN from the environment."""
        if self.hsm_signer is None:
            import os

            from pyhanko.config.pkcs11 import TokenCriteria
            from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session

            session = open_pkcs11_session(
                os.environ["CHUKY_BENCH_MODULE"],
                token_criteria=TokenCriteria(label=os.environ["CHUKY_BENCH_TOKEN"]),
                user_pin=os.environ["CHUKY_BENCH_PIN"],
            )
            self.hsm_signer = PKCS11Signer(
                session,
                cert_label=None,
                signing_cert=load_cert_from_pemder(self.path("signer.pem")),
                key_label=os.environ["CHUKY_BENCH_KEY"],
                other_certs_to_pull=(),
                ca_chain=[self.issuing],
                use_raw_mechanism=True,
            )
        return self.sign(data, signer=self.hsm_signer)

    def verify(self, data):
        reader = PdfFileReader(io.BytesIO(data))
        for signature in reader.embedded_signatures:
            context = ValidationContext(
                trust_roots=[self.root], other_certs=[self.issuing], allow_fetching=False, revocation_mode="soft-fail"
            )
            status = validate_pdf_signature(signature, context)
            assert status.intact and status.valid and status.trusted, status.pretty_print_details()

    def verify_lt(self, data):
        reader = PdfFileReader(io.BytesIO(data))
        context = DocumentSecurityStore.read_dss(reader).as_validation_context(
            {"trust_roots": [self.root], "allow_fetching": False, "revocation_mode": "hard-fail"}
        )
        status = validate_pdf_signature(reader.embedded_signatures[0], context)
        assert status.intact and status.valid and status.trusted and status.timestamp_validity.trusted

    # libxmlsec and libdigidocpp do not bear each other in one process, so each is loaded when it is first asked for.
    def verify_xmlsec(self, data):
        import xmlsec
        from lxml import etree

        if self.trusted is None:
            self.trusted = xmlsec.KeysManager()
            for name in ("root.pem", "issuing.pem"):
                self.trusted.load_cert(self.path(name), xmlsec.constants.KeyDataFormatPem, xmlsec.constants.KeyDataTypeTrusted)
        root = etree.fromstring(data)
        context = xmlsec.SignatureContext(self.trusted)
        context.verify(xmlsec.tree.find_node(root, xmlsec.constants.NodeSignature))

    def verify_signxml(self, data):
        from signxml.xades import XAdESVerifier

        XAdESVerifier().verify(data, x509_cert=self.xml_signer)
    def digidoc(self):
        """libdigidocpp without trusted lists from the network: its settings are read from the home folder."""
        if self.library is None:
            import ctypes
            import os

            # Whatever its settings say, it looks for the European list; in a network of its own it finds nothing at once.
            network, user = 0x40000000, 0x10000000
            ctypes.CDLL(None).unshare(network) == 0 or ctypes.CDLL(None).unshare(user | network)

            settings = self.folder / ".digidocpp"
            settings.mkdir(exist_ok=True)
            values = {"tsl.autoupdate": "false", "tsl.onlineDigest": "false", "log.level": "0"}
            lines = "".join(f'<param name="{name}">{value}</param>' for name, value in values.items())
            (settings / "digidocpp.conf").write_text(f"<configuration>{lines}</configuration>")
            os.environ["HOME"] = str(self.folder)
            import pydigidoc

            pydigidoc.initialize("bench")
            self.library = pydigidoc
        return self.library

    def sign_asice(self, document, container):
        """An ASiC-E with XAdES-BES by libdigidocpp over one file."""
        library = self.digidoc()
        key = serialization.load_pem_private_key((self.folder / "signer.key").read_bytes(), None)
        pem = [x509.load_pem_x509_certificate((self.folder / f"{name}.pem").read_bytes()) for name in ("signer", "issuing")]
        store = pkcs12.serialize_key_and_certificates(
            b"signer", key, pem[0], pem[1:], serialization.BestAvailableEncryption(b"bench")
        )
        (self.folder / "signer.p12").write_bytes(store)
        made = library.Container.create(self.path(container))
        made.add_data_file(self.path(document), "application/pdf")
        signer = library.PKCS12Signer(self.path("signer.p12"), "bench")
        signer.set_profile("BES")
        made.sign(signer)
        made.save()

    def verify_asice(self, data):
        """Everything but trust, for which libdigidocpp wants the European list and a timestamp."""
        # The signatures live in the container, which must be held meanwhile.
        container = self.digidoc().Container.open(str(self.current))
        for signature in container.signatures():
            try:
                signature.validate()
            except RuntimeError as error:
                unknown = [line for line in str(error).splitlines() if not line.startswith(self.EXPECTED)]
                assert not unknown, unknown

    EXPECTED = (
        "Signature validation",
        "Unable to verify signing certificate",
        "unable to get local issuer certificate",
        "QualifyingProperties block 'UnsignedProperties' is missing",
    )

    def issue(self, data):
        """A certificate with what a citizen's has, from a request whose signature is checked."""
        if self.authority is None:
            key = serialization.load_pem_private_key((self.folder / "issuing.key").read_bytes(), None)
            self.authority = (key, x509.load_pem_x509_certificate((self.folder / "issuing.pem").read_bytes()))
        key, issuer = self.authority
        request = x509.load_der_x509_csr(data)
        assert request.is_signature_valid
        now = datetime.datetime.now(datetime.timezone.utc)
        address = x509.UniformResourceIdentifier
        access = x509.oid.AuthorityInformationAccessOID
        builder = (
            x509.CertificateBuilder()
            .subject_name(request.subject)
            .issuer_name(issuer.subject)
            .public_key(request.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + datetime.timedelta(days=365))
            .add_extension(x509.BasicConstraints(False, None), True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(request.public_key()), False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), False)
            .add_extension(x509.KeyUsage(True, True, False, False, False, False, False, False, False), True)
            .add_extension(
                x509.AuthorityInformationAccess(
                    [
                        x509.AccessDescription(access.OCSP, address("http://chuky.example/ocsp")),
                        x509.AccessDescription(access.CA_ISSUERS, address("http://chuky.example/ca/citizens.cer")),
                    ]
                ),
                False,
            )
            .add_extension(
                x509.CRLDistributionPoints(
                    [x509.DistributionPoint([address("http://chuky.example/crl/citizens.crl")], None, None, None)]
                ),
                False,
            )
        )
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    def tasks(self):
        return {
            "sign": self.sign,
            "sign-bt": self.sign_bt,
            "sign-blt": self.sign_blt,
            "sign-hsm": self.sign_hsm,
            "verify": self.verify,
            "verify-lt": self.verify_lt,
            "verify-xmlsec": self.verify_xmlsec,
            "verify-signxml": self.verify_signxml,
            "verify-asice": self.verify_asice,
            "issue": self.issue,
        }


def main():
    peer = Peer(sys.argv[1])
    tasks = peer.tasks()
    print("ready", flush=True)
    for line in sys.stdin:
        name, file, count = line.split()
        peer.current = peer.folder / file
        data = peer.current.read_bytes()
        task = tasks[name]
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            for _ in range(int(count)):
                task(data)
        except Exception as error:  # noqa: BLE001 the reason goes to the one who asked
            print("error", type(error).__name__, str(error).replace("\n", " "), flush=True)
            continue
        print(time.process_time() - cpu, time.perf_counter() - wall, flush=True)


if __name__ == "__main__":
    main()
