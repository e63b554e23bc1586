//! How a signature in another format than PDF comes together, wherever its key is: the document measured or read, what is signed, and the
//! file as its packaging has it. The document's octets are moved and hashed here; a stranger's XML is read in a reader only.

use super::{
    form::Form,
    limits::{ATTACHED, PIECE},
    places::{Clear, Wanted, in_pieces},
    request::Level,
    sign::{Made, disk, pki, read_with, unexpected},
};
use crate::{
    error::{RequestError, Result},
    reader::{ReaderPool, Task, TaskOutput},
};
use chuky_model::{
    algorithm::{HashAlgorithm, SignatureScheme},
    instant::Instant,
};
use chuky_pki::{
    algorithm::DigestAlgorithm,
    certificate::Certificate,
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

/// What a signature is made of, beside the document.
#[derive(Clone, Copy)]
pub(super) struct Making<'a> {
    pub(super) readers: &'a ReaderPool,
    pub(super) form: Form,
    pub(super) scheme: SignatureScheme,
    pub(super) level: Level,
    pub(super) name: &'a str,
    pub(super) media_type: &'a str,
    pub(super) signer: &'a Certificate,
    /// Certificates that travel along.
    pub(super) further: &'a [Certificate],
    pub(super) at: Instant,
    /// Tells this signature from every other in whatever it becomes part of.
    pub(super) identifier: Uuid,
}

/// What is known of the document before it is signed.
pub(super) struct Source {
    measured: Measured,
    /// Its octets, where the signature carries them or an archive timestamp covers them.
    pub(super) octets: Vec<u8>,
    /// Where a signature inside it goes.
    pub(super) place: Option<Enveloped>,
}

impl Source {
    /// The digest that a reference to the document has: of its octets, or of its canonical form for a signature inside it.
    pub(super) fn covered(&self) -> &[u8] {
        self.place.as_ref().map_or(&self.measured.digest, |place| &place.digest)
    }

