"""Attacks and honest updates on signed PDFs of every build: plain, compressed, linearized, hybrid, with odd line ends, encrypted (RC4 and AES of
128 bits, AES of 256 bits, an empty user password).

Signs each base as approval and as certification (levels 1 to 3) with pyHanko, and writes into FOLDER, for each signed file,
`honest-…` updates that the signer permits and `attack-…` files of the known classes: universal signature forgery (usf), incremental saving (isa),
signature wrapping (swa), shadow hide, replace, hide-and-replace (shadow), evil annotations and sneaky signatures. In encrypted files the updates are encrypted
with the file's own key, so that every reader shows them. Needs pyHanko (target/venv) and qpdf.

Usage: pdf_attacks.py FOLDER
"""

import datetime
import io
import pathlib
import re
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.content import RawContent
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.layout import BoxConstraints
from pyhanko.sign import signers
from pyhanko.sign.fields import MDPPerm, SigFieldSpec
from pyhanko.stamp import StaticStampStyle

PAY = b"BT /F1 18 Tf 72 700 Td (Tra 1.000.000 dong) Tj ET"
MORE = b"BT /F1 18 Tf 72 700 Td (Tra 9.000.000 dong) Tj ET"


def classic(objects, end=b"\n", tail=b""):
    """A file of these objects from 1, the first the catalogue, with this end of line."""
    out = b"%PDF-1.7" + end + b"%\xe2\xe3\xcf\xd3" + end
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj" % number + end + body + end + b"endobj" + end
    start = len(out)
    out += b"xref" + end + b"0 %d" % (len(objects) + 1) + end + b"0000000000 65535 f" + (end * 2 if len(end) == 1 else end)[:2].rjust(2)
    for offset in offsets:
        out += b"%010d 00000 n" % offset + (b" " + end if len(end) == 1 else end)
    out += b"trailer" + end + b"<</Size %d/Root 1 0 R%s>>" % (len(objects) + 1, tail) + end
    return out + b"startxref" + end + b"%d" % start + end + b"%%EOF" + end


def document(end=b"\n"):
    stream = lambda data, more=b"": b"<<%s/Length %d>>" % (more, len(data)) + b"stream\n" + data + b"\nendstream"
    look = stream(b"/Tx BMC EMC", b"/Type/XObject/Subtype/Form/BBox[0 0 200 16]/Resources<</Font<</F1 5 0 R>>>>")
    return classic(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]/DR<</Font<</F1 5 0 R>>>>/DA(/F1 12 Tf 0 g)>>>>",
            b"<</Type/Pages/Kids[3 0 R]/Count 1/MediaBox[0 0 595 842]>>",
            b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Annots[6 0 R]/Resources<</Font<</F1 5 0 R>>/XObject<</Stamp 8 0 R>>>>>>",
            stream(PAY + b" q 1 0 0 1 300 500 cm /Stamp Do Q"),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
            b"<</Type/Annot/Subtype/Widget/FT/Tx/T(ten)/DA(/F1 12 Tf 0 g)/F 4/Rect[72 600 272 616]/P 3 0 R/AP<</N 7 0 R>>>>",
            look,
            stream(b"1 0 0 RG 0 0 100 40 re S", b"/Type/XObject/Subtype/Form/BBox[0 0 100 40]"),
        ],
        end,
    )


def qpdf(source, *options):
    """The file rewritten by qpdf."""
    before, after = WORK / "before.pdf", WORK / "after.pdf"
    before.write_bytes(source)
    done = subprocess.run(["qpdf", *options, str(before), str(after)], capture_output=True)
    assert done.returncode in (0, 3), done.stderr
    return after.read_bytes()


def encrypted(*options):
    return qpdf(document(), "--allow-weak-crypto", "--encrypt", "", "owner", *options, "--")


