//! The control file: which calls meet which fault, how often and how many times. Read anew at each call, so that a test changes it while
//! the token is in use. Counts hold over all processes that share the file, each by a file of its own beside it.

use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

/// What a call meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It returns this code and does nothing.
    Code(u64),
    /// It is late by so many milliseconds.
    Delay(u64),
    /// It is late by so many milliseconds, in which it works for nothing: as on a machine that is too busy for it.
    Spin(u64),
    /// It never returns, whatever becomes of the file.
    Hang,
    /// The token is not present, and the sessions of this process are dead for good.
    Vanish,
    /// The process aborts after the call took effect.
    Crash,
    /// One bit of the signature or MAC is another.
    Flip,
    /// The signature or MAC is of another input.
    Other,
    /// The signature or MAC is two bytes short.
    Short,
    /// The token shows these flags, too (C_GetTokenInfo).
    Flags(u64),
    /// The token has a PIN pad on which this number is typed whenever it is asked for (C_Login without a PIN).
    Pad(u64),
}

/// The file and this process's place in its random sequence.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    process: u64,
    calls: AtomicU64,
}

impl Control {
    /// The file may be missing: then nothing fails.
    pub fn new(path: PathBuf) -> Self {
        let mut control = Self { path, process: 0, calls: AtomicU64::new(0) };
        control.process = (0..u64::MAX).find(|number| control.claim(&format!("process-{number}"))).unwrap_or(0);
        control
    }

    /// What a call of this function meets now.
    pub fn fault(&self, function: &str) -> Option<Fault> {
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let mut seed = 0;
        for (number, line) in text.lines().enumerate() {
            let mut words = line.split_whitespace();
            let Some(wanted) = words.next().filter(|word| !word.starts_with('#')) else { continue };
            if wanted == "seed" {
                seed = words.next().map_or(0, |value| numeral(value, line));
            } else if wanted == "*" || wanted == function {
                let order = Order::parse(words, line);
                if self.meets(&order, number, seed) {
                    return Some(order.fault);
                }
            }
        }
        None
    }

    fn meets(&self, order: &Order, line: usize, seed: u64) -> bool {
        if order.per_mille < 1_000 && self.random(seed) % 1_000 >= order.per_mille {
            return false;
        }
        // A count belongs to this text of the line: written anew with another seed it starts afresh.
        order.count.is_none_or(|count| (0..count).any(|turn| self.claim(&format!("{seed}-{line}-{turn}"))))
    }

    /// A number of the sequence that seed, process and call give.
    pub fn random(&self, seed: u64) -> u64 {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut state =
            seed ^ self.process.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ call.wrapping_mul(0xD1B5_4A32_D192_ED03);
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        state ^ (state >> 31)
    }

    /// Whether this process is the first to ask for that turn.
    fn claim(&self, turn: &str) -> bool {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{turn}"));
        OpenOptions::new().write(true).create_new(true).open(name).is_ok()
    }
}

struct Order {
    fault: Fault,
    per_mille: u64,
    count: Option<u64>,
}

impl Order {
    fn parse<'a>(words: impl Iterator<Item = &'a str>, line: &str) -> Self {
        let (mut fault, mut per_mille, mut count) = (None, 1_000, None);
        for word in words {
            match word.split_once('=') {
                Some(("rv", name)) => fault = Some(Fault::Code(code(name, line))),
                Some(("delay", value)) => fault = Some(Fault::Delay(numeral(value, line))),
                Some(("spin", value)) => fault = Some(Fault::Spin(numeral(value, line))),
                Some(("flags", value)) => fault = Some(Fault::Flags(numeral(value, line))),
                Some(("pad", value)) => fault = Some(Fault::Pad(numeral(value, line))),
                Some(("per_mille", value)) => per_mille = numeral(value, line),
                Some(("count", value)) => count = Some(numeral(value, line)),
                None if word == "hang" => fault = Some(Fault::Hang),
                None if word == "vanish" => fault = Some(Fault::Vanish),
                None if word == "crash" => fault = Some(Fault::Crash),
                None if word == "flip" => fault = Some(Fault::Flip),
                None if word == "other" => fault = Some(Fault::Other),
                None if word == "short" => fault = Some(Fault::Short),
                _ => unreadable(line),
            }
        }
        Self { fault: fault.unwrap_or_else(|| unreadable(line)), per_mille, count }
    }
}

fn code(name: &str, line: &str) -> u64 {
    CODES.iter().find(|(known, _)| *known == name).map_or_else(|| unreadable(line), |(_, value)| *value)
}

fn numeral(text: &str, line: &str) -> u64 {
    text.parse().unwrap_or_else(|_| unreadable(line))
}

/// A test that means something else than it says must not pass.
fn unreadable(line: &str) -> ! {
    eprintln!("fault module: cannot read the line {line:?}");
    std::process::abort()
}

/// PKCS#11 v3.1 §6.1.
const CODES: [(&str, u64); 14] = [
    ("CKR_HOST_MEMORY", 0x02),
    ("CKR_GENERAL_ERROR", 0x05),
    ("CKR_FUNCTION_FAILED", 0x06),
    ("CKR_DEVICE_ERROR", 0x30),
    ("CKR_DEVICE_MEMORY", 0x31),
    ("CKR_DEVICE_REMOVED", 0x32),
    ("CKR_FUNCTION_CANCELED", 0x50),
    ("CKR_PIN_INCORRECT", 0xA0),
    ("CKR_PIN_EXPIRED", 0xA3),
    ("CKR_PIN_LOCKED", 0xA4),
    ("CKR_SESSION_CLOSED", 0xB0),
    ("CKR_SESSION_HANDLE_INVALID", 0xB3),
    ("CKR_TOKEN_NOT_PRESENT", 0xE0),
    ("CKR_USER_NOT_LOGGED_IN", 0x101),
];
