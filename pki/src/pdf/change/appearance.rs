//! Whether the appearance of a text or choice field shows the value that the field stores (shadow attack "replace").
//! Reads the text operators of the appearance and maps codes by the font's `ToUnicode`; does not render.

use super::font::FontMap;
use super::painting::{Painting, Sheet};
use super::paths::draws_more_than_text;
use crate::pdf::file::PdfFile;
use crate::pdf::lexer::Lexer;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object, Stream};
use crate::pdf::tree::{FormField, text};
use std::rc::Rc;

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

/// Bit 13.
const MULTILINE: i64 = 1 << 12;

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
        if signed.is_some() && !is_unconditional(&stream) {
            return Shown::Unclear("the appearance is not always shown");
        }
        let decoded = if signed.is_some() { file.decoded_regularly(&stream) } else { file.decoded(&stream) };
        let Ok(content) = decoded else { return Shown::Unclear("the appearance cannot be decoded") };
        let sheet = match (signed, sheet(file, widget, &stream, flags & MULTILINE != 0)) {
            (None, _) => None,
            (Some(_), Some(sheet)) => Some(sheet),
            (Some(_), None) => return Shown::Unclear("the appearance has no box that fits the field"),
        };
        let resources = file.value(&stream.dictionary, "Resources");
        let shown = match drawn_text(file, &content, resources.dictionary(), known, sheet) {
            Ok(shown) => shown,
            Err(why) => return Shown::Unclear(why),
        };
        if let Some(signed) = signed
            && let Some(why) = draws_more_than_text(
                &content,
                sheet.map(|sheet| sheet.bounds).unwrap_or_default(),
                signed(at).as_deref(),
            )
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

/// Whether nothing decides when the form is shown, or what is shown instead of it (ISO 32000-1 tables 95 and 96).
pub(super) fn is_unconditional(form: &Stream) -> bool {
    ["OC", "Ref", "OPI"].iter().all(|key| !form.dictionary.contains(key))
}

/// The appearance's box, where it has one of the shape of the widget: readers stretch one into the other (ISO 32000-1 §12.5.5), so that another
/// shape shows a part, or letters too small to be read.
pub(super) fn sheet(file: &PdfFile<'_>, widget: &Dictionary, stream: &Stream, has_lines: bool) -> Option<Sheet> {
    let corners = |array: Object| -> Option<[f64; 4]> {
        let all: Vec<f64> = array.array()?.iter().filter_map(|one| file.resolve(one).number()).collect();
        let [a, b, c, d] = *all.first_chunk::<4>().filter(|_| all.len() == 4)?;
        Some([a.min(c), b.min(d), a.max(c), b.max(d)])
    };
    let bounds = corners(file.value(&stream.dictionary, "BBox"))?;
    let place = corners(file.value(widget, "Rect"))?;
    let characteristics = file.value(widget, "MK");
    let turn =
        characteristics.dictionary().map(|one| file.value(one, "R")).and_then(|turn| turn.integer()).unwrap_or(0);
    let sides = |[left, bottom, right, top]: [f64; 4]| (right - left, top - bottom);
    let (own, (across, up)) = (sides(bounds), sides(place));
    let (across, up) = if turn.rem_euclid(180) == 0 { (across, up) } else { (up, across) };
    let scale = (across / own.0, up / own.1);
    let even = (0.75..=1.34).contains(&(scale.0 / scale.1));
    // The matrix may turn the appearance; what it stretches is stretched back into the field.
    let matrix = file.value(&stream.dictionary, "Matrix");
    let number = |at: usize| matrix.array().and_then(|all| all.get(at)).and_then(|one| file.resolve(one).number());
    let upright = matrix.is_null()
        || (number(1) == Some(0.0) && number(2) == Some(0.0) && number(0) > Some(0.0) && number(3) > Some(0.0));
    (even && (upright || turn != 0)).then_some(Sheet { bounds, scale: scale.1, turned: turn != 0, has_lines })
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
    sheet: Option<Sheet>,
) -> Result<String, &'static str> {
    let mut lexer = Lexer::new(content, 0);
    let mut operands: Vec<Object> = Vec::new();
    // `q` keeps the font, too.
    let (mut font, mut kept) = (Rc::new(FontMap::default()), Vec::new());
    let mut shown = String::new();
    if sheet.is_some() && redefines_colours(file, resources) {
        return Err("the appearance has colours of its own");
    }
    let mut painting = Painting::on(sheet);
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
        let before = shown.len();
        match operator {
            b"Tf" => {
                let name = operands.first().and_then(Object::name).unwrap_or_default();
                if sheet.is_some() && is_missing(file, resources, name) {
                    return Err("its font is missing");
                }
                font = Rc::new(FontMap::read(file, resources, name, known)?);
            }
            b"Tj" | b"'" | b"\"" => font.show(operands.last().and_then(Object::string), &mut shown)?,
            b"TJ" => {
                let pieces = operands.last().and_then(Object::array).unwrap_or_default();
                pieces.iter().try_for_each(|piece| font.show(piece.string(), &mut shown))?;
            }
            // ISO 32000-1 §9.3.6: letters that are filled are seen; §9.3.4: scaled to nothing.
            b"Tr" if operands.last().and_then(Object::integer).is_none_or(|mode| mode != 0 && mode != 2) => {
                return Err("the appearance hides text");
            }
            b"Tz" if operands.last().and_then(Object::number).is_none_or(|scale| scale < 10.0) => {
                return Err("the appearance hides text");
            }
            b"gs" if sheet.is_some() && !plain_state(file, resources, &operands) => {
                return Err("the appearance hides text");
            }
            b"q" if kept.len() < limits::NESTING => kept.push(Rc::clone(&font)),
            b"Q" => font = kept.pop().unwrap_or(font),
            b"BDC" if sheet.is_some() && operands.first().is_some_and(|tag| tag.is_name("OC")) => {
                return Err("the appearance is not always shown");
            }
            b"Do" | b"BI" | b"sh" => return Err("the appearance draws more than text"),
            _ => {}
        }
        let piece = shown.get(before..).unwrap_or_default();
        painting.moves(operator, &operands, font.width(piece))?;
        operands.clear();
    }
}

