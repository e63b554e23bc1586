//! What the service does of key custody: the rules for PINs and what Argon2id makes of them, tries that are counted before they are
//! made, and activations that allow exactly some hashes once. Keys, seals and activation secrets themselves are inside the HSM
//! workers; neither a PIN nor what is made of it is stored or logged anywhere.

mod activation;
mod credential;
pub mod pin;
mod tries;

pub use activation::{Activated, Wanted, close_expired, open_activation, sign_hashes, use_activation};
pub use credential::{Signer, signer, signers, subject};
pub use pin::{Pin, PinError, SealParameters, Stretcher};
