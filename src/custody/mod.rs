//! What the service does of key custody: the rules for PINs and what Argon2id makes of them, second factors beside them, tries that are
//! counted before they are made, and activations that allow exactly some hashes once. Keys, seals and activation secrets themselves are inside the HSM
//! workers; neither a PIN nor what is made of it is stored or logged anywhere.

mod activation;
mod credential;
mod factor;
pub mod pepper;
pub mod pin;
mod pin_change;
mod sad;
mod tries;
mod unlock;

pub use activation::{
    Activated, Wanted, close_activation, close_expired, hashes_invalid, open_activation, sign_hashes, use_activation,
};
pub use credential::{Signer, signer, signers};
pub use factor::{Demand, Factors, demand};
pub use pin::{Pin, PinError, SealParameters, Stretcher};
pub use pin_change::change_pin;
pub use sad::{HASHES_KEPT_SECONDS, SAD_SECONDS, Sad, authorize, sign_authorized};
pub use unlock::{UnlockView, ask_unlock, decide_unlock, open_unlocks};
