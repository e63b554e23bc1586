//! Signing documents: the whole road judged by foreign tools, what is refused, attacks with SQL, kills at every effect, the command
//! line, a person's own token; and custody around it: another PIN, unlocking, peppers.

mod attacks;
pub mod bridge;
mod broken_off;
mod code;
mod command_line;
mod crashes;
mod extension;
pub mod factor;
mod factor_passkey;
pub mod foreign;
mod formats;
mod hang_up;
mod large;
mod levels;
mod own_token;
mod peppers;
mod picture;
mod pin;
mod placed;
mod places;
mod road;
mod seen;
pub mod service;
mod stale_token;
pub mod subscriber;
mod swapped;
mod taken_away;
pub mod two_step;
pub mod unlock;
mod watched;