    /// Reads the document once.
    pub(super) async fn measure(making: &Making<'_>, clear: &Clear) -> Result<Self> {
        let hash = DigestAlgorithm::from(making.scheme.hash());
        let carried = matches!(
            making.form,
            Form::CadesAttached | Form::XadesEnveloped | Form::XadesEnveloping | Form::JadesAttached
        );
        let keep = carried || making.level == Level::LTA;
        let length = clear.metadata().map_err(disk())?.len();
        if keep && length > ATTACHED {
            return Err(too_large().into());
        }
        let mut file = clear.again().map_err(disk())?;
        let measured = in_pieces(move |wanted| {
            let (mut measure, mut octets, mut piece) = (Measure::new(hash), Vec::new(), vec![0; PIECE]);
            file.rewind().map_err(disk())?;
            loop {
                wanted.check().map_err(disk())?;
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
        let place = match making.form {
            Form::XadesEnveloped => Some(enveloped(making.readers, clear, making.scheme.hash(), Vec::new()).await?),
            _ => None,
        };
        Ok(Self { measured, octets, place })
    }
}

/// Where a signature inside an XML document goes, and the digest of its canonical form with what is behind it.
pub(super) async fn enveloped(
    readers: &ReaderPool,
    clear: &File,
    algorithm: HashAlgorithm,
    behind: Vec<u8>,
) -> Result<Enveloped> {
    match read_with(readers, Task::ReadEnveloped { algorithm, behind }, clear).await? {
        TaskOutput::Enveloped(enveloped) => Ok(enveloped),
        _ => Err(unexpected().into()),
    }
}

/// A signature before its value.
pub(super) enum Prepared {
    Cades(SignatureToMake),
    Xades(XadesToMake),
    Jades(JadesToMake),
}

impl Prepared {
    pub(super) fn new(making: &Making<'_>, source: &Source) -> Result<Self> {
        let Making { scheme, signer, further, at, .. } = *making;
        let (digest, media_type) = (&source.measured.digest, making.media_type.to_owned());
        let cades = |content| Ok(Self::Cades(SignatureToMake::cades(scheme, content, signer, at).map_err(pki)?));
        let jades = |payload| {
            let to_make = JadesToMake::new(scheme, &payload, making.media_type, signer, further, at);
            Ok(Self::Jades(to_make.map_err(pki)?))
        };
        let object = match making.form {
            Form::CadesAttached => return cades(Content::Attached(source.octets.clone())),
            Form::CadesDetached | Form::Asics => return cades(Content::Detached(digest)),
            Form::JadesAttached => return jades(Payload::Attached(&source.octets)),
            Form::JadesDetached => return jades(Payload::Detached { uri: making.name, digest }),
            Form::XadesEnveloping => DataObject::Inside { octets: source.octets.clone(), media_type },
            Form::XadesDetached | Form::Asice => {
                DataObject::Beside { uri: container::uri(making.name), digest: digest.clone(), media_type }
            }
            Form::XadesEnveloped => {
                let place = source.place.as_ref().ok_or_else(unexpected)?;
                DataObject::Enveloping { digest: place.digest.clone() }
            }
            Form::Pades | Form::AsUploaded => return Err(unexpected().into()),
        };
        Self::xades(making, object)
    }

    /// The same of a document of which nothing is known but what the signature's reference has: the digest of its octets, for a signature
    /// inside it that of its canonical form.
    pub(super) fn of_digest(making: &Making<'_>, digest: &[u8]) -> Result<Self> {
        let Making { scheme, signer, further, at, .. } = *making;
        let (digest, media_type) = (digest.to_vec(), making.media_type.to_owned());
        let object = match making.form {
            Form::JadesDetached => {
                let payload = Payload::Detached { uri: making.name, digest: &digest };
                let to_make = JadesToMake::new(scheme, &payload, making.media_type, signer, further, at);
                return Ok(Self::Jades(to_make.map_err(pki)?));
            }
            Form::XadesDetached => DataObject::Beside { uri: container::uri(making.name), digest, media_type },
            Form::XadesEnveloping => DataObject::Within { digest, media_type },
            Form::XadesEnveloped => DataObject::Enveloping { digest },
            _ => return Err(unexpected().into()),
        };
        Self::xades(making, object)
    }

    fn xades(making: &Making<'_>, object: DataObject) -> Result<Self> {
        let Making { scheme, signer, further, at, .. } = *making;
        let identifier = format!("xades-{}", making.identifier.simple());
        let to_make = XadesToMake::new(scheme, &identifier, &[object], signer, further, at);
        Ok(Self::Xades(to_make.map_err(pki)?))
    }

    /// What the key signs, hashed with the scheme's hash.
    pub(super) fn digest_to_sign(&self) -> &[u8] {
        match self {
            Self::Cades(to_make) => to_make.digest_to_sign(),
            Self::Xades(to_make) => to_make.digest_to_sign(),
            Self::Jades(to_make) => to_make.digest_to_sign(),
        }
    }

    /// The octets of which that is the digest, where they are at most so many.
    pub(super) fn octets_to_sign(&self, most: usize) -> Option<Vec<u8>> {
        let octets = match self {
            Self::Cades(to_make) => to_make.octets_to_sign().to_vec(),
            Self::Xades(to_make) => to_make.octets_to_sign().to_vec(),
            Self::Jades(to_make) => to_make.octets_to_sign(),
        };
        (octets.len() <= most).then_some(octets)
    }

    /// With the value; the whole file is verified afterwards.
    pub(super) fn assemble(self, signature: &[u8], further: &[Certificate]) -> Result<creation::Made> {
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
pub(super) struct Finished {
    form: Form,
    made: creation::Made,
    name: String,
    media_type: String,
}

impl Finished {
    /// The signature with what its file is made of.
    pub(super) fn of(making: &Making<'_>, made: creation::Made) -> Self {
        Self { form: making.form, made, name: making.name.to_owned(), media_type: making.media_type.to_owned() }
    }

    /// Writes the file; a detached signature's document goes behind it, for the verifier.
    pub(super) fn write(self, mut out: Clear, source: &Source, mut clear: Clear, wanted: &Wanted) -> Result<Made> {
        let Self { form, made, name, media_type } = self;
        let signature = made.into_bytes();
        let put = |out: &mut File, octets: &[u8]| out.write_all(octets).map_err(disk());
        let content_after = match form {
            Form::Asice | Form::Asics => {
                let (kind, meta) = meta(form, &signature, &name, &media_type)?;
                let file = container::File { name: &name, size: source.measured.size, crc: source.measured.crc };
                let frame = container::frame(kind, file, &meta).map_err(|error| unsuitable_name(&error))?;
                put(&mut out, &frame.before)?;
                copy(&mut clear, &mut out, wanted)?;
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
            copy(&mut clear, &mut out, wanted)?;
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

/// All of one file behind what the other has.
pub(super) fn copy(from: &mut File, to: &mut File, wanted: &Wanted) -> Result<()> {
    from.rewind().map_err(disk())?;
    let mut piece = vec![0; PIECE];
    loop {
        wanted.check().map_err(disk())?;
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
