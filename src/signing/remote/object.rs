//! One signature object of remote signing. What it signs follows from the consent alone (hash, certificate, time) with names that are
//! always the same; so it is the same when the PIN is entered and when the document comes.

use super::wrong_length;
use crate::{
    app::App,
    custody::Signer,
    error::{InternalError, Result},
    signing::{
        assembly::{self, Finished, Prepared, Source},
        create::{Raising, raise},
        evidence::Surroundings,
        files,
        form::Form,
        places::{Clear, in_pieces},
        request::Level,
        sign::{Made, disk, pki, unexpected, verified},
    },
};
use chuky_model::instant::Instant;
use chuky_pki::{
    certificate::Certificate,
    cms::build::{self, Content, SignatureToMake},
    creation::{self, Cades},
    crypto,
};
use std::io::{Read, Seek, Write};
use uuid::Uuid;

/// Form of a signature object over a document's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectForm {
    /// CMS that states its time (EN 319 122-1), beside the document.
    CadesDetached,
    /// The same around the document.
    CadesAttached,
    /// CMS for a PDF's signature dictionary (EN 319 142-1), over the hash of its byte range.
    Pades,
    /// XML (EN 319 132-1) beside the document.
    XadesDetached,
    /// XML around the document.
    XadesEnveloping,
    /// Inside an XML document; the hash is that of its exclusive canonical form without comments.
    XadesEnveloped,
    /// JWS (TS 119 182-1) beside the document.
    JadesDetached,
}

impl ObjectForm {
    /// Forms with different digests to sign: a consent covers each of them. Both of CAdES sign the same.
    pub(super) const ALLOWED: [Self; 6] = [
        Self::CadesDetached,
        Self::Pades,
        Self::XadesDetached,
        Self::XadesEnveloping,
        Self::XadesEnveloped,
        Self::JadesDetached,
    ];

    /// Whether what is handed out holds the document.
    pub fn holds_document(self) -> bool {
        matches!(self, Self::CadesAttached | Self::XadesEnveloping | Self::XadesEnveloped)
    }

    /// Of forms that are assembled as those of documents are.
    fn assembled(self) -> Option<Form> {
        match self {
            Self::XadesDetached => Some(Form::XadesDetached),
            Self::XadesEnveloping => Some(Form::XadesEnveloping),
            Self::XadesEnveloped => Some(Form::XadesEnveloped),
            Self::JadesDetached => Some(Form::JadesDetached),
            Self::CadesDetached | Self::CadesAttached | Self::Pades => None,
        }
    }
}

/// One signature object to be made.
#[derive(Clone, Debug)]
pub struct ObjectWanted {
    pub hash: Vec<u8>,
    /// The document, where it was given.
    pub content: Option<Vec<u8>>,
    pub form: ObjectForm,
    pub level: Level,
}

/// Who signs, and what goes along.
pub(super) struct Making<'a> {
    pub(super) app: &'a App,
    pub(super) signer: &'a Signer,
    pub(super) travelling: &'a [Certificate],
}

impl<'a> Making<'a> {
    fn assembly(&self, form: Form, level: Level, at: Instant, identifier: Uuid) -> assembly::Making<'a> {
        assembly::Making {
            readers: &self.app.readers,
            form,
            scheme: self.signer.credential.algorithm.default_scheme(),
            level,
            name: NAME,
            media_type: if form == Form::XadesEnveloped { XML } else { OCTETS },
            signer: &self.signer.certificate,
            further: self.travelling,
            at,
            identifier,
        }
    }
}

/// A document that came along, in clear and read.
pub(super) enum Given {
    Nothing,
    Read { clear: Clear, source: Source },
}

