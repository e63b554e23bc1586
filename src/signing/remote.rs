//! Remote signing for applications (CSC API): hashes that the signer allowed with a PIN, signed by later calls that hold the activation
//! data; and the CAdES and PAdES signature objects over document hashes, made from the same consent. What exactly may be signed is fixed
//! when the PIN is entered: each hash itself, and the two signed-attribute sets that say nothing but that hash, this certificate and the
//! time of the consent.

use super::{
    evidence::Surroundings,
    files,
    places::Clear,
    request::Level,
    sign::{Made, disk, pki, verified},
};
use crate::{
    accounts::Principal,
    app::App,
    custody::{self, Pin, Sad, Signer},
    error::{InternalError, RequestError, RequestErrorKind, Result},
    issuance::timestamp,
};
use chuky_model::{id::CredentialId, instant::Instant, request::Hierarchy, role::Role};
use chuky_pki::{
    algorithm::DigestAlgorithm,
    cms::build::{self, Content, SignatureToMake},
    creation::{self, Cades},
    crypto,
};
use std::io::Write;

/// What may be made of an allowed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variants {
    /// A signature over the hash itself.
    HashOnly,
    /// One of: that, a CAdES object, a PAdES object.
    All,
}

/// Form of a signature object over a document's hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectForm {
    /// CMS that states its time (EN 319 122-1), beside the document.
    CadesDetached,
    /// The same around the document.
    CadesAttached,
    /// CMS for a PDF's signature dictionary (EN 319 142-1), over the hash of its byte range.
    Pades,
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

/// Tries the PIN, counted, and allows one signature for each hash.
pub async fn authorize(
    app: &App,
    by: &Principal,
    credential: CredentialId,
    hashes: &[Vec<u8>],
    variants: Variants,
    pin: &Pin,
) -> Result<Sad> {
    let signer = custody::signer(app, by, credential).await?;
    let length = signer.credential.algorithm.default_scheme().hash().length();
    if hashes.iter().any(|hash| hash.len() != length) {
        return Err(wrong_length().into());
    }
    let at = Instant::from_unix_seconds(app.clock.now().unix_seconds());
    let mut digests = hashes.to_vec();
    if variants == Variants::All {
        for form in [ObjectForm::CadesDetached, ObjectForm::Pades] {
            for hash in hashes {
                digests.push(to_make(&signer, at, form, hash)?.digest_to_sign().to_vec());
            }
        }
    }
    custody::authorize(app, by, &signer, pin, digests, (hashes.len(), at)).await
}

/// Signatures over allowed hashes, in order.
pub async fn sign_hashes(
    app: &App,
    by: &Principal,
    signer: &Signer,
    sad: &Sad,
    hashes: &[Vec<u8>],
) -> Result<Vec<Vec<u8>>> {
    let signed = custody::sign_authorized(app, by, signer, sad, |_| Ok((hashes.to_vec(), ())));
    Ok(signed.await?.0)
}

/// Signature objects (CMS, DER) over allowed document hashes, in order. The value of each is verified before it is handed out, and where
/// the document was given the whole by our own verifier.
pub async fn sign_objects(
    app: &App,
    by: &Principal,
    signer: &Signer,
    sad: &Sad,
    wanted: &[ObjectWanted],
) -> Result<Vec<Vec<u8>>> {
    let choose = |at: Instant| {
        let mut objects = Vec::with_capacity(wanted.len());
        for one in wanted {
            let made = match (one.form, &one.content) {
                (ObjectForm::CadesAttached, Some(content)) => attached(signer, at, content)?,
                (form, _) => to_make(signer, at, form, &one.hash)?,
            };
            objects.push(made);
        }
        let digests = objects.iter().map(|object| object.digest_to_sign().to_vec()).collect();
        Ok((digests, objects))
    };
    let (signatures, objects) = custody::sign_authorized(app, by, signer, sad, choose).await?;
    let around = Surroundings::of(app, signer).await?;
    let travelling = around.travelling()?;
    let mut finished = Vec::with_capacity(wanted.len());
    for ((one, object), signature) in wanted.iter().zip(&objects).zip(&signatures) {
        let cms = object.assemble(signature, &travelling).map_err(pki)?;
        let object = raised(app, &around, signer, one, (cms, signature.as_slice())).await?;
        check(app, &around, signer, one, &object).await?;
        finished.push(object);
    }
    Ok(finished)
}

