//! Bounds of the authorization server, with their units and reasons.

/// Characters of an application's name: one line on the page of consent.
pub const NAME_CHARACTERS: usize = 100;
/// Redirection addresses of one application.
pub const MOST_REDIRECT_URIS: usize = 10;
/// Octets of one redirection address.
pub const REDIRECT_URI_LENGTH: usize = 500;
/// Octets of `state`, which is only carried back.
pub const STATE_LENGTH: usize = 500;
/// Characters of what an application says of a transaction (CSC API v2 §11.6: 500).
pub const DESCRIPTION_CHARACTERS: usize = 500;
/// RFC 6749 §4.1.2: a code lives for as short as it can; browsers are redirected within seconds.
pub const CODE_SECONDS: i64 = 60;
/// An access token's life.
pub const TOKEN_SECONDS: i64 = 3_600;
/// How long an application may go on where its user allowed that (`offline_access`), from the consent on whatever it does meanwhile.
pub const REFRESH_SECONDS: i64 = 30 * 86_400;
/// How long codes and tokens that are over are kept, so that a replay is known as one.
pub const GRANTS_KEPT_SECONDS: i64 = 86_400;
/// Codes, tokens or activations of one account that are read at once: a PIN can be entered 60 times in a minute by default, and an
/// activation lasts five.
pub const GRANTS_AT_ONCE: i64 = 1_000;
/// Applications of one page of a list.
pub const PAGE: i64 = 50;