impl Given {
    /// Of forms that are assembled: CMS takes its document as it is.
    pub(super) async fn of(making: &Making<'_>, wanted: &ObjectWanted) -> Result<Self> {
        let (Some(form), Some(content)) = (wanted.form.assembled(), &wanted.content) else { return Ok(Self::Nothing) };
        let mut file = files::unnamed(&making.app.settings)?;
        file.write_all(content).map_err(disk())?;
        let clear = Clear::of_request(file);
        // Time and identifier are none of the source's.
        let reading = making.assembly(form, wanted.level, making.app.clock.now(), Uuid::nil());
        let source = Source::measure(&reading, &clear).await?;
        Ok(Self::Read { clear, source })
    }
}

/// An object before its signature value.
pub(super) enum Object {
    Cms(SignatureToMake),
    Assembled(Box<Prepared>),
}

impl Object {
    /// Of a hash alone.
    pub(super) fn of_hash(making: &Making<'_>, at: Instant, form: ObjectForm, hash: &[u8]) -> Result<Self> {
        let Making { signer, .. } = *making;
        let scheme = signer.credential.algorithm.default_scheme();
        if hash.len() != scheme.hash().length() {
            return Err(wrong_length().into());
        }
        if let Some(assembled) = form.assembled() {
            let making = making.assembly(assembled, Level::B, at, identifier(form, at, hash));
            return Ok(Self::Assembled(Box::new(Prepared::of_digest(&making, hash)?)));
        }
        let made = match form {
            ObjectForm::Pades => SignatureToMake::detached(scheme, hash, &signer.certificate),
            _ => SignatureToMake::cades(scheme, Content::Detached(hash), &signer.certificate, at),
        };
        Ok(Self::Cms(made.map_err(|_| wrong_length())?))
    }

    /// With the document where it came along. What is signed is the same as of its hash.
    pub(super) fn new(making: &Making<'_>, at: Instant, wanted: &ObjectWanted, given: &Given) -> Result<Self> {
        match (wanted.form, &wanted.content, given) {
            (ObjectForm::CadesAttached, Some(content), _) => {
                let scheme = making.signer.credential.algorithm.default_scheme();
                let content = Content::Attached(content.clone());
                let made = SignatureToMake::cades(scheme, content, &making.signer.certificate, at);
                Ok(Self::Cms(made.map_err(pki)?))
            }
            (form, _, Given::Read { source, .. }) => {
                let assembled = form.assembled().ok_or_else(unexpected)?;
                let hash = source.covered();
                let making = making.assembly(assembled, wanted.level, at, identifier(form, at, hash));
                Ok(Self::Assembled(Box::new(Prepared::new(&making, source)?)))
            }
            (form, _, Given::Nothing) => Self::of_hash(making, at, form, &wanted.hash),
        }
    }

    pub(super) fn digest_to_sign(&self) -> &[u8] {
        match self {
            Self::Cms(to_make) => to_make.digest_to_sign(),
            Self::Assembled(prepared) => prepared.digest_to_sign(),
        }
    }

    /// With its value, at its level, and checked.
    pub(super) async fn finish(
        self,
        making: &Making<'_>,
        around: &Surroundings,
        (wanted, given): (&ObjectWanted, Given),
        signature: &[u8],
    ) -> Result<Vec<u8>> {
        let Making { app, signer, travelling } = *making;
        let raising = Raising { app, around, signer, level: wanted.level };
        match self {
            Self::Cms(to_make) => {
                let cms = to_make.assemble(signature, travelling).map_err(pki)?;
                let object = raised(&raising, wanted, (cms, signature)).await?;
                check(&raising, wanted, &object).await?;
                Ok(object)
            }
            Self::Assembled(prepared) => {
                let algorithm = signer.credential.algorithm.default_scheme().into();
                let key = signer.certificate.public_key().map_err(pki)?;
                key.verify_digest(algorithm, prepared.digest_to_sign(), signature).map_err(pki)?;
                let mut made = prepared.assemble(signature, travelling)?;
                match given {
                    Given::Nothing => {
                        raise(&raising, None, &mut made).await?;
                        Ok(made.into_bytes())
                    }
                    Given::Read { clear, source } => {
                        raise(&raising, Some((&source, &clear)), &mut made).await?;
                        let form = wanted.form.assembled().ok_or_else(unexpected)?;
                        let making = making.assembly(form, wanted.level, app.clock.now(), Uuid::nil());
                        whole(&raising, Finished::of(&making, made), (source, clear)).await
                    }
                }
            }
        }
    }
}

