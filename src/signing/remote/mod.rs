//! Remote signing for applications (CSC API): hashes that the signer allowed with a PIN, signed by later calls that hold the activation
//! data; and signature objects over documents (`object`), made from the same consent. What exactly may be signed is fixed when the PIN is
//! entered: each hash itself, and for each form of a signature the one digest that says nothing but that hash, this certificate and the
//! time of the consent.

mod object;

pub use object::{ObjectForm, ObjectWanted};

use super::{evidence::Surroundings, files, routed::refuse_marked_pdf, sign::append};
use crate::{
    accounts::Principal,
    app::App,
    custody::{self, Factors, Sad, Signer},
    error::{RequestError, RequestErrorKind, Result},
    issuance::timestamp,
};
use chuky_model::{id::CredentialId, instant::Instant, request::Hierarchy, role::Role};
use chuky_pki::algorithm::DigestAlgorithm;
use object::{Given, Making, Object};

/// What may be made of an allowed hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variants {
    /// A signature over the hash itself.
    HashOnly,
    /// One of: that, a signature object in one of the forms.
    All,
}

/// Tries the PIN, counted, and allows one signature for each hash.
pub async fn authorize(
    app: &App,
    by: &Principal,
    credential: CredentialId,
    hashes: &[Vec<u8>],
    variants: Variants,
    factors: &Factors,
) -> Result<Sad> {
    let signer = custody::signer(app, by, credential).await?;
    check_hashes(&signer, hashes)?;
    let at = Instant::from_unix_seconds(app.clock.now().unix_seconds());
    let mut digests = hashes.to_vec();
    if variants == Variants::All {
        let travelling = Surroundings::of(app, &signer).await?.travelling()?;
        let making = Making { app, signer: &signer, travelling: &travelling };
        for form in ObjectForm::ALLOWED {
            for hash in hashes {
                digests.push(Object::of_hash(&making, at, form, hash)?.digest_to_sign().to_vec());
            }
        }
    }
    custody::authorize(app, by, &signer, factors, (digests, hashes.to_vec()), (hashes.len(), at)).await
}

/// Whether each hash has the length that the signer's key signs, and comes once.
pub fn check_hashes(signer: &Signer, hashes: &[Vec<u8>]) -> Result<(), RequestError> {
    let length = signer.credential.algorithm.default_scheme().hash().length();
    if hashes.iter().any(|hash| hash.len() != length) {
        return Err(wrong_length());
    }
    let distinct: std::collections::HashSet<&Vec<u8>> = hashes.iter().collect();
    if distinct.len() == hashes.len() { Ok(()) } else { Err(custody::hashes_invalid()) }
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

/// Signature objects over allowed document hashes, in order. The value of each is verified before it is handed out, and where the document
/// was given the whole by our own verifier.
pub async fn sign_objects(
    app: &App,
    by: &Principal,
    signer: &Signer,
    sad: &Sad,
    wanted: &[ObjectWanted],
) -> Result<Vec<Vec<u8>>> {
    let around = Surroundings::of(app, signer).await?;
    let travelling = around.travelling()?;
    let making = Making { app, signer, travelling: &travelling };
    // 1. Documents are read where a stranger's may be, before anything is used up.
    let mut given = Vec::with_capacity(wanted.len());
    for one in wanted {
        if let Some(content) = &one.content {
            let mut clear = files::unnamed(&app.settings)?;
            append(&mut clear, content)?;
            refuse_marked_pdf(app, &clear).await?;
        }
        given.push(Given::of(&making, one).await?);
    }
    // 2. Prepared as they were when the PIN was entered, and signed.
    let choose = |at: Instant| {
        let mut objects = Vec::with_capacity(wanted.len());
        for (one, given) in wanted.iter().zip(&given) {
            objects.push(Object::new(&making, at, one, given)?);
        }
        let digests = objects.iter().map(|object| object.digest_to_sign().to_vec()).collect();
        Ok((digests, objects))
    };
    let (signatures, objects) = custody::sign_authorized(app, by, signer, sad, choose).await?;
    // 3. Each brought to its level and checked.
    let mut finished = Vec::with_capacity(wanted.len());
    for (((one, given), object), signature) in wanted.iter().zip(given).zip(objects).zip(&signatures) {
        finished.push(object.finish(&making, &around, (one, given), signature).await?);
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

fn wrong_length() -> RequestError {
    RequestError::new(
        RequestErrorKind::Invalid,
        "digest_length",
        "Giá trị băm không đúng độ dài của thuật toán băm.",
        "A hash does not have the length of the hash algorithm.",
    )
}