def hybrid():
    """A table, and beside it a cross-reference stream with one object more (ISO 32000-2 7.5.8.4)."""
    file = document()
    cut = file.rindex(b"\nxref\n") + 1
    table, out = file[cut:], file[:cut]
    container = len(out)
    content = b"9 0 <</Hidden true>>"
    out += b"10 0 obj\n<</Type/ObjStm/N 1/First 4/Length %d>>\nstream\n" % len(content) + content + b"\nendstream\nendobj\n"
    stream = len(out)
    rows = bytes([2, 0, 0, 0, 10, 0, 0])
    for offset in (container, stream):
        rows += b"\x01" + offset.to_bytes(4, "big") + b"\0\0"
    out += b"11 0 obj\n<</Type/XRef/Size 12/W[1 4 2]/Index[9 3]/Root 1 0 R/Length %d>>\nstream\n" % len(rows) + rows + b"\nendstream\nendobj\n"
    start = len(out)
    table = table.replace(b"/Size 9", b"/Size 12/XRefStm %d" % stream).replace(b"startxref\n%d" % cut, b"startxref\n%d" % start)
    return out + table


def signer():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TEST attacks")])
    start = datetime.datetime(2020, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, start, start + datetime.timedelta(9000))
    certificate = builder.sign(key, hashes.SHA256())
    (WORK / "key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    (WORK / "crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return signers.SimpleSigner.load(str(WORK / "key"), str(WORK / "crt"))


def opened(file):
    writer = IncrementalPdfFileWriter(io.BytesIO(file), strict=False)
    if writer.prev.encrypted:
        writer.encrypt("")
    return writer


def written(writer):
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def signed(file, level, name="Signature1", **more):
    how = signers.PdfSignatureMetadata(field_name=name, certify=level is not None, docmdp_permissions=level or MDPPerm.FILL_FORMS, **more)
    return signers.sign_pdf(opened(file), how, signer=SIGNER).getvalue()


def updated(change):
    def made(file):
        writer = opened(file)
        change(writer)
        return written(writer)

    return made


def page(writer):
    return writer.root["/Pages"]["/Kids"][0]


def touch(writer, *things):
    for thing in things:
        writer.update_container(thing)


def content(writer):
    stream = page(writer).raw_get("/Contents").get_object()
    stream._data = stream.data.replace(b"1.000", b"9.000")
    stream._encoded_data = None
    touch(writer, stream)


def more_content(writer):
    new = writer.add_object(generic.StreamObject(stream_data=b"1 g 60 690 400 30 re f 0 g " + MORE))
    page(writer)["/Contents"] = generic.ArrayObject([page(writer).raw_get("/Contents"), new])
    touch(writer, page(writer))


def other_page(writer):
    stream = writer.add_object(generic.StreamObject(stream_data=MORE))
    new = generic.DictionaryObject(page(writer))
    new["/Contents"] = stream
    writer.root["/Pages"]["/Kids"] = generic.ArrayObject([writer.add_object(new)])
    touch(writer, writer.root["/Pages"])


def added_page(writer):
    pages = writer.root["/Pages"]
    pages["/Kids"].append(writer.add_object(generic.DictionaryObject(page(writer))))
    pages["/Count"] = generic.NumberObject(2)
    touch(writer, pages)


def rotated(writer):
    page(writer)["/Rotate"] = generic.NumberObject(180)
    touch(writer, page(writer))


def cropped(writer):
    page(writer)["/CropBox"] = generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 595, 600)])
    touch(writer, page(writer))


def stamp(writer):
    stream = page(writer)["/Resources"]["/XObject"]["/Stamp"]
    stream._data, stream._encoded_data = b"0 0 100 40 re f", None
    touch(writer, stream)


def font(writer):
    page(writer)["/Resources"]["/Font"]["/F1"][pdf_name("/BaseFont")] = pdf_name("/ZapfDingbats")
    touch(writer, page(writer)["/Resources"]["/Font"]["/F1"])


def look(data):
    return generic.StreamObject(
        {pdf_name("/Type"): pdf_name("/XObject"), pdf_name("/Subtype"): pdf_name("/Form"),
         pdf_name("/BBox"): generic.ArrayObject([generic.NumberObject(n) for n in (0, 0, 400, 30)]),
         pdf_name("/Resources"): generic.DictionaryObject({pdf_name("/Font"): generic.DictionaryObject({pdf_name("/F1"): generic.DictionaryObject({
             pdf_name("/Type"): pdf_name("/Font"), pdf_name("/Subtype"): pdf_name("/Type1"), pdf_name("/BaseFont"): pdf_name("/Helvetica")})})})},
        stream_data=data,
    )


