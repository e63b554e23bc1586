//! Activation data on its way from the signer's request to the application's: sealed to a key that is made of the handle, which the
//! application alone has. Neither the database nor the service opens it without the handle.

use crate::{
    custody::Sad,
    error::{InternalError, Result},
};
use aes_gcm::{
    Aes256Gcm, Key, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use chuky_model::record::signing_approval::SigningApproval;
use chuky_pki::crypto::AgreementKey;
use hkdf::Hkdf;
use rand::Rng;
use sha2::Sha256;
use zeroize::Zeroizing;

/// The public key of a handle.
pub(super) fn recipient(handle: &str) -> Result<Vec<u8>> {
    Ok(of_handle(handle)?.public().map_err(unusable)?)
}

/// Seals activation data for whoever has the handle of this row.
pub(super) fn seal(row: &SigningApproval, sad: &Sad) -> Result<Vec<u8>> {
    let mut seed = Zeroizing::new([0_u8; 32]);
    rand::rng().fill_bytes(seed.as_mut_slice());
    let once = AgreementKey::from_seed(&seed).map_err(unusable)?;
    let public = once.public().map_err(unusable)?;
    let common = Zeroizing::new(once.agree(&row.recipient).map_err(unusable)?);
    let bound = bound(row);
    let payload = Payload { msg: sad.reveal().as_bytes(), aad: &bound };
    let sealed = cipher(&common, &public, &row.recipient).encrypt(&Nonce::from(NONCE), payload);
    let sealed = sealed.map_err(|_| InternalError::other("activation data could not be sealed"))?;
    Ok([public, sealed].concat())
}

/// Opens it.
pub(super) fn open(row: &SigningApproval, handle: &str, sealed: &[u8]) -> Result<Sad> {
    let forged = || InternalError::RowForged { table: "signing_approval" };
    let (public, sealed) = sealed.split_at_checked(PUBLIC_LENGTH).ok_or_else(forged)?;
    let common = Zeroizing::new(of_handle(handle)?.agree(public).map_err(|_| forged())?);
    let bound = bound(row);
    let plain =
        cipher(&common, public, &row.recipient).decrypt(&Nonce::from(NONCE), Payload { msg: sealed, aad: &bound });
    let plain = plain.map(Zeroizing::new).map_err(|_| forged())?;
    Ok(Sad::enter(std::str::from_utf8(&plain).map_err(|_| forged())?))
}

/// What the data is sealed for, beside the key: this question of this client.
fn bound(row: &SigningApproval) -> Vec<u8> {
    [row.id.as_bytes().as_slice(), row.client.as_bytes()].concat()
}

fn of_handle(handle: &str) -> Result<AgreementKey> {
    Ok(AgreementKey::from_seed(&derived(handle.as_bytes(), b"chuky-approval-handle-v1")).map_err(unusable)?)
}

fn unusable(error: chuky_pki::error::Error) -> InternalError {
    InternalError::Pki(error.to_string())
}

/// Each key pair of [`seal`] is used once, so the key needs no random nonce.
fn cipher(common: &[u8], public: &[u8], recipient: &[u8]) -> Aes256Gcm {
    let purpose = [b"chuky-approval-v1".as_slice(), public, recipient].concat();
    Aes256Gcm::new(&Key::<Aes256Gcm>::from(*derived(common, &purpose)))
}

fn derived(secret: &[u8], purpose: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0_u8; 32]);
    Hkdf::<Sha256>::new(None, secret)
        .expand(purpose, key.as_mut_slice())
        .unwrap_or_else(|_| unreachable!("32 bytes are within HKDF's limit of 255 hashes"));
    key
}

const NONCE: [u8; 12] = [0; 12];
/// RFC 7748 §5.
const PUBLIC_LENGTH: usize = 32;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use chuky_model::{
        id::{AccountId, CredentialId, SigningApprovalId},
        instant::Instant,
        record::state::SigningApprovalState,
    };
    use uuid::Uuid;

    fn row(handle: &str, client: &str) -> SigningApproval {
        SigningApproval {
            id: SigningApprovalId(Uuid::nil()),
            handle_hash: Vec::new(),
            recipient: recipient(handle).unwrap(),
            credential_id: CredentialId(Uuid::nil()),
            account_id: AccountId(Uuid::nil()),
            client: client.to_owned(),
            hashes: Vec::new(),
            hash_count: 1,
            said: Vec::new(),
            number: 47,
            wrong_numbers: 0,
            state: SigningApprovalState::Waiting,
            refusal: None,
            activation_id: None,
            sealed_activation: None,
            told_at: None,
            created_at: Instant(0),
            expires_at: Instant(0),
            decided_at: None,
            version: 1,
            mac: Vec::new(),
        }
    }

    #[test]
    fn only_the_handle_opens_it_and_only_for_its_own_question() {
        let mine = row("handle", "oauth:1");
        let sealed = seal(&mine, &Sad::enter("secret")).unwrap();
        assert_eq!(open(&mine, "handle", &sealed).unwrap().reveal(), "secret");
        assert!(!sealed.windows(6).any(|octets| octets == b"secret"));
        assert_ne!(seal(&mine, &Sad::enter("secret")).unwrap(), sealed);
        for (other, handle) in
            [(row("handle", "oauth:2"), "handle"), (row("other", "oauth:1"), "other"), (mine.clone(), "other")]
        {
            assert!(open(&other, handle, &sealed).is_err());
        }
        let mut altered = sealed.clone();
        altered[40] ^= 1;
        assert!(open(&mine, "handle", &altered).is_err());
        assert!(open(&mine, "handle", &sealed[..20]).is_err());
        // Somebody else's key in the row, with which they could open what is sealed to it.
        let foreign = SigningApproval { recipient: recipient("other").unwrap(), ..mine.clone() };
        let sealed = seal(&foreign, &Sad::enter("secret")).unwrap();
        assert!(open(&mine, "handle", &sealed).is_err());
    }
}
