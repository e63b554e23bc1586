//! Signatures in other formats than PDF: measured or read, prepared, signed in the HSM, brought to their level, and put where their
//! packaging has them. The document's octets are moved and hashed here; a stranger's XML is read in a reader only.

use super::{
    evidence::Surroundings,
    files,
    form::Form,
    limits::{ATTACHED, PIECE},
    places::{Clear, Wanted as Asked, in_pieces},
    request::{Level, SignRequest},
    sign::{Made, disk, pki, read, unexpected},
};
use crate::{
    accounts::Principal,
    app::App,
    custody::{self, Pin, Signer, Wanted},
    error::{InternalError, RequestError, Result},
    reader::{Task, TaskOutput},
};
use chuky_model::{
    algorithm::{HashAlgorithm, SignatureScheme},
    record::document::Document,
};
use chuky_pki::{
    algorithm::DigestAlgorithm,
    cms::build::{Content, SignatureToMake},
    creation::{
        self, Cades, DataObject, Enveloped, JadesToMake, Measure, Measured, Payload, XadesToMake,
        container::{self, Kind},
    },
};
use std::{
    fs::File,
    io::{Read, Seek, Write},
};
use uuid::Uuid;

/// One signature to be made.
#[derive(Clone, Copy)]
pub(super) struct Order<'a> {
    pub(super) app: &'a App,
    pub(super) by: &'a Principal,
    pub(super) signer: &'a Signer,
    pub(super) around: &'a Surroundings,
    pub(super) wanted: &'a SignRequest,
    pub(super) pin: &'a Pin,
    pub(super) document: &'a Document,
    pub(super) name: &'a str,
    pub(super) form: Form,
}

/// What is known of the document before it is signed.
struct Source {
    measured: Measured,
    /// Its octets, where the signature carries them or an archive timestamp covers them.
    octets: Vec<u8>,
    /// Where a signature inside it goes.
    place: Option<Enveloped>,
}

/// Makes the signature and its file.
pub(super) async fn create(order: &Order<'_>, clear: Clear) -> Result<Made> {
    let scheme = order.signer.credential.algorithm.default_scheme();
    let source = measure(order, scheme, &clear).await?;
    let prepared = Prepared::new(order, scheme, &source)?;
    let hashes = Wanted { scheme, hashes: vec![prepared.digest_to_sign().to_vec()], document: Some(order.document.id) };
    let signatures = custody::sign_hashes(order.app, order.by, order.signer.credential.id, order.pin, hashes).await?;
    let signature = signatures.first().ok_or_else(|| InternalError::other("the HSM gave no signature"))?;
    let travelling = order.around.travelling()?;
    let mut made = prepared.assemble(signature, &travelling)?;
    raise(order, &source, &clear, &mut made).await?;
    let (name, media_type) = (order.name.to_owned(), order.document.media_type.clone());
    let file = Finished { form: order.form, made, name, media_type };
    let app = order.app.clone();
    in_pieces(move |asked| file.write(&app, &source, clear, asked)).await
}

/// Brings the signature to the level that was asked for.
async fn raise(order: &Order<'_>, source: &Source, clear: &File, made: &mut creation::Made) -> Result<()> {
    let Order { app, around, wanted, .. } = *order;
    if wanted.level == Level::B {
        return Ok(());
    }
    let token = around.stamping.timestamp(app, &made.timestamped()).await?;
    made.add_signature_timestamp(&token).map_err(pki)?;
    if wanted.level == Level::T {
        return Ok(());
    }
    made.add_validation_data(&around.long_term(app, order.signer).await?).map_err(pki)?;
    if wanted.level == Level::LT {
        return Ok(());
    }
    let behind = match made {
        creation::Made::Xades(xades) if source.place.is_some() => Some(xades.behind_data_objects()),
        _ => None,
    };
    let over = match behind {
        Some(behind) => enveloped(app, clear, HashAlgorithm::Sha256, behind).await?.digest,
        None => made.archived(&source.octets).map_err(pki)?,
    };
    let over: [u8; 32] = over.try_into().map_err(|_| unexpected())?;
    let token = around.stamping.timestamp(app, &over).await?;
    Ok(made.add_archive_timestamp(&token).map_err(pki)?)
}

