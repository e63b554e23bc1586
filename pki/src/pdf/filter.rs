//! Decoding of stream data (ISO 32000-1 §7.4): Flate, LZW, ASCIIHex, ASCII85, RunLength and their predictors.
//! Image filters are not decoded: their data is compared as it is. Every decoder stops at `limits::STREAM_BYTES`.

use super::error::PdfError;
use super::lexer::{hex_value, is_space};
use super::limits;
use super::object::{Dictionary, Object};
use super::predictor;
use flate2::{Decompress, FlushDecompress, Status};

/// Decodes data whose filter entries are all direct objects (cross-reference streams).
pub(super) fn decode_direct(raw: &[u8], dictionary: &Dictionary) -> Result<Vec<u8>, PdfError> {
    let direct = |key: &str| dictionary.value(key).cloned().unwrap_or_default();
    let (filters, parameters) = (&direct("Filter"), &direct("DecodeParms"));
    Filters { filters, parameters, opened: false, regularly: false }.decode(raw, &|object: &Object| object.clone())
}

/// Whether data of these filters decodes to no more than one stream may have.
pub(crate) fn is_bounded(raw: &[u8], names: &[&[u8]]) -> bool {
    let names = names.iter().map(|name| Object::Name((*name).into())).collect::<Vec<_>>();
    let (filters, parameters) = (&Object::Array(names.into()), &Object::Null);
    let filters = Filters { filters, parameters, opened: false, regularly: false };
    !matches!(filters.decode(raw, &|object: &Object| object.clone()), Err(PdfError::Limit(_)))
}

/// What a stream's data goes through.
pub(super) struct Filters<'o> {
    /// `Filter` and `DecodeParms`, resolved.
    pub(super) filters: &'o Object,
    pub(super) parameters: &'o Object,
    /// A `Crypt` filter was applied already.
    pub(super) opened: bool,
    /// Data is refused that is not just as the filters prescribe: other readers may stop there or go on.
    pub(super) regularly: bool,
}

impl Filters<'_> {
    /// Decodes data; `resolve` follows references.
    pub(super) fn decode(&self, raw: &[u8], resolve: &dyn Fn(&Object) -> Object) -> Result<Vec<u8>, PdfError> {
        let Self { filters, parameters, opened, regularly } = *self;
        decode(raw, (filters, parameters), (opened, regularly), resolve)
    }
}

fn decode(
    raw: &[u8],
    (filters, parameters): (&Object, &Object),
    (opened, regularly): (bool, bool),
    resolve: &dyn Fn(&Object) -> Object,
) -> Result<Vec<u8>, PdfError> {
    let listed = |object: &Object| -> Vec<Object> {
        match object {
            Object::Null => Vec::new(),
            Object::Array(elements) => elements.iter().take(limits::FILTERS + 1).map(resolve).collect(),
            other => vec![other.clone()],
        }
    };
    let (filters, parameters) = (listed(filters), listed(parameters));
    if filters.len() > limits::FILTERS {
        return Err(PdfError::Limit("filters on a stream"));
    }
    let mut data: Option<Vec<u8>> = None;
    for (at, filter) in filters.iter().enumerate() {
        if opened && at == 0 && filter.is_name("Crypt") {
            continue;
        }
        let direct: Vec<_> = parameters
            .get(at)
            .and_then(Object::dictionary)
            .map(|dictionary| dictionary.entries().map(|(key, value)| (key.into(), resolve(value))).collect())
            .unwrap_or_default();
        let input = data.as_deref().unwrap_or(raw);
        let name = filter.name().unwrap_or_default();
        if regularly && (!REGULAR.contains(&name) || !ends_as_prescribed(name, input)) {
            return Err(IRREGULAR);
        }
        data = Some(decode_one(input, name, &Dictionary::from_entries(direct), regularly)?);
    }
    Ok(data.unwrap_or_else(|| raw.to_vec()))
}

/// Filters by their whole names (ISO 32000-1 §8.9.7: the short ones are for inline images) that every reader has.
const REGULAR: [&[u8]; 5] = [b"FlateDecode", b"LZWDecode", b"ASCIIHexDecode", b"ASCII85Decode", b"RunLengthDecode"];
const IRREGULAR: PdfError = PdfError::Data("not as its filter prescribes");

