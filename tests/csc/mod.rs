//! The Cloud Signature Consortium API: the road of a signature in both versions, pyHanko's own signer, OAuth 2.0 with its attacks and quotas,
//! signature objects judged by openssl, xmlsec1, signxml and joserfc, and what the specification's errors say.

mod approval;
mod attacks;
pub mod client;
mod forms;
pub mod oauth;
mod objects;
mod otp;
mod quotas;
mod refresh;
mod road;
mod withdrawal;