/// The file as its packaging has it, once our own verifier calls it valid.
async fn whole(raising: &Raising<'_>, file: Finished, (source, clear): (Source, Clear)) -> Result<Vec<u8>> {
    let Raising { app, around, signer, .. } = *raising;
    let app_ = app.clone();
    let made = in_pieces(move |asked| {
        let out = clear.beside(files::unnamed(&app_.settings)?);
        file.write(out, &source, clear, asked)
    });
    let made = made.await?;
    verified(app, around, signer, NAME.to_owned(), &made).await?;
    let Made { mut file, content_after } = made;
    file.rewind().map_err(disk())?;
    let mut object = Vec::new();
    (&mut *file).take(content_after.unwrap_or(u64::MAX)).read_to_end(&mut object).map_err(disk())?;
    Ok(object)
}

/// Brings a CMS to its level.
async fn raised(raising: &Raising<'_>, wanted: &ObjectWanted, (cms, signature): (Vec<u8>, &[u8])) -> Result<Vec<u8>> {
    let Raising { app, around, signer, level } = *raising;
    if level == Level::B {
        return Ok(cms);
    }
    if wanted.form == ObjectForm::Pades {
        let token = around.stamping.timestamp(app, &crypto::sha256(signature)).await?;
        return Ok(build::with_signature_timestamp(&cms, &token).map_err(pki)?);
    }
    let mut made = creation::Made::Cades(Cades::new(cms, signature.to_vec()));
    let token = around.stamping.timestamp(app, &made.timestamped()).await?;
    made.add_signature_timestamp(&token).map_err(pki)?;
    if level != Level::T {
        made.add_validation_data(&around.long_term(app, signer).await?).map_err(pki)?;
    }
    if level == Level::LTA {
        let content =
            wanted.content.as_ref().ok_or_else(|| InternalError::other("an archive timestamp without document"))?;
        let over: [u8; 32] = made.archived(content).map_err(pki)?.try_into().map_err(|_| unexpected())?;
        let token = around.stamping.timestamp(app, &over).await?;
        made.add_archive_timestamp(&token).map_err(pki)?;
    }
    Ok(made.into_bytes())
}

/// Nothing leaves with its document that our own verifier does not call valid.
async fn check(raising: &Raising<'_>, wanted: &ObjectWanted, object: &[u8]) -> Result<()> {
    let Raising { app, around, signer, .. } = *raising;
    let Some(content) = &wanted.content else { return Ok(()) };
    let mut file = files::unnamed(&app.settings)?;
    file.write_all(object).map_err(disk())?;
    let content_after = match wanted.form {
        ObjectForm::CadesAttached => None,
        _ => {
            file.write_all(content).map_err(disk())?;
            Some(u64::try_from(object.len()).unwrap_or(u64::MAX))
        }
    };
    let made = Made { file: Clear::of_request(file), content_after };
    verified(app, around, signer, "document.p7s".to_owned(), &made).await.map(drop)
}

/// Tells a XAdES signature from every other in whatever it becomes part of; the same whenever it is made of the same consent.
fn identifier(form: ObjectForm, at: Instant, hash: &[u8]) -> Uuid {
    let text = format!("{form:?} {} {}", at.0, hex::encode(hash));
    let digest = crypto::sha256(text.as_bytes());
    digest.first_chunk::<16>().map_or_else(Uuid::nil, |first| Uuid::from_bytes(*first))
}

/// What a detached signature calls its document: a consent knows no name of it.
const NAME: &str = "document";
const OCTETS: &str = "application/octet-stream";
const XML: &str = "text/xml";