fn decode_one(input: &[u8], filter: &[u8], parameters: &Dictionary, regularly: bool) -> Result<Vec<u8>, PdfError> {
    let predicted = |data: Vec<u8>| {
        if regularly && !predictor::is_regular(&data, parameters) {
            return Err(IRREGULAR);
        }
        predictor::undo(data, parameters)
    };
    match filter {
        b"FlateDecode" | b"Fl" => {
            let (data, used) = flate(input)?;
            // Nothing but an end of line may follow what a stream of zlib data says is its end.
            let whole =
                used.is_some_and(|used| input.get(used..).is_some_and(|rest| rest.iter().all(|one| is_space(*one))));
            if regularly && !whole {
                return Err(IRREGULAR);
            }
            predicted(data)
        }
        b"LZWDecode" | b"LZW" => {
            let early = parameters.value("EarlyChange").and_then(Object::integer) != Some(0);
            let (data, ended) = lzw(input, early)?;
            if regularly && !ended {
                return Err(IRREGULAR);
            }
            predicted(data)
        }
        b"ASCIIHexDecode" | b"AHx" => Ok(ascii_hex(input)),
        b"ASCII85Decode" | b"A85" => ascii_85(input),
        b"RunLengthDecode" | b"RL" => run_length(input),
        // §7.4.10: the identity filter, unless the file is encrypted with crypt filters.
        b"Crypt" if parameters.value("Name").is_none_or(|name| name.is_name("Identity")) => Ok(input.to_vec()),
        other => Err(PdfError::Filter(String::from_utf8_lossy(other).into_owned())),
    }
}

/// Zlib data, with the number of bytes that it took where its end is there. As readers do, what was decoded before an error or a missing
/// end is kept, if there is any.
fn flate(input: &[u8]) -> Result<(Vec<u8>, Option<usize>), PdfError> {
    let mut decoder = Decompress::new(true);
    let mut out = Vec::with_capacity(input.len().saturating_mul(3).clamp(256, 1 << 20));
    loop {
        if out.len() >= limits::STREAM_BYTES {
            return Err(PdfError::Limit("bytes of a decoded stream"));
        }
        if out.capacity() - out.len() < 1024 {
            out.reserve(out.len().clamp(4096, 8 << 20));
        }
        let (consumed, made) = (decoder.total_in(), decoder.total_out());
        let rest = usize::try_from(consumed).ok().and_then(|consumed| input.get(consumed..)).unwrap_or_default();
        match decoder.decompress_vec(rest, &mut out, FlushDecompress::None) {
            Ok(Status::StreamEnd) => return Ok((out, usize::try_from(decoder.total_in()).ok())),
            Ok(_) if decoder.total_in() != consumed || decoder.total_out() != made => {}
            Ok(_) | Err(_) if out.is_empty() && !input.is_empty() => return Err(PdfError::Data("no zlib data")),
            Ok(_) | Err(_) => return Ok((out, None)),
        }
    }
}

/// §7.4.4.2. Codes of 9 to 12 bits, most significant bit first. Tells whether the code for the end came, at the end.
fn lzw(input: &[u8], early: bool) -> Result<(Vec<u8>, bool), PdfError> {
    const CLEAR: usize = 256;
    const END: usize = 257;
    let mut out: Vec<u8> = Vec::new();
    // Each entry is a run of bytes that `out` holds already: (start, length).
    let mut table: Vec<(usize, usize)> = Vec::new();
    let (mut buffer, mut bits, mut width) = (0_u32, 0_u32, 9_u32);
    let mut previous: Option<(usize, usize)> = None;
    for (at, byte) in input.iter().enumerate() {
        buffer = buffer << 8 | u32::from(*byte);
        bits += 8;
        if bits < width {
            continue;
        }
        bits -= width;
        let code = (buffer >> bits & ((1 << width) - 1)) as usize;
        buffer &= (1 << bits) - 1;
        match code {
            END => {
                let rest = input.get(at.saturating_add(1)..).unwrap_or_default();
                return Ok((out, rest.iter().all(|byte| is_space(*byte))));
            }
            CLEAR => {
                table.clear();
                width = 9;
                previous = None;
                continue;
            }
            _ => {}
        }
        let start = out.len();
        if code < CLEAR {
            out.push((code & 0xff) as u8);
        } else {
            let (from, length) = match (table.get(code - 258), previous) {
                (Some(entry), _) => *entry,
                (None, Some((from, length))) if code - 258 == table.len() => (from, length + 1),
                _ => return Err(PdfError::Data("LZW code without meaning")),
            };
            for at in from..from + length {
                // The run may reach into what is being written: its last byte is its first.
                let byte = out.get(at).copied().ok_or(PdfError::Data("LZW run"))?;
                out.push(byte);
            }
        }
        if out.len() > limits::STREAM_BYTES {
            return Err(PdfError::Limit("bytes of a decoded stream"));
        }
        if let Some((from, length)) = previous
            && table.len() < 4096 - 258
        {
            table.push((from, length + 1));
        }
        previous = Some((start, out.len() - start));
        let next = table.len() + 258 + usize::from(early) + 1;
        width = if next > 2048 {
            12
        } else if next > 1024 {
            11
        } else if next > 512 {
            10
        } else {
            9
        };
    }
    Ok((out, false))
}

