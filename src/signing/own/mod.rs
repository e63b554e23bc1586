//! Signing with a key that its holder keeps: on a token of their own, whatever its maker. In two steps (decision 0004): prepared, the digest
//! handed out, the value taken in, finished, verified by our own verifier, and only then given back. Knows no token and no network, and
//! serves the command line and the service (`two_step`) alike; a stranger's document is parsed in a reader only.

mod choice;
mod refusal;
mod timestamp;

pub(super) use choice::check;
pub(crate) use choice::elsewhere;
pub use choice::{Chosen, KeyWanted, TokenWanted, key, shown, token};
pub use refusal::{explained, told_before};
pub use timestamp::TimestampWanted;

use super::{
    assembly::{Finished, Making, Prepared as PreparedSignature, Source, copy},
    form::Form,
    places::{Clear, in_pieces},
    request::{Level, SignRequest},
    sign::{Made, append, digested, disk, pki, read_with, unexpected},
};
use crate::{
    error::{InternalError, RequestError, RequestErrorKind, Result},
    reader::{Evidence, Preparation, ReaderPool, Task, TaskOutput},
};
use chuky_model::{
    instant::Instant,
    report::{Indication, Integrity, Report},
};
use chuky_pki::{
    cms::build::{self, SignatureToMake},
    creation,
    crypto::sha256,
    pdf::write::{LongTermData, Prepared as PreparedPdf},
};
use std::{fs::File, io::Seek};
use uuid::Uuid;

/// What every signature of one run has in common.
#[derive(Clone, Copy)]
pub struct Workshop<'a> {
    pub readers: &'a ReaderPool,
    pub chosen: &'a Chosen,
    /// Its credential is not looked at: the key is the holder's own.
    pub wanted: &'a SignRequest,
    pub now: Instant,
}

/// A document to be signed, and the empty file that becomes the signed one.
pub struct Document {
    pub name: String,
    pub media_type: String,
    pub clear: File,
    pub out: File,
    /// Tells the signature from every other in whatever it becomes part of.
    pub identifier: Uuid,
}

/// A document with everything of a signature but its value.
pub struct ToSign {
    document: Document,
    form: Form,
    step: Step,
}

enum Step {
    /// The PDF, already in the file that is to be signed.
    Pdf {
        prepared: Box<PreparedPdf>,
        to_make: Box<SignatureToMake>,
    },
    Other {
        prepared: Box<PreparedSignature>,
        source: Source,
    },
}

/// A document whose signature has its value, before any timestamp.
pub struct Valued {
    document: Document,
    form: Form,
    value: Vec<u8>,
    step: ValuedStep,
}

enum ValuedStep {
    Pdf { prepared: Box<PreparedPdf>, signed_data: Vec<u8> },
    Other { made: creation::Made, source: Source },
}