async fn measure(order: &Order<'_>, scheme: SignatureScheme, clear: &Clear) -> Result<Source> {
    let hash = DigestAlgorithm::from(scheme.hash());
    let carried =
        matches!(order.form, Form::CadesAttached | Form::XadesEnveloped | Form::XadesEnveloping | Form::JadesAttached);
    let keep = carried || order.wanted.level == Level::LTA;
    let length = clear.metadata().map_err(disk())?.len();
    if keep && length > ATTACHED {
        return Err(too_large().into());
    }
    let mut file = clear.again().map_err(disk())?;
    let measured = in_pieces(move |asked| {
        let (mut measure, mut octets, mut piece) = (Measure::new(hash), Vec::new(), vec![0; PIECE]);
        file.rewind().map_err(disk())?;
        loop {
            asked.check().map_err(disk())?;
            let count = file.read(&mut piece).map_err(disk())?;
            let read = piece.get(..count).unwrap_or_default();
            if read.is_empty() {
                return Ok((measure.finish(), octets));
            }
            measure.update(read);
            if keep {
                octets.extend_from_slice(read);
            }
        }
    });
    let (measured, octets) = measured.await?;
    let place = match order.form {
        Form::XadesEnveloped => Some(enveloped(order.app, clear, scheme.hash(), Vec::new()).await?),
        _ => None,
    };
    Ok(Source { measured, octets, place })
}

async fn enveloped(app: &App, clear: &File, algorithm: HashAlgorithm, behind: Vec<u8>) -> Result<Enveloped> {
    match read(app, Task::ReadEnveloped { algorithm, behind }, clear).await? {
        TaskOutput::Enveloped(enveloped) => Ok(enveloped),
        _ => Err(unexpected().into()),
    }
}

/// A signature before its value.
enum Prepared {
    Cades(SignatureToMake),
    Xades(XadesToMake),
    Jades(JadesToMake),
}

impl Prepared {
    fn new(order: &Order<'_>, scheme: SignatureScheme, source: &Source) -> Result<Self> {
        let (signer, at) = (&order.signer.certificate, order.app.clock.now());
        let (digest, media_type) = (&source.measured.digest, order.document.media_type.clone());
        let further = order.around.travelling()?;
        let cades = |content| Ok(Self::Cades(SignatureToMake::cades(scheme, content, signer, at).map_err(pki)?));
        let jades = |payload| {
            let to_make = JadesToMake::new(scheme, &payload, &order.document.media_type, signer, &further, at);
            Ok(Self::Jades(to_make.map_err(pki)?))
        };
        let object = match order.form {
            Form::CadesAttached => return cades(Content::Attached(source.octets.clone())),
            Form::CadesDetached | Form::Asics => return cades(Content::Detached(digest)),
            Form::JadesAttached => return jades(Payload::Attached(&source.octets)),
            Form::JadesDetached => return jades(Payload::Detached { uri: order.name, digest }),
            Form::XadesEnveloping => DataObject::Inside { octets: source.octets.clone(), media_type },
            Form::XadesDetached | Form::Asice => {
                DataObject::Beside { uri: container::uri(order.name), digest: digest.clone(), media_type }
            }
            Form::XadesEnveloped => {
                let place = source.place.as_ref().ok_or_else(unexpected)?;
                DataObject::Enveloping { digest: place.digest.clone() }
            }
            Form::Pades => return Err(unexpected().into()),
        };
        let identifier = format!("xades-{}", Uuid::new_v4().simple());
        let to_make = XadesToMake::new(scheme, &identifier, &[object], signer, &further, at);
        Ok(Self::Xades(to_make.map_err(pki)?))
    }

    fn digest_to_sign(&self) -> &[u8] {
        match self {
            Self::Cades(to_make) => to_make.digest_to_sign(),
            Self::Xades(to_make) => to_make.digest_to_sign(),
            Self::Jades(to_make) => to_make.digest_to_sign(),
        }
    }

    /// With the value; the whole file is verified afterwards.
    fn assemble(self, signature: &[u8], further: &[chuky_pki::certificate::Certificate]) -> Result<creation::Made> {
        Ok(match self {
            Self::Cades(to_make) => {
                let signed_data = to_make.assemble_unverified(signature, Some(further));
                creation::Made::Cades(Cades::new(signed_data, signature.to_vec()))
            }
            Self::Xades(to_make) => creation::Made::Xades(Box::new(to_make.assemble(signature).map_err(pki)?)),
            Self::Jades(to_make) => creation::Made::Jades(to_make.assemble(signature).map_err(pki)?),
        })
    }
}

