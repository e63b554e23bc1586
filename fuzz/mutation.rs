//! Mutations that find what random bytes do not: numbers changed in place, pieces doubled, cut, moved or spliced from another seed.

use rand::rngs::StdRng;
use rand::{Rng, RngExt};

/// Tokens that parsers of these formats stumble over.
const TOKENS: [&[u8]; 32] = [
    b"obj",
    b"endobj",
    b"stream",
    b"endstream",
    b"xref",
    b"trailer",
    b"startxref",
    b"%%EOF",
    b"/ByteRange",
    b"/Contents",
    b"/Prev",
    b"/XRefStm",
    b"/Length",
    b"<<",
    b">>",
    b"[",
    b"4294967296",
    b"-1",
    b"99999999999999999999",
    b"\x30\x80",
    b"\x30\x84\xff\xff\xff\xff",
    b"\x00\x00",
    b"\"",
    b"{",
    b"<",
    b"/>",
    b"<!-- -->",
    b"&#x41;",
    b" Id=\"rId1\"",
    b" xmlns=\"\"",
    b"../",
    b"PK\x03\x04",
];

/// A changed copy of `seed`; `other` is what may be spliced in.
pub fn mutate(random: &mut StdRng, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.random_range(1..=6) {
        if bytes.is_empty() {
            bytes.push(random.next_u32() as u8);
        }
        once(random, &mut bytes, other);
    }
    bytes.truncate(LONGEST);
    bytes
}

const LONGEST: usize = 4 << 20;

fn once(random: &mut StdRng, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = random.random_range(0..bytes.len());
    let end = (at + random.random_range(1..=64)).min(bytes.len());
    match random.random_range(0..9) {
        0 => bytes[at] ^= 1 << random.random_range(0..8),
        1 => bytes[at] = random.next_u32() as u8,
        2 => bytes.truncate(at),
        3 => drop(bytes.drain(at..end)),
        4 => {
            let piece = bytes[at..end].to_vec();
            bytes.splice(at..at, piece);
        }
        5 => {
            let token = TOKENS[random.random_range(0..TOKENS.len())];
            bytes.splice(at..at, token.iter().copied());
        }
        6 => number(random, bytes, at),
        7 if !other.is_empty() => {
            let from = random.random_range(0..other.len());
            let to = (from + random.random_range(1..=256)).min(other.len());
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        _ => {
            let token = TOKENS[random.random_range(0..TOKENS.len())];
            let stop = (at + token.len()).min(bytes.len());
            bytes.splice(at..stop, token.iter().copied());
        }
    }
}

/// Changes the next decimal number behind `at`: offsets and lengths are where readers go wrong.
fn number(random: &mut StdRng, bytes: &mut Vec<u8>, at: usize) {
    let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|offset| at + offset) else { return };
    let length = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit()).count().min(15);
    let text = std::str::from_utf8(&bytes[start..start + length]).unwrap_or("0");
    let value: i64 = text.parse().unwrap_or(0);
    let changed = match random.random_range(0..5) {
        0 => value + 1,
        1 => value - 1,
        2 => 0,
        3 => value.saturating_mul(2),
        _ => i64::from(random.next_u32()),
    };
    bytes.splice(start..start + length, changed.to_string().into_bytes());
}
