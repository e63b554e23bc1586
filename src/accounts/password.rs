//! Passwords of accounts: hashed with Argon2id into a PHC string. They open sessions, never keys.

use crate::error::{InternalError, RequestError, Result};
use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A password on its way to being hashed or checked. It wipes itself and cannot be printed.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

impl Password {
    /// A password that is being chosen: 10 to 128 characters.
    pub fn choose(text: &str) -> Result<Self> {
        if !(SHORTEST_PASSWORD as usize..=LONGEST).contains(&text.chars().count()) {
            let (vi, en) = ("Mật khẩu cần từ 10 đến 128 ký tự.", "A password has 10 to 128 characters.");
            return Err(RequestError::invalid("password", "password_length", vi, en).into());
        }
        Ok(Self(text.to_owned()))
    }

    /// A password as somebody typed it. One that is too long is cut, and so is wrong.
    pub fn enter(text: &str) -> Self {
        Self(text.chars().take(LONGEST + 1).collect())
    }

    /// Argon2id with the crate's recommended cost and a random salt, as a PHC string. Takes a core for a while.
    pub async fn hash(self) -> Result<String> {
        let hashed = tokio::task::spawn_blocking(move || {
            Argon2::default().hash_password(self.0.as_bytes()).map(|hash| hash.to_string())
        });
        let hashed = hashed.await.map_err(|error| InternalError::other(error.to_string()))?;
        Ok(hashed.map_err(|error| InternalError::other(format!("password hash: {error}")))?)
    }

    /// Whether the password is the one of the hash. Without a hash the same work is done, and the answer is no.
    pub async fn matches(self, hash: Option<String>) -> Result<bool> {
        let checked = tokio::task::spawn_blocking(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
            let parsed = PasswordHash::new(&hash).map_err(|error| error.to_string())?;
            Ok::<bool, String>(Argon2::default().verify_password(self.0.as_bytes(), &parsed).is_ok() && known)
        });
        let checked = checked.await.map_err(|error| InternalError::other(error.to_string()))?;
        Ok(checked.map_err(|error| InternalError::other(format!("password hash: {error}")))?)
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(…)")
    }
}

/// Characters of the shortest password.
pub const SHORTEST_PASSWORD: u32 = 10;
const LONGEST: usize = 128;
/// The hash of a random value, of the same cost, for log-ins that do not exist.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$ZG9lc25vdGV4aXN0IQ$yF0WvmUhUyP1zVnIxSZM7Tz5dJvW8oQ1mJ0rNw2sK4A";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_matches() {
        let hash = Password::choose("một mật khẩu dài").unwrap().hash().await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(Password::enter("một mật khẩu dài").matches(Some(hash.clone())).await.unwrap());
        assert!(!Password::enter("một mật khẩu dai").matches(Some(hash)).await.unwrap());
        assert!(!Password::enter("một mật khẩu dài").matches(None).await.unwrap());
        assert!(Password::choose("ngắn").is_err());
    }
}