/// A timestamp token of the authority that the caller belongs to.
pub async fn time_stamp(
    app: &App,
    by: &Principal,
    algorithm: DigestAlgorithm,
    digest: &[u8],
    nonce: Option<&[u8]>,
) -> Result<Vec<u8>> {
    let hierarchy = if by.has(Role::Citizen) { Hierarchy::Citizens } else { Hierarchy::Officials };
    match timestamp::token_over(app, hierarchy, algorithm, digest, nonce).await? {
        Ok(token) => Ok(token),
        Err(chuky_pki::timestamp::Failure::TimeNotAvailable) => Err(RequestError::try_again().into()),
        Err(_) => Err(wrong_length().into()),
    }
}

fn to_make(signer: &Signer, at: Instant, form: ObjectForm, hash: &[u8]) -> Result<SignatureToMake> {
    let scheme = signer.credential.algorithm.default_scheme();
    let made = match form {
        ObjectForm::Pades => SignatureToMake::detached(scheme, hash, &signer.certificate),
        ObjectForm::CadesDetached | ObjectForm::CadesAttached => {
            SignatureToMake::cades(scheme, Content::Detached(hash), &signer.certificate, at)
        }
    };
    Ok(made.map_err(|_| wrong_length())?)
}

fn attached(signer: &Signer, at: Instant, content: &[u8]) -> Result<SignatureToMake> {
    let scheme = signer.credential.algorithm.default_scheme();
    let made = SignatureToMake::cades(scheme, Content::Attached(content.to_vec()), &signer.certificate, at);
    Ok(made.map_err(pki)?)
}

/// Brings an object to its level.
async fn raised(
    app: &App,
    around: &Surroundings,
    signer: &Signer,
    wanted: &ObjectWanted,
    (cms, signature): (Vec<u8>, &[u8]),
) -> Result<Vec<u8>> {
    if wanted.level == Level::B {
        return Ok(cms);
    }
    if wanted.form == ObjectForm::Pades {
        let token = around.stamping.timestamp(app, &crypto::sha256(signature)).await?;
        return Ok(build::with_signature_timestamp(&cms, &token).map_err(pki)?);
    }
    let mut made = creation::Made::Cades(Cades::new(cms, signature.to_vec()));
    let token = around.stamping.timestamp(app, &made.timestamped()).await?;
    made.add_signature_timestamp(&token).map_err(pki)?;
    if wanted.level != Level::T {
        made.add_validation_data(&around.long_term(app, signer).await?).map_err(pki)?;
    }
    if wanted.level == Level::LTA {
        let content =
            wanted.content.as_ref().ok_or_else(|| InternalError::other("an archive timestamp without document"))?;
        let over: [u8; 32] = made.archived(content).map_err(pki)?.try_into().map_err(|_| super::sign::unexpected())?;
        let token = around.stamping.timestamp(app, &over).await?;
        made.add_archive_timestamp(&token).map_err(pki)?;
    }
    Ok(made.into_bytes())
}

/// Nothing leaves with its document that our own verifier does not call valid.
async fn check(app: &App, around: &Surroundings, signer: &Signer, wanted: &ObjectWanted, object: &[u8]) -> Result<()> {
    let Some(content) = &wanted.content else { return Ok(()) };
    let mut file = files::unnamed(&app.settings)?;
    file.write_all(object).map_err(disk())?;
    let content_after = match wanted.form {
        ObjectForm::CadesAttached => None,
        ObjectForm::CadesDetached | ObjectForm::Pades => {
            file.write_all(content).map_err(disk())?;
            Some(u64::try_from(object.len()).unwrap_or(u64::MAX))
        }
    };
    let made = Made { file: Clear::of_request(file), content_after };
    verified(app, around, signer, "document.p7s".to_owned(), &made).await.map(drop)
}

fn wrong_length() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "digest_length",
        "Giá trị băm không đúng độ dài của thuật toán băm.",
        "A hash does not have the length of the hash algorithm.",
    )
}
