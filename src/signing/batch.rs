//! Several PDFs signed with one activation: each is prepared, the activation is for exactly their digests, and each is finished by itself.
//! One that cannot be prepared or finished is told beside the others and does not keep them back.

use super::{
    code::FreshCode,
    create::Order,
    document::{self, Bytes},
    evidence::Surroundings,
    form::Form,
    places::Place,
    request::SignRequest,
    sign::{Made, PreparedPdf, Unrecorded},
};
use crate::{
    accounts::Principal,
    app::App,
    custody::{self, Factors, Wanted},
    error::{InternalError, Result},
};
use chuky_model::{id::CredentialId, record::document::Document};

/// A PDF with how it is to be signed; whoever gives it has checked that the caller may.
pub struct ToSign {
    pub document: Document,
    pub wanted: SignRequest,
}

/// Signs all with one PIN and one activation. What came of each, in order: a signed file whose row the caller records. The whole fails
/// where nothing can be signed at all: a wrong PIN, a revoked certificate.
pub async fn sign_all(
    app: &App,
    by: &Principal,
    credential: CredentialId,
    factors: &Factors,
    all: &[ToSign],
) -> Result<Vec<Result<Unrecorded>>> {
    // 1. Who signs, and each document as far as its digest.
    let signer = custody::signer(app, by, credential).await?;
    let around = Surroundings::of(app, &signer).await?;
    // One place for all: they are one request.
    let place = app.places.enter(by.account)?;
    let mut prepared = Vec::new();
    for one in all {
        let name = document::name_of(app, &one.document)?;
        let code = one.wanted.code.as_ref().map(FreshCode::new).transpose()?;
        let order = Order {
            app,
            by,
            signer: &signer,
            around: &around,
            wanted: &one.wanted,
            factors,
            document: &one.document,
            name: &name,
            form: Form::Pades,
            code: code.as_ref(),
        };
        prepared.push((prepare(&order, place.clone()).await, name.clone(), code.clone()));
    }
    // 2. One activation for exactly these. Copies of one document have one digest, which is signed once.
    let hashes = distinct(prepared.iter().filter_map(|(one, ..)| one.as_ref().ok()).map(PreparedPdf::digest_to_sign));
    let mut signatures = Vec::new();
    if !hashes.is_empty() {
        let shown = all.iter().map(|one| Bytes::newest(&one.document).written.sha256.clone()).collect();
        let scheme = signer.credential.algorithm.default_scheme();
        let document = all.first().filter(|_| all.len() == 1).map(|one| one.document.id);
        let wanted = Wanted { scheme, hashes: hashes.clone(), document, shown };
        signatures = custody::sign_hashes(app, by, credential, factors, wanted).await?;
    }
    // 3. Each by itself.
    let mut made = Vec::new();
    for ((prepared, name, code), one) in prepared.into_iter().zip(all) {
        let order = Order {
            app,
            by,
            signer: &signer,
            around: &around,
            wanted: &one.wanted,
            factors,
            document: &one.document,
            name: &name,
            form: Form::Pades,
            code: code.as_ref(),
        };
        let outcome = async {
            let prepared = prepared?;
            let at = hashes.iter().position(|hash| hash == prepared.digest_to_sign());
            let signature = at.and_then(|at| signatures.get(at));
            let signature = signature.ok_or_else(|| InternalError::other("the HSM gave no signature"))?;
            let pages = prepared.pages();
            let file = prepared.finish(&order, signature).await?;
            Unrecorded::new(&order, Made { file, content_after: None }).await?.with_code(&order, pages).await
        };
        made.push(outcome.await);
    }
    Ok(made)
}

fn distinct<'a>(all: impl Iterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut hashes: Vec<Vec<u8>> = Vec::new();
    for hash in all {
        if !hashes.iter().any(|known| known == hash) {
            hashes.push(hash.to_vec());
        }
    }
    hashes
}

async fn prepare(order: &Order<'_>, place: Place) -> Result<PreparedPdf> {
    order.wanted.check_look(order.app, Some(&order.signer.row)).await?;
    let clear = document::opened(order.app, order.document, Bytes::newest(order.document), place).await?;
    PreparedPdf::new(order, clear).await
}