/// A finished signature that waits for its file.
struct Finished {
    form: Form,
    made: creation::Made,
    name: String,
    media_type: String,
}

impl Finished {
    /// Writes the file; a detached signature's document goes behind it, for the verifier.
    fn write(self, app: &App, source: &Source, mut clear: Clear, asked: &Asked) -> Result<Made> {
        let mut out = clear.beside(files::unnamed(&app.settings)?);
        let Self { form, made, name, media_type } = self;
        let signature = made.into_bytes();
        let put = |out: &mut File, octets: &[u8]| out.write_all(octets).map_err(disk());
        let content_after = match form {
            Form::Asice | Form::Asics => {
                let (kind, meta) = meta(form, &signature, &name, &media_type)?;
                let file = container::File { name: &name, size: source.measured.size, crc: source.measured.crc };
                let frame = container::frame(kind, file, &meta).map_err(|error| unsuitable_name(&error))?;
                put(&mut out, &frame.before)?;
                copy(&mut clear, &mut out, asked)?;
                put(&mut out, &frame.after)?;
                None
            }
            Form::XadesEnveloped => {
                let place = source.place.as_ref().ok_or_else(unexpected)?;
                let text = std::str::from_utf8(&signature).map_err(|_| unexpected())?;
                put(&mut out, &place.insert(&source.octets, text).map_err(pki)?)?;
                None
            }
            _ => {
                put(&mut out, &signature)?;
                form.is_detached().then_some(u64::try_from(signature.len()).unwrap_or(u64::MAX))
            }
        };
        if content_after.is_some() {
            copy(&mut clear, &mut out, asked)?;
        }
        Ok(Made { file: out, content_after })
    }
}

/// Names below `META-INF` and what stands in them.
type Meta = Vec<(&'static str, Vec<u8>)>;

/// The container's kind and what stands in its `META-INF` (EN 319 162-1 §4.3.3, §4.4.3).
fn meta(form: Form, signature: &[u8], name: &str, media_type: &str) -> Result<(Kind, Meta)> {
    if form == Form::Asics {
        return Ok((Kind::Simple, vec![("signature.p7s", signature.to_vec())]));
    }
    let element = std::str::from_utf8(signature).map_err(|_| unexpected())?;
    let files = vec![
        ("manifest.xml", container::file_list(Kind::Extended, name, media_type)),
        ("signatures0.xml", container::xades_signatures(element)),
    ];
    Ok((Kind::Extended, files))
}

fn copy(from: &mut File, to: &mut File, asked: &Asked) -> Result<()> {
    from.rewind().map_err(disk())?;
    let mut piece = vec![0; PIECE];
    loop {
        asked.check().map_err(disk())?;
        match from.read(&mut piece).map_err(disk())? {
            0 => return Ok(()),
            count => to.write_all(piece.get(..count).unwrap_or_default()).map_err(disk())?,
        }
    }
}

fn too_large() -> RequestError {
    let megabytes = ATTACHED >> 20;
    RequestError::invalid(
        "packaging",
        "too_large_to_attach",
        format!(
            "Tệp lớn hơn {megabytes} MiB không nằm được trong chữ ký. Hãy chọn packaging “detached” hoặc định dạng asice, mức B, T hoặc LT."
        ),
        format!(
            "A file larger than {megabytes} MiB cannot stand inside a signature. Choose packaging “detached” or format asice, at level B, T or LT."
        ),
    )
}

fn unsuitable_name(error: &chuky_pki::Error) -> RequestError {
    tracing::info!(event = "container_not_made", reason = %error);
    RequestError::invalid(
        "document",
        "name_not_in_container",
        "Tên tệp này không đặt được trong tệp chứa chữ ký (có dấu / \\ : hoặc quá dài), hoặc tệp lớn hơn 4 GiB. Hãy đổi tên rồi tải lên lại.",
        "This file's name cannot stand in a container (it has / \\ : or is too long), or the file is larger than 4 GiB. Rename it and upload it again.",
    )
}
