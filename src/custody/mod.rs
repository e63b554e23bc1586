//! What the service does of key custody: the rules for PINs and what Argon2id makes of them. Keys, seals and activations
//! themselves are inside the HSM workers; neither a PIN nor what is made of it is stored or logged anywhere.

pub mod pin;

pub use pin::{Pin, PinError, SealParameters, Stretcher};
