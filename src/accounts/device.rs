//! Devices from which an account's holder has logged in before. What a device keeps is a random number with a keyed hash over it and the
//! account, so that nothing is stored here and nobody makes one up. It opens nothing; it only keeps strangers' wrong tries apart.

use crate::app::App;
use chuky_model::id::AccountId;
use rand::Rng;
use subtle::ConstantTimeEq;

/// What a device keeps from which the account's holder made the account.
pub fn device_token(app: &App, account: AccountId) -> String {
    token(app, account, None)
}

/// What a device keeps: of that number, or of a fresh one.
pub(super) fn token(app: &App, account: AccountId, nonce: Option<String>) -> String {
    let nonce = nonce.unwrap_or_else(|| {
        let mut bytes = [0; 16];
        rand::rng().fill_bytes(&mut bytes);
        hex::encode(bytes)
    });
    let proof = hex::encode(proof(app, account, &nonce));
    format!("{nonce}.{proof}")
}

/// The number of a device that has proved itself for this account.
pub(super) fn known(app: &App, account: AccountId, token: &str) -> Option<String> {
    let (nonce, given) = token.split_once('.')?;
    let given = hex::decode(given).ok()?;
    let right = nonce.len() == 32 && bool::from(given.ct_eq(proof(app, account, nonce).as_slice()));
    right.then(|| nonce.to_owned())
}

fn proof(app: &App, account: AccountId, nonce: &str) -> [u8; 32] {
    app.vault.lookup("device", &format!("{account}\n{nonce}"))
}
