//! An embedded font that came after the signature. What the letters of a font look like is its maker's word, so that only programs that are known
//! by digest are believed, and only where codes, glyphs and widths go together as the program says.

use super::known_fonts::KNOWN_FONTS;
use crate::crypto;
use crate::pdf::file::PdfFile;
use crate::pdf::object::{Dictionary, Object};
use std::collections::BTreeMap;
use ttf_parser::{Face, GlyphId, cff};
use unicode_normalization::UnicodeNormalization;

/// A known font program with the widths that the file gives its glyphs.
#[derive(Debug)]
pub(super) struct Program {
    data: Vec<u8>,
    widths: BTreeMap<u32, f64>,
    default_width: f64,
}

impl Program {
    /// The program of a composite font whose codes are its glyphs (ISO 32000-1 §9.7), where it is a known one.
    pub(super) fn of(file: &PdfFile<'_>, font: &Dictionary) -> Option<Self> {
        if !file.value(font, "Subtype").is_name("Type0") || !file.value(font, "Encoding").is_name("Identity-H") {
            return None;
        }
        let descendants = file.value(font, "DescendantFonts");
        let [descendant] = descendants.array()? else { return None };
        let descendant = file.resolve(descendant);
        let descendant = descendant.dictionary()?;
        let glyphs = file.value(descendant, "CIDToGIDMap");
        if !(glyphs.is_null() || glyphs.is_name("Identity")) {
            return None;
        }
        let descriptor = file.value(descendant, "FontDescriptor");
        let descriptor = descriptor.dictionary()?;
        let mut programs = ["FontFile", "FontFile2", "FontFile3"].iter().filter(|key| descriptor.contains(key));
        let (Some(key), None) = (programs.next(), programs.next()) else { return None };
        let Object::Stream(program) = file.value(descriptor, key) else { return None };
        let data = file.decoded_regularly(&program).ok()?;
        let digest = hex::encode(crypto::sha256(&data));
        KNOWN_FONTS.contains(&digest.as_str()).then(|| Self {
            widths: widths(file, &file.value(descendant, "W")),
            default_width: file.value(descendant, "DW").number().unwrap_or(1000.0),
            data,
        })
    }

    /// Whether the glyph with this code is the letter, and as wide as the program says: glyphs that are put over each other are not read.
    pub(super) fn shows(&self, code: u32, letters: &str) -> bool {
        let Ok(glyph) = u16::try_from(code).map(GlyphId) else { return false };
        let composed: Vec<char> = letters.nfc().collect();
        let [letter] = *composed.as_slice() else { return false };
        let (is_letter, width) = match Face::parse(&self.data, 0) {
            Ok(face) => {
                let width = face
                    .glyph_hor_advance(glyph)
                    .map(|width| f64::from(width) * 1000.0 / f64::from(face.units_per_em()));
                (face.glyph_index(letter) == Some(glyph), width)
            }
            // A bare program says by their names what its glyphs are.
            Err(_) => match cff::Table::parse(&self.data) {
                Some(table) => (
                    table.glyph_name(glyph).is_some_and(|name| name == glyph_name(letter)),
                    table.glyph_width(glyph).map(f64::from),
                ),
                None => (false, None),
            },
        };
        let written = self.widths.get(&code).copied().unwrap_or(self.default_width);
        is_letter && width.is_some_and(|width| (width - written).abs() <= MOST_ROUNDED)
    }
}

/// Thousandths of the size by which a width may be rounded.
const MOST_ROUNDED: f64 = 2.0;
/// Widths of one font that are read.
const WIDTHS: usize = 70_000;

/// The widths of a composite font (ISO 32000-1 §9.7.4.3).
fn widths(file: &PdfFile<'_>, written: &Object) -> BTreeMap<u32, f64> {
    let elements = written.array().unwrap_or_default();
    let code = |object: &Object| file.resolve(object).integer().and_then(|code| u32::try_from(code).ok());
    let mut found = BTreeMap::new();
    let mut rest = elements;
    while let [first, second, tail @ ..] = rest {
        let Some(first) = code(first) else { break };
        if let Object::Array(each) = file.resolve(second) {
            let each = each.iter().filter_map(|one| file.resolve(one).number());
            found.extend((first..).zip(each));
            rest = tail;
        } else {
            let ([width, tail @ ..], Some(last)) = (tail, code(second)) else { break };
            let Some(width) = file.resolve(width).number() else { break };
            found.extend((first..=last).take(WIDTHS).map(|code| (code, width)));
            rest = tail;
        }
        if found.len() > WIDTHS {
            break;
        }
    }
    found
}

/// What a letter's glyph is called (Adobe Glyph List), for Latin letters with their marks, digits and common signs.
fn glyph_name(letter: char) -> String {
    const DIGITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    let sign = SIGNS.iter().find(|(sign, _)| *sign == letter).map(|(_, name)| *name);
    if let Some(name) = sign.or_else(|| DIGITS.get(letter.to_digit(10)? as usize).copied()) {
        return name.to_owned();
    }
    let parts: Vec<char> = letter.nfd().collect();
    match *parts.as_slice() {
        [base] => base.to_string(),
        [base, mark] => {
            let mark = MARKS.iter().find(|(own, _)| *own == mark).map_or("", |(_, name)| *name);
            format!("{base}{mark}")
        }
        _ => String::new(),
    }
}

const SIGNS: [(char, &str); 28] = [
    (' ', "space"),
    ('!', "exclam"),
    ('"', "quotedbl"),
    ('#', "numbersign"),
    ('$', "dollar"),
    ('%', "percent"),
    ('&', "ampersand"),
    ('\'', "quotesingle"),
    ('(', "parenleft"),
    (')', "parenright"),
    ('*', "asterisk"),
    ('+', "plus"),
    (',', "comma"),
    ('-', "hyphen"),
    ('.', "period"),
    ('/', "slash"),
    (':', "colon"),
    (';', "semicolon"),
    ('<', "less"),
    ('=', "equal"),
    ('>', "greater"),
    ('?', "question"),
    ('@', "at"),
    ('_', "underscore"),
    ('\u{2019}', "quoteright"),
    ('\u{2013}', "endash"),
    ('\u{111}', "dcroat"),
    ('\u{110}', "Dcroat"),
];

const MARKS: [(char, &str); 9] = [
    ('\u{300}', "grave"),
    ('\u{301}', "acute"),
    ('\u{302}', "circumflex"),
    ('\u{303}', "tilde"),
    ('\u{306}', "breve"),
    ('\u{308}', "dieresis"),
    ('\u{309}', "hookabove"),
    ('\u{31b}', "horn"),
    ('\u{323}', "dotbelow"),
];
