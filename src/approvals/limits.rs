//! Bounds of approvals on another device, with their units and reasons.

/// How long a question waits for its signer, in seconds: as long as an activation lasts; whoever starts a signature has the device at hand.
pub const APPROVAL_SECONDS: i64 = 300;
/// Questions of one credential that wait at a time, whoever asks: a page that can be read.
pub const MOST_WAITING: i64 = 5;
/// Questions of one application to one credential's holder within [`ASKED_SECONDS`].
pub const MOST_ASKED: i64 = 30;
/// See [`MOST_ASKED`]; also how long an application waits whose question was refused as not the holder's own.
pub const ASKED_SECONDS: i64 = 3_600;
/// Wrong numbers after which a question counts as refused: of 90, three are guessed once in thirty times.
pub const MOST_WRONG_NUMBERS: i64 = 3;
/// Between two messages to one holder, in seconds: whoever has read one looks at the page.
pub const MESSAGE_SECONDS: i64 = 600;
/// Messages to one holder in a day, whatever asks.
pub const MOST_MESSAGES: i64 = 10;
/// How long questions are kept: a day, over which messages are counted.
pub const KEPT_SECONDS: i64 = 86_400;
/// After how many seconds an application asks again.
pub const POLL_SECONDS: u32 = 2;
/// Characters of what an application calls one document.
pub const NAME_CHARACTERS: usize = 200;
/// Characters of all of these together.
pub const NAMES_CHARACTERS: usize = 20_000;
/// Characters of the longest handle that is looked at; one has 64.
pub const LONGEST_HANDLE: usize = 128;