def annotation(kind, covers=True):
    def change(writer):
        drawn = look(b"1 g 0 0 400 30 re f 0 g BT /F1 18 Tf 2 8 Td (Tra 9.000.000 dong) Tj ET") if covers else look(b"0 1 0 RG 2 2 20 20 re S")
        one = generic.DictionaryObject(
            {pdf_name("/Type"): pdf_name("/Annot"), pdf_name("/Subtype"): pdf_name(kind), pdf_name("/F"): generic.NumberObject(4),
             pdf_name("/Rect"): generic.ArrayObject([generic.NumberObject(n) for n in (70, 692, 470, 722)]),
             pdf_name("/AP"): generic.DictionaryObject({pdf_name("/N"): writer.add_object(drawn)})}
        )
        annotations = page(writer)["/Annots"]
        annotations.append(writer.add_object(one))
        touch(writer, annotations, page(writer))

    return change


def field(writer):
    return writer.root["/AcroForm"]["/Fields"][0]


def fill(value, shows=None):
    def change(writer):
        one = field(writer)
        one["/V"] = generic.pdf_string(value)
        text = (shows or value).encode()
        drawn = one["/AP"]["/N"]
        drawn._data, drawn._encoded_data = b"/Tx BMC q BT /F1 12 Tf 0 g 2 4 Td (" + text + b") Tj ET Q EMC", None
        touch(writer, one, drawn)

    return change


def moved(writer):
    field(writer)["/Rect"] = generic.ArrayObject([generic.NumberObject(n) for n in (72, 690, 272, 720)])
    touch(writer, field(writer))


def script(writer):
    writer.root["/OpenAction"] = generic.DictionaryObject({pdf_name("/S"): pdf_name("/JavaScript"), pdf_name("/JS"): generic.pdf_string("app.alert(1)")})
    touch(writer, writer.root)


def appearances(writer):
    writer.root["/AcroForm"]["/NeedAppearances"] = generic.BooleanObject(True)
    touch(writer, writer.root["/AcroForm"], writer.root)


def swapped(writer):
    """Two entries that point at each other's object: the page's content is the stamp's, of another kind."""
    page(writer)["/Contents"] = page(writer)["/Resources"]["/XObject"].raw_get("/Stamp")
    touch(writer, page(writer))


def sneaky(file):
    """A further signature whose field shows content over the content."""
    style = StaticStampStyle(
        border_width=0, background_opacity=1,
        background=RawContent(box=BoxConstraints(400, 30), resources=None, data=b"1 g 0 0 400 30 re f 0 0 1 rg 0 0 400 8 re f 0 22 400 8 re f"),
    )
    how = signers.PdfSignatureMetadata(field_name="Sneaky")
    spec = SigFieldSpec("Sneaky", box=(70, 692, 470, 722))
    return signers.PdfSigner(how, signer=SIGNER, stamp_style=style, new_field_spec=spec).sign_pdf(opened(file)).getvalue()


def info(writer):
    writer.set_info(generic.DictionaryObject({pdf_name("/Producer"): generic.pdf_string("p")}))


def range_of(file):
    match = list(re.finditer(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)\s*\]", file))[-1]
    return match, [int(number) for number in match.groups()]


def within(match, text):
    assert len(text) <= len(match.group(0)), text
    return text.ljust(len(match.group(0)))


