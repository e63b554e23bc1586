//! Which letters a font shows for its codes, as far as the file says so: by `ToUnicode`, by its encoding, and by its program where that is known.

use super::embedded::Program;
use crate::pdf::file::PdfFile;
use crate::pdf::lexer::Lexer;
use crate::pdf::object::{Dictionary, Object};
use crate::pdf::tree::text;
use std::collections::BTreeMap;

/// What a font's `ToUnicode` says of its codes; empty where there is none.
pub(in crate::pdf) fn letters_of_font(file: &PdfFile<'_>, font: &Dictionary) -> BTreeMap<u32, String> {
    match file.value(font, "ToUnicode") {
        Object::Stream(stream) => file.decoded(&stream).map(|map| character_map(&map)).unwrap_or_default(),
        _ => BTreeMap::new(),
    }
}

/// How a font's codes become text.
#[derive(Debug, Default)]
pub(super) struct FontMap {
    two_bytes: bool,
    letters: BTreeMap<u32, String>,
    /// The width of digits, as a part of the size: what the standard fonts have.
    digits: f64,
    /// The program of a font that came after the signature.
    program: Option<Program>,
    /// Widths that the file gives the letters of such a font, in thousandths of the size.
    widths: BTreeMap<u32, f64>,
}

impl FontMap {
    pub(super) fn read(
        file: &PdfFile<'_>,
        resources: Option<&Dictionary>,
        name: &[u8],
        known: &dyn Fn(&Object) -> bool,
    ) -> Result<Self, &'static str> {
        let fonts = resources.map(|resources| file.value(resources, "Font")).unwrap_or_default();
        let written = fonts.dictionary().and_then(|fonts| fonts.value_of(name)).cloned().unwrap_or_default();
        let font = file.resolve(&written);
        let Some(font) = font.dictionary() else { return Ok(Self::default()) };
        let letters = letters_of_font(file, font);
        let subtype = file.value(font, "Subtype");
        let descriptor = file.value(font, "FontDescriptor");
        let embedded =
            |descriptor: &Dictionary| ["FontFile", "FontFile2", "FontFile3"].iter().any(|key| descriptor.contains(key));
        let two_bytes = subtype.is_name("Type0");
        let mut program = None;
        if two_bytes || subtype.is_name("Type3") || descriptor.dictionary().is_some_and(embedded) {
            if !known(&written) {
                program = Some(Program::of(file, font).ok_or("it uses a font of its own")?);
            }
        } else if !plain_letters(file, font, &letters) {
            return Err("its font shows other letters than its codes say");
        }
        let name = name_of(file, font);
        let digits = match name.as_str() {
            "Helvetica" | "Helvetica-Bold" | "Helvetica-Oblique" | "Helvetica-BoldOblique" => 0.55,
            name if name.starts_with("Times") => 0.5,
            _ => 0.45,
        };
        let widths = if two_bytes || known(&written) { BTreeMap::new() } else { simple_widths(file, font) };
        Ok(Self { two_bytes, letters, digits, program, widths })
    }

    /// Adds the letters that these bytes show; says why where they show something else.
    pub(super) fn show(&self, bytes: Option<&[u8]>, out: &mut String) -> Result<(), &'static str> {
        let bytes = bytes.unwrap_or_default();
        let codes: Vec<u32> = if self.two_bytes {
            bytes.chunks(2).map(|pair| pair.iter().fold(0, |code, byte| code << 8 | u32::from(*byte))).collect()
        } else {
            bytes.iter().map(|byte| u32::from(*byte)).collect()
        };
        for code in codes {
            let start = out.len();
            match self.letters.get(&code) {
                Some(letters) => out.push_str(letters),
                None => out.extend(char::from_u32(code)),
            }
            let letters = out.get(start..).unwrap_or_default();
            if self.program.as_ref().is_some_and(|program| !program.shows(code, letters)) {
                return Err("its font shows other letters than its codes say");
            }
            if !letters.trim().is_empty() && self.widths.get(&code).is_some_and(|width| *width < NARROWEST) {
                return Err("its font puts letters over each other");
            }
        }
        Ok(())
    }

    /// At least so wide is a text of size 1: what its letters have in the narrow ones of common fonts.
    pub(super) fn width(&self, text: &str) -> f64 {
        text.chars()
            .map(|letter| match letter {
                '0'..='9' => self.digits,
                'A'..='Z' if letter != 'I' && letter != 'J' => 0.55,
                'a' | 'b' | 'd' | 'e' | 'g' | 'h' | 'k' | 'm'..='q' | 'u'..='y' => 0.45,
                _ => 0.22,
            })
            .sum()
    }
}

/// Whether a font, as a reference or a dictionary, is not embedded and shows the letters of its codes.
pub(super) fn is_plain(file: &PdfFile<'_>, font: &Object) -> bool {
    let font = file.resolve(font);
    let Some(font) = font.dictionary() else { return true };
    let fonts = Object::Dictionary(
        Dictionary::from_entries(vec![(b"F".as_slice().into(), Object::Dictionary(font.clone().into()))]).into(),
    );
    let resources = Dictionary::from_entries(vec![(b"Font".as_slice().into(), fonts)]);
    FontMap::read(file, Some(&resources), b"F", &|_| false).is_ok()
}

