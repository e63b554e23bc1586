//! Whether the appearance of a text or choice field shows the value that the field stores (shadow attack "replace").
//! Reads the text operators of the appearance and maps codes by the font's `ToUnicode`; does not render.

use super::painting::{self, Painting};
use crate::pdf::file::PdfFile;
use crate::pdf::lexer::Lexer;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object, Stream};
use crate::pdf::tree::{FormField, text};
use std::collections::BTreeMap;

/// What a field's appearance was found to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Its value.
    Same,
    /// Something else.
    Other(String),
    /// It could not be established, and why.
    Unclear(&'static str),
}

/// Password fields show stars: ISO 32000-1 table 228, bit 14.
const PASSWORD: i64 = 1 << 13;

/// `known` says of a font whether the signed revision had it: what the letters of any other embedded font look like is anybody's
/// guess. `signed` gives the appearance that a widget, by its place among the field's, had in the signed revision; without it only the
/// text is looked at.
pub(super) fn shows(
    file: &PdfFile<'_>,
    field: &FormField,
    known: &dyn Fn(&Object) -> bool,
    signed: Option<&dyn Fn(usize) -> Option<Vec<u8>>>,
) -> Shown {
    let value = stored(file, field);
    let flags = field.value("Ff").map(|flags| file.resolve(flags)).and_then(|flags| flags.integer()).unwrap_or(0);
    for (at, (_, widget)) in field.widgets.iter().enumerate() {
        let Some(widget) = widget.dictionary() else { return Shown::Unclear("a widget that is no dictionary") };
        let appearance = file.value(widget, "AP");
        let Some(appearance) = appearance.dictionary() else {
            // Without an appearance a reader makes one from the value.
            continue;
        };
        if appearance.entries().any(|(key, _)| key != b"N") {
            return Shown::Unclear("it has further appearances");
        }
        let Object::Stream(stream) = file.value(appearance, "N") else {
            return Shown::Unclear("the appearance is no stream");
        };
        let Ok(content) = file.decoded(&stream) else { return Shown::Unclear("the appearance cannot be decoded") };
        let resources = file.value(&stream.dictionary, "Resources");
        let shown = match drawn_text(file, &content, resources.dictionary(), known) {
            Ok(shown) => shown,
            Err(why) => return Shown::Unclear(why),
        };
        if let Some(signed) = signed
            && let Some(why) = painting::draws_more_than_text(&content, bounds(file, &stream), signed(at).as_deref())
        {
            return Shown::Unclear(why);
        }
        let (wanted, found) = (squeezed(&value), squeezed(&shown));
        let masked = flags & PASSWORD != 0 && found.chars().all(|letter| letter == '*' || letter == '•');
        if wanted != found && !masked {
            return Shown::Other(shown);
        }
    }
    Shown::Same
}

/// The decoded normal appearance of a widget, `None` where it is no single stream.
pub(super) fn normal(file: &PdfFile<'_>, widget: &Object) -> Option<Vec<u8>> {
    let appearance = file.value(widget.dictionary()?, "AP");
    let Object::Stream(stream) = file.value(appearance.dictionary()?, "N") else { return None };
    file.decoded(&stream).ok()
}

/// The appearance's bounding box, zero where it is none.
fn bounds(file: &PdfFile<'_>, stream: &Stream) -> [f64; 4] {
    let corners = file.value(&stream.dictionary, "BBox");
    let corners: Vec<f64> =
        corners.array().unwrap_or_default().iter().filter_map(|one| file.resolve(one).number()).collect();
    corners.first_chunk::<4>().copied().unwrap_or_default()
}

/// What the field stores, as a person reads it: for choices the displayed texts.
fn stored(file: &PdfFile<'_>, field: &FormField) -> String {
    let value = field.value("V").map(|value| file.resolve(value)).unwrap_or_default();
    let chosen: Vec<String> = match &value {
        Object::Array(values) => values.iter().filter_map(|value| one_text(file, &file.resolve(value))).collect(),
        other => one_text(file, other).into_iter().collect(),
    };
    let options = field.dictionary.dictionary().map(|field| file.value(field, "Opt")).unwrap_or_default();
    let display = |export: &String| -> String {
        let pairs = options.array().unwrap_or_default().iter().filter_map(|option| {
            let option = file.resolve(option);
            let [own, display] = option.array()? else { return None };
            Some((one_text(file, &file.resolve(own))?, one_text(file, &file.resolve(display))?))
        });
        let mut pairs = pairs.filter(|(own, _)| own == export);
        pairs.next().map_or_else(|| export.clone(), |(_, display)| display)
    };
    chosen.iter().map(display).collect::<Vec<_>>().join(" ")
}