def raw(file):
    """Attacks by bytes: forgery, wrapping, incremental saving without cross-references."""
    match, (a, b, c, d) = range_of(file)
    put = lambda text: file[: match.start()] + within(match, text) + file[match.end():]
    yield "usf-no-range", put(b"")
    yield "usf-null-range", put(b"/ByteRange null")
    yield "usf-empty-range", put(b"/ByteRange[]")
    yield "usf-negative-range", put(b"/ByteRange[0 -1 0 %d]" % d)
    yield "usf-zero-contents", file[: b + 1] + b"0" * (c - b - 2) + file[c - 1:]
    yield "usf-null-contents", file[:b] + b"null".ljust(c - b) + file[c:]
    # The second part is pushed back, and room made before it for another page content.
    update = b"\n4 0 obj\n<</Length %d>>stream\n" % len(MORE) + MORE + b"\nendstream\nendobj\n"
    room = b" " * 10 + update
    pushed = file[:c] + room + file[c:]
    yield "swa-pushed", pushed[: match.start()] + within(match, b"/ByteRange[0 %d %d %d]" % (b, c + len(room), d)) + pushed[match.end():]
    start = b"startxref\n%d\n%%%%EOF\n" % int(re.findall(rb"startxref\s+(\d+)", file)[-1])
    table = b"xref\n4 1\n%010d 00000 n \n"
    root = re.findall(rb"/Root\s+(\d+) \d+ R", file)[-1]
    trailer = b"trailer\n<</Size 99/Root %s 0 R>>\n" % root
    at = len(file) + 1
    yield "isa-bare", file + update
    yield "isa-no-table", file + update + trailer + start
    yield "isa-no-trailer", file + update + table % at + b"startxref\n%d\n%%%%EOF\n" % (at + len(update) - 1)
    yield "isa-no-previous", file + update + table % at + trailer + b"startxref\n%d\n%%%%EOF\n" % (at + len(update) - 1)
    yield "isa-commented", file + update + b"%%" + table % at + trailer + b"startxref\n0\n%%EOF\n"
    previous = int(re.findall(rb"startxref\s+(\d+)", file)[-1])
    yield "isa-proper", file + update + table % at + trailer.replace(b">>", b"/Prev %d>>" % previous) + b"startxref\n%d\n%%%%EOF\n" % (at + len(update) - 1)
    yield "isa-no-end", file + update + table % at + trailer.replace(b">>", b"/Prev %d>>" % previous) + b"startxref\n%d\n" % (at + len(update) - 1)
    yield "isa-carriage", (file + update + table % at + trailer.replace(b">>", b"/Prev %d>>" % previous) + b"startxref\n%d\n%%%%EOF" % (at + len(update) - 1)).replace(update, update.replace(b"\n", b"\r"))


ATTACKS = {
    "content": content, "more-content": more_content, "other-page": other_page, "added-page": added_page, "rotated": rotated, "cropped": cropped,
    "shadow-replace-stamp": stamp, "shadow-replace-font": font, "shadow-hide-and-replace": swapped, "evil-freetext": annotation("/FreeText"),
    "evil-stamp": annotation("/Stamp"), "evil-redact": annotation("/Redact"), "fill-lies": fill("Lan", "Hue"), "field-moved": moved, "script": script, "need-appearances": appearances,
}
HONEST = {"info": info}


def bases():
    yield "plain", document()
    yield "carriage-returns", document(b"\r")
    yield "both-line-ends", document(b"\r\n")
    yield "objects", qpdf(document(), "--object-streams=generate")
    yield "linearized", qpdf(document(), "--linearize")
    yield "linearized-objects", qpdf(document(), "--linearize", "--object-streams=generate")
    yield "hybrid", hybrid()
    yield "rc4", encrypted("128", "--use-aes=n")
    yield "aes-128", encrypted("128", "--use-aes=y")
    yield "aes-256", encrypted("256")
    yield "aes-256-objects", qpdf(encrypted("256"), "--object-streams=generate")
    yield "aes-256-linearized", qpdf(encrypted("256"), "--linearize")


def main():
    skipped = []
    for name, base in bases():
        for level in (None, MDPPerm.NO_CHANGES, MDPPerm.FILL_FORMS, MDPPerm.ANNOTATE):
            label = f"{name}-{'approved' if level is None else f'certified{level.value}'}"
            file = signed(base, level)
            made = {"honest-signed": file}
            fills = level is not MDPPerm.NO_CHANGES
            honest = HONEST | ({"fill": fill("Lan")} if fills else {})
            attacks = ATTACKS | ({} if fills else {"fill": fill("Lan")})
            for kind, changes in (("honest", honest), ("attack", attacks)):
                for what, change in changes.items():
                    try:
                        made[f"{kind}-{what}"] = updated(change)(file)
                    except Exception as error:
                        skipped.append(f"{label} {what}: {error!r}")
            if fills:
                made["honest-second"] = signed(file, None, "Signature2")
                made["attack-sneaky"] = sneaky(file)
            made |= {f"attack-{what}": bytes_ for what, bytes_ in raw(file)}
            for what, bytes_ in made.items():
                (FOLDER / f"{what}-{label}.pdf").write_bytes(bytes_)
    print(f"{len(list(FOLDER.glob('*.pdf')))} files; skipped: {len(skipped)}")
    print("\n".join(skipped[:20]))


FOLDER = pathlib.Path(sys.argv[1])
FOLDER.mkdir(parents=True, exist_ok=True)
WORK = FOLDER / "work"
WORK.mkdir(exist_ok=True)
SIGNER = signer()
main()