fn name_of(file: &PdfFile<'_>, font: &Dictionary) -> String {
    let name = file.value(font, "BaseFont");
    String::from_utf8_lossy(name.name().unwrap_or_default()).into_owned()
}

/// Thousandths of the size that the narrowest letters of fonts have at least.
const NARROWEST: f64 = 120.0;

/// The widths of a simple font by code (ISO 32000-1 §9.6.2.1).
fn simple_widths(file: &PdfFile<'_>, font: &Dictionary) -> BTreeMap<u32, f64> {
    let first = file.value(font, "FirstChar").integer().and_then(|code| u32::try_from(code).ok()).unwrap_or(0);
    let widths = file.value(font, "Widths");
    let widths =
        widths.array().unwrap_or_default().iter().take(256).map(|one| file.resolve(one).number().unwrap_or(0.0));
    (first..).zip(widths).collect()
}

/// Fonts that every reader has and that show pictures or Greek for the codes of letters (ISO 32000-1 §9.6.2.2).
const PICTURES: [&str; 4] = ["Symbol", "ZapfDingbats", "Wingdings", "Webdings"];

/// Whether a font that is not embedded shows ASCII codes as ASCII: neither its encoding nor its `ToUnicode` says otherwise.
fn plain_letters(file: &PdfFile<'_>, font: &Dictionary, letters: &BTreeMap<u32, String>) -> bool {
    let name = name_of(file, font);
    if PICTURES.iter().any(|picture| name.split('+').next_back().is_some_and(|name| name.starts_with(picture))) {
        return false;
    }
    let printable = 33_u32..127;
    let mapped = letters
        .iter()
        .filter(|(code, _)| printable.contains(code))
        .all(|(code, to)| char::from_u32(*code).is_some_and(|own| to.chars().eq([own])));
    let encoding = file.value(font, "Encoding");
    let differences = encoding.dictionary().map(|encoding| file.value(encoding, "Differences")).unwrap_or_default();
    let mut code = 0_u32;
    let differs = differences.array().unwrap_or_default().iter().any(|element| match file.resolve(element) {
        Object::Integer(start) => {
            code = u32::try_from(start).unwrap_or(u32::MAX);
            false
        }
        Object::Name(name) => {
            let own = code;
            code = code.saturating_add(1);
            printable.contains(&own) && !is_glyph_of(&name, own)
        }
        _ => true,
    });
    mapped && !differs
}

/// Names of the Adobe Glyph List for the digits; letters are named by themselves.
const DIGITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
/// Names that form fonts give to ASCII codes beside letters and digits.
const MARKS: [(char, &str); 5] =
    [('\'', "quotesingle"), ('`', "grave"), ('.', "period"), (',', "comma"), ('-', "hyphen")];

fn is_glyph_of(name: &[u8], code: u32) -> bool {
    let Some(own) = char::from_u32(code) else { return false };
    let named = |expected: &str| name == expected.as_bytes();
    match own.to_digit(10).and_then(|digit| DIGITS.get(digit as usize)) {
        Some(digit) => named(digit),
        None if own.is_ascii_alphabetic() => named(own.encode_utf8(&mut [0; 4])),
        None => MARKS.iter().any(|(mark, glyph)| *mark == own && named(glyph)),
    }
}

/// The `bfchar` and `bfrange` pairs of a `ToUnicode` CMap (ISO 32000-1 §9.10.3).
fn character_map(map: &[u8]) -> BTreeMap<u32, String> {
    let number = |bytes: &[u8]| bytes.iter().take(4).fold(0_u32, |code, byte| code << 8 | u32::from(*byte));
    let letters = |bytes: &[u8]| text(&[&[0xfe, 0xff], bytes].concat());
    let mut found = BTreeMap::new();
    let mut lexer = Lexer::new(map, 0);
    let mut operands: Vec<Object> = Vec::new();
    loop {
        lexer.skip_space();
        if lexer.position() >= map.len() || found.len() > 1 << 17 {
            return found;
        }
        if let Ok(object) = lexer.try_object() {
            operands.push(object);
            continue;
        }
        let Some(operator) = lexer.take_operator() else { return found };
        match operator {
            b"endbfchar" => {
                for pair in operands.chunks_exact(2) {
                    if let [Object::String(code), Object::String(to)] = pair {
                        found.insert(number(code), letters(to));
                    }
                }
            }
            b"endbfrange" => {
                for triple in operands.chunks_exact(3) {
                    let [Object::String(first), Object::String(last), to] = triple else { continue };
                    let codes = number(first)..=number(last).min(number(first).saturating_add(0xffff));
                    match to {
                        Object::String(to) => {
                            let start = number(to);
                            found.extend(codes.enumerate().filter_map(|(at, code)| {
                                let letter = char::from_u32(start.checked_add(u32::try_from(at).ok()?)?)?;
                                Some((code, letter.to_string()))
                            }));
                        }
                        Object::Array(each) => {
                            found.extend(
                                codes.zip(each.iter()).filter_map(|(code, to)| Some((code, letters(to.string()?)))),
                            );
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        operands.clear();
    }
}