fn ascii_hex(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len() / 2);
    let mut high = None;
    for byte in input.iter().take_while(|byte| **byte != b'>') {
        let Some(value) = hex_value(*byte) else { continue };
        match high.take() {
            None => high = Some(value),
            Some(first) => out.push(first << 4 | value),
        }
    }
    out.extend(high.map(|first: u8| first << 4));
    out
}

fn ascii_85(input: &[u8]) -> Result<Vec<u8>, PdfError> {
    let mut out = Vec::with_capacity(input.len() / 5 * 4);
    let (mut group, mut count) = (0_u32, 0_usize);
    for byte in input.iter().filter(|byte| !is_space(**byte)) {
        match byte {
            b'~' => break,
            b'z' if count == 0 => out.extend([0; 4]),
            b'!'..=b'u' => {
                group = group.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                count += 1;
                if count == 5 {
                    out.extend(group.to_be_bytes());
                    (group, count) = (0, 0);
                }
            }
            _ => return Err(PdfError::Data("ASCII85 character")),
        }
        if out.len() > limits::STREAM_BYTES {
            return Err(PdfError::Limit("bytes of a decoded stream"));
        }
    }
    if count > 1 {
        for _ in count..5 {
            group = group.wrapping_mul(85).wrapping_add(84);
        }
        out.extend(group.to_be_bytes().iter().take(count - 1));
    }
    Ok(out)
}

fn run_length(input: &[u8]) -> Result<Vec<u8>, PdfError> {
    let mut out = Vec::new();
    let mut rest = input;
    while let Some((length, tail)) = rest.split_first() {
        match length {
            128 => break,
            0..=127 => {
                let count = usize::from(*length) + 1;
                out.extend(tail.iter().take(count));
                rest = tail.get(count..).unwrap_or_default();
            }
            _ => {
                let Some((byte, tail)) = tail.split_first() else { break };
                out.extend(std::iter::repeat_n(*byte, 257 - usize::from(*length)));
                rest = tail;
            }
        }
        if out.len() > limits::STREAM_BYTES {
            return Err(PdfError::Limit("bytes of a decoded stream"));
        }
    }
    Ok(out)
}

/// Whether data of the filters that write text or runs is written as §7.4.2, §7.4.3 and §7.4.5 say: nothing foreign in it, its end marked and
/// nothing behind that. What Flate and LZW data look like shows when they are decoded.
fn ends_as_prescribed(filter: &[u8], input: &[u8]) -> bool {
    let blank = |bytes: &[u8]| bytes.iter().all(|byte| is_space(*byte));
    match filter {
        b"ASCIIHexDecode" => {
            let digits = input.iter().take_while(|byte| is_space(**byte) || hex_value(**byte).is_some()).count();
            input.get(digits) == Some(&b'>') && blank(input.get(digits.saturating_add(1)..).unwrap_or_default())
        }
        b"ASCII85Decode" => {
            let Some(end) = memchr::memchr(b'~', input) else { return false };
            let (letters, rest) = input.split_at(end);
            let groups = letters.iter().filter(|byte| !is_space(**byte));
            let (mut value, mut count) = (0_u64, 0_usize);
            for byte in groups {
                match byte {
                    b'z' if count == 0 => continue,
                    b'!'..=b'u' => value = value * 85 + u64::from(byte - b'!'),
                    _ => return false,
                }
                count += 1;
                if count == 5 {
                    if value > u64::from(u32::MAX) {
                        return false;
                    }
                    (value, count) = (0, 0);
                }
            }
            count != 1 && rest.get(1) == Some(&b'>') && blank(rest.get(2..).unwrap_or_default())
        }
        b"RunLengthDecode" => {
            let mut rest = input;
            while let Some((length, tail)) = rest.split_first() {
                let taken = match length {
                    128 => return blank(tail),
                    0..=127 => usize::from(*length) + 1,
                    _ => 1,
                };
                let Some(after) = tail.get(taken..) else { return false };
                rest = after;
            }
            false
        }
        _ => true,
    }
}