/// Whether the resources, where there are any, lack the font: some readers then show nothing.
fn is_missing(file: &PdfFile<'_>, resources: Option<&Dictionary>, name: &[u8]) -> bool {
    let Some(resources) = resources else { return false };
    let fonts = file.value(resources, "Font");
    let font = fonts.dictionary().and_then(|fonts| fonts.value_of(name)).map(|font| file.resolve(font));
    font.is_none_or(|font| font.dictionary().is_none())
}

/// Whether the colours of devices mean others in these resources (ISO 32000-1 §8.6.5.6).
pub(super) fn redefines_colours(file: &PdfFile<'_>, resources: Option<&Dictionary>) -> bool {
    let spaces = resources.map(|resources| file.value(resources, "ColorSpace")).unwrap_or_default();
    let named = |name: &[u8]| name.starts_with(b"Default");
    spaces.dictionary().is_some_and(|spaces| spaces.entries().any(|(name, _)| named(name)))
}

/// Whether a graphics state (ISO 32000-1 §8.4.5) leaves what is drawn as visible as it is.
fn plain_state(file: &PdfFile<'_>, resources: Option<&Dictionary>, operands: &[Object]) -> bool {
    let name = operands.first().and_then(Object::name).unwrap_or_default();
    let states = resources.map(|resources| file.value(resources, "ExtGState")).unwrap_or_default();
    let state = states.dictionary().and_then(|states| states.value_of(name)).map(|state| file.resolve(state));
    let Some(state) = state.as_ref().and_then(Object::dictionary) else { return true };
    state.entries().all(|(key, value)| {
        let value = file.resolve(value);
        match key {
            b"ca" | b"CA" => value.number() == Some(1.0),
            b"BM" => value.is_name("Normal"),
            b"SMask" => value.is_name("None"),
            b"Type" | b"SA" | b"AIS" | b"TK" | b"SM" | b"FL" | b"RI" | b"OP" | b"op" | b"OPM" => true,
            _ => false,
        }
    })
}

/// Whether rich text (ISO 32000-1 §12.7.3.4), where the part of the field has any, has the letters of the field's value.
pub(super) fn rich_text_says(file: &PdfFile<'_>, part: &Dictionary, field: &FormField) -> bool {
    let Some(rich) = one_text(file, &file.value(part, "RV")) else { return true };
    let (mut letters, mut in_tag) = (String::new(), false);
    for letter in rich.chars() {
        match letter {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            letter if !in_tag => letters.push(letter),
            _ => {}
        }
    }
    for (entity, letter) in
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#13;", " "), ("&amp;", "&")]
    {
        letters = letters.replace(entity, letter);
    }
    squeezed(&letters) == squeezed(&stored(file, field))
}

/// Whether the options that the part marks as chosen (`I`) are those of the field's value.
pub(super) fn chosen_fit(file: &PdfFile<'_>, part: &Dictionary, field: &FormField) -> bool {
    let marked = file.value(part, "I");
    let Some(marked) = marked.array() else { return marked.is_null() };
    let options = field.value("Opt").map(|options| file.resolve(options)).unwrap_or_default();
    let shown = |at: &Object| {
        let at = usize::try_from(file.resolve(at).integer()?).ok()?;
        let option = file.resolve(options.array()?.get(at)?);
        let shown = option.array().and_then(|pair| pair.get(1)).map(|one| file.resolve(one)).unwrap_or(option);
        one_text(file, &shown)
    };
    let named: Option<Vec<String>> = marked.iter().map(shown).collect();
    named.is_some_and(|named| squeezed(&named.concat()) == squeezed(&stored(file, field)))
}