fn one_text(file: &PdfFile<'_>, value: &Object) -> Option<String> {
    match value {
        Object::String(bytes) => Some(text(bytes)),
        Object::Name(name) => Some(String::from_utf8_lossy(name).into_owned()),
        Object::Stream(stream) => file.decoded(stream).ok().map(|bytes| text(&bytes)),
        _ => None,
    }
}

/// Letters only: line breaks, combs and justification put white space anywhere.
fn squeezed(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace() && !letter.is_control() && *letter != '\u{a0}').collect()
}

/// The text that the content's operators show, in their order.
fn drawn_text(
    file: &PdfFile<'_>,
    content: &[u8],
    resources: Option<&Dictionary>,
    known: &dyn Fn(&Object) -> bool,
) -> Result<String, &'static str> {
    let mut lexer = Lexer::new(content, 0);
    let mut operands: Vec<Object> = Vec::new();
    let mut font = FontMap::default();
    let mut shown = String::new();
    let mut painting = Painting::default();
    loop {
        lexer.skip_space();
        if lexer.position() >= content.len() {
            return Ok(shown);
        }
        if let Ok(object) = lexer.try_object() {
            operands.push(object);
            if operands.len() > limits::NESTING * 10 {
                return Err("too many operands");
            }
            continue;
        }
        let operator = lexer.take_operator().ok_or("malformed content")?;
        painting.moves(operator, &operands)?;
        match operator {
            b"Tf" => {
                let name = operands.first().and_then(Object::name).unwrap_or_default();
                font = FontMap::read(file, resources, name, known)?;
            }
            b"Tj" | b"'" | b"\"" => font.show(operands.last().and_then(Object::string), &mut shown),
            b"TJ" => {
                let pieces = operands.last().and_then(Object::array).unwrap_or_default();
                pieces.iter().for_each(|piece| font.show(piece.string(), &mut shown));
            }
            // ISO 32000-1 §9.3.6: the modes above stroking show nothing; §9.3.4: scaled to nothing.
            b"Tr" if operands.last().and_then(Object::integer).is_none_or(|mode| mode > 2) => {
                return Err("the appearance hides text");
            }
            b"Tz" if operands.last().and_then(Object::number).is_none_or(|scale| scale < 10.0) => {
                return Err("the appearance hides text");
            }
            b"Do" | b"BI" | b"sh" => return Err("the appearance draws more than text"),
            _ => {}
        }
        operands.clear();
    }
}

/// What a font's `ToUnicode` says of its codes; empty where there is none.
pub(in crate::pdf) fn letters_of_font(file: &PdfFile<'_>, font: &Dictionary) -> BTreeMap<u32, String> {
    match file.value(font, "ToUnicode") {
        Object::Stream(stream) => file.decoded(&stream).map(|map| character_map(&map)).unwrap_or_default(),
        _ => BTreeMap::new(),
    }
}

/// How a font's codes become text.
#[derive(Debug, Default)]
struct FontMap {
    two_bytes: bool,
    letters: BTreeMap<u32, String>,
}

impl FontMap {
    fn read(
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
        if two_bytes || subtype.is_name("Type3") || descriptor.dictionary().is_some_and(embedded) {
            if !known(&written) {
                return Err("it uses a font of its own");
            }
        } else if !plain_letters(file, font, &letters) {
            return Err("its font shows other letters than its codes say");
        }
        Ok(Self { two_bytes, letters })
    }

    fn show(&self, bytes: Option<&[u8]>, out: &mut String) {
        let bytes = bytes.unwrap_or_default();
        let codes: Vec<u32> = if self.two_bytes {
            bytes.chunks(2).map(|pair| pair.iter().fold(0, |code, byte| code << 8 | u32::from(*byte))).collect()
        } else {
            bytes.iter().map(|byte| u32::from(*byte)).collect()
        };
        for code in codes {
            match self.letters.get(&code) {
                Some(letters) => out.push_str(letters),
                None => out.extend(char::from_u32(code)),
            }
        }
    }
}

/// Whether a font that is not embedded shows ASCII codes as ASCII: neither its encoding nor its `ToUnicode` says otherwise.
fn plain_letters(file: &PdfFile<'_>, font: &Dictionary, letters: &BTreeMap<u32, String>) -> bool {
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