impl Workshop<'_> {
    /// The first step: everything but the value.
    pub async fn prepare(&self, document: Document) -> Result<ToSign> {
        if matches!(self.wanted.level, Level::LT | Level::LTA) {
            return Err(level_needs_service().into());
        }
        let form = Form::wanted(self.wanted.format, self.wanted.packaging, &document.media_type)?;
        match form {
            Form::Pades => self.prepare_pdf(document).await,
            _ => {
                let making = self.making(form, &document);
                let source =
                    Source::measure(&making, &Clear::of_request(document.clear.try_clone().map_err(disk())?)).await?;
                let prepared = Box::new(PreparedSignature::new(&making, &source)?);
                Ok(ToSign { document, form, step: Step::Other { prepared, source } })
            }
        }
    }

    async fn prepare_pdf(&self, document: Document) -> Result<ToSign> {
        let Chosen { certificate, further, scheme, .. } = self.chosen;
        let again = |file: &File| file.try_clone().map_err(disk());
        let (mut clear, mut out) = (again(&document.clear)?, again(&document.out)?);
        in_pieces(move |wanted| {
            out.rewind().map_err(disk())?;
            copy(&mut clear, &mut out, wanted)
        })
        .await?;
        let timestamp = if self.wanted.level == Level::B { 0 } else { FOREIGN_TIMESTAMP_BYTES };
        let (reason, location) = self.wanted.texts()?;
        let preparation = Preparation {
            signed_at: self.now,
            signer_name: certificate.subject().common_name(),
            reason,
            location,
            look: self.wanted.appearance(certificate)?,
            place: self.wanted.place()?,
            code: None,
            contents_bytes: build::longest(certificate, further, timestamp),
        };
        let answer = read_with(self.readers, Task::Prepare(Box::new(preparation)), &document.out).await?;
        let TaskOutput::Prepared(prepared) = answer else { return Err(unexpected().into()) };
        let (prepared, digest) = digested(*prepared, *scheme, Clear::of_request(again(&document.out)?)).await?;
        let to_make = SignatureToMake::detached(*scheme, &digest, certificate).map_err(pki)?;
        let step = Step::Pdf { prepared: Box::new(prepared), to_make: Box::new(to_make) };
        Ok(ToSign { document, form: Form::Pades, step })
    }

    fn making<'m>(&'m self, form: Form, document: &'m Document) -> Making<'m> {
        Making {
            readers: self.readers,
            form,
            scheme: self.chosen.scheme,
            level: self.wanted.level,
            name: &document.name,
            media_type: &document.media_type,
            signer: &self.chosen.certificate,
            further: &self.chosen.further,
            at: self.now,
            identifier: document.identifier,
        }
    }

    /// The second step: the value, which must be one over the digest by the certificate's key.
    pub fn take(&self, to_sign: ToSign, value: &[u8]) -> Result<Valued> {
        let Chosen { certificate, further, scheme, .. } = self.chosen;
        let key = certificate.public_key().map_err(pki)?;
        if key.verify_digest((*scheme).into(), to_sign.digest(), value).is_err() {
            return Err(value_of_another().into());
        }
        let ToSign { document, form, step } = to_sign;
        let step = match step {
            Step::Pdf { prepared, to_make } => {
                ValuedStep::Pdf { prepared, signed_data: to_make.assemble_unverified(value, Some(further)) }
            }
            Step::Other { prepared, source } => ValuedStep::Other { made: prepared.assemble(value, further)?, source },
        };
        Ok(Valued { document, form, value: value.to_vec(), step })
    }

    /// The last step: the timestamp where there is one, the file, and our own verifier's report on it. The file is at its final length and
    /// stored on the disk.
    pub async fn finish(&self, valued: Valued, token: Option<&[u8]>) -> Result<Report> {
        let signed_name = valued.form.file_name(&valued.document.name);
        let made = self.written(valued, token, None).await?;
        let report = self.verified(signed_name, &made).await?;
        if let Some(length) = made.content_after {
            made.file.set_len(length).map_err(disk())?;
        }
        made.file.sync_all().map_err(disk())?;
        Ok(report)
    }

    /// The file with the timestamp where there is one, and with the data that checks the signature later; a PDF takes that by an update of its
    /// own (EN 319 142-1 §5.4.2), which is not made here.
    pub(super) async fn written(
        &self,
        valued: Valued,
        token: Option<&[u8]>,
        long_term: Option<&LongTermData>,
    ) -> Result<Made> {
        let Valued { document, form, step, .. } = valued;
        match step {
            ValuedStep::Pdf { prepared, mut signed_data } => {
                if let Some(token) = token {
                    signed_data = build::with_signature_timestamp(&signed_data, token).map_err(pki)?;
                }
                if signed_data.len() > prepared.capacity() {
                    return Err(timestamp_too_long().into());
                }
                let update = prepared.finish(&signed_data).map_err(|error| InternalError::Pki(error.to_string()))?;
                let mut file = document.out;
                append(&mut file, &update)?;
                Ok(Made { file: Clear::of_request(file), content_after: None })
            }
            ValuedStep::Other { mut made, source } => {
                if let Some(token) = token {
                    made.add_signature_timestamp(token).map_err(pki)?;
                }
                if let Some(data) = long_term {
                    made.add_validation_data(data).map_err(pki)?;
                }
                let finished = Finished::of(&self.making(form, &document), made);
                let Document { clear, out, .. } = document;
                let (out, clear) = (Clear::of_request(out), Clear::of_request(clear));
                in_pieces(move |wanted| finished.write(out, &source, clear, wanted)).await
            }
        }
    }

    /// Our own verifier finds the new signature whole and over this document. Whom to trust is not asked here: roots are the recipient's.
    async fn verified(&self, name: String, made: &Made) -> Result<Report> {
        let task = Task::Verify { name, evidence: Evidence::at(self.now), content_after: made.content_after };
        let TaskOutput::Report(report, _) = read_with(self.readers, task, &made.file).await? else {
            return Err(unexpected().into());
        };
        // An INTEGER may begin with a zero octet, which the report does not show.
        let number = |text: &str| text.trim_start_matches('0').to_lowercase();
        let serial = number(&hex::encode(self.chosen.certificate.serial_octets()));
        let ours = |signature: &&chuky_model::report::SignatureReport| {
            signature.signer.as_ref().is_some_and(|found| number(&found.serial) == serial)
        };
        let good = report.signatures.iter().rev().find(ours).is_some_and(|signature| {
            signature.integrity == Integrity::Intact && signature.indication != Indication::TotalFailed
        });
        let whole = matches!(report.integrity, Integrity::Intact | Integrity::Altered);
        if good && whole { Ok(*report) } else { Err(not_verified(&report).into()) }
    }
}

impl ToSign {
    /// What the key must sign, hashed with the scheme's hash.
    pub fn digest(&self) -> &[u8] {
        match &self.step {
            Step::Pdf { to_make, .. } => to_make.digest_to_sign(),
            Step::Other { prepared, .. } => prepared.digest_to_sign(),
        }
    }

    /// The octets of which that is the digest, where they are at most so many.
    pub(super) fn octets(&self, most: usize) -> Option<Vec<u8>> {
        match &self.step {
            Step::Pdf { to_make, .. } => Some(to_make.octets_to_sign().to_vec()),
            Step::Other { prepared, .. } => prepared.octets_to_sign(most),
        }
    }

    /// What the signed file is called, and its media type.
    pub(super) fn signed_file(&self) -> (String, String) {
        let Document { name, media_type, .. } = &self.document;
        (self.form.file_name(name), self.form.media_type(media_type).to_owned())
    }
}

impl Valued {
    /// Whether the signature stands in a PDF.
    pub fn is_pdf(&self) -> bool {
        matches!(self.step, ValuedStep::Pdf { .. })
    }

    /// SHA-256 of what a signature timestamp covers.
    pub fn timestamped(&self) -> [u8; 32] {
        match &self.step {
            ValuedStep::Pdf { .. } => sha256(&self.value),
            ValuedStep::Other { made, .. } => made.timestamped(),
        }
    }
}

fn level_needs_service() -> RequestError {
    RequestError::invalid(
        "level",
        "level_needs_service",
        "Với token của riêng bạn, ký ở mức B hoặc T; sau đó nâng lên LT hoặc LTA bằng `chuky extend`.",
        "With a token of your own, sign at level B or T; `chuky extend` takes the signed PDF to LT or LTA.",
    )
}

fn value_of_another() -> RequestError {
    RequestError::new(
        RequestErrorKind::Conflict,
        "key_not_of_certificate",
        "Chữ ký mà token trả về không khớp với chứng thư: khóa không thuộc chứng thư này, hoặc token ký sai. Không có tệp nào được ghi.",
        "The value that the token gave does not fit the certificate: the key is not this certificate's, or the token signed wrongly. No file was written.",
    )
}

fn timestamp_too_long() -> RequestError {
    RequestError::new(
        RequestErrorKind::TooLarge,
        "timestamp_too_long",
        format!(
            "Dấu thời gian dài hơn {FOREIGN_TIMESTAMP_BYTES} byte dành sẵn trong PDF. Hãy dùng máy chủ dấu thời gian khác."
        ),
        format!(
            "The timestamp is longer than the {FOREIGN_TIMESTAMP_BYTES} bytes kept for it in the PDF. Use another timestamp server."
        ),
    )
}

fn not_verified(report: &Report) -> RequestError {
    let found = report.signatures.last().and_then(|signature| signature.sub_indication);
    let found = found.map_or_else(|| format!("{:?}", report.integrity), |found| format!("{found:?}"));
    RequestError::invalid(
        "document",
        "own_signature_not_valid",
        format!(
            "Bộ kiểm tra không công nhận chữ ký vừa tạo ({found}), nên không ghi tệp. Hãy kiểm tra văn bản gốc bằng `chuky verify`."
        ),
        format!(
            "The verifier does not accept the signature that was made ({found}), so no file was written. Check the original with `chuky verify`."
        ),
    )
}

/// Bytes kept in a PDF for a timestamp of any authority: with a chain of RSA-4096 certificates tokens have 6 to 10 thousand.
const FOREIGN_TIMESTAMP_BYTES: usize = 16 << 10;
