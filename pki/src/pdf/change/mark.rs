//! Check boxes and radio buttons that were drawn anew when somebody filled them: programs that fill forms write the mark as a letter of the standard
//! pictures font in place of what was there. Such an appearance shows that one mark, where the box is on, and nothing else.

use super::Comparison;
use super::appearance::{is_unconditional, redefines_colours, sheet};
use super::painting::Painting;
use super::paths::draws_more_than_text;
use crate::pdf::lexer::Lexer;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object, Stream};

/// Tick, circle, cross, diamond, square and star in ZapfDingbats: the styles that a check box has.
const MARKS: [u8; 6] = *b"4l8unH";
/// The `Ff` bit of push buttons (ISO 32000-1 table 226), which have captions.
const PUSH_BUTTON: i64 = 1 << 16;

impl Comparison<'_, '_> {
    /// Whether every appearance of the later widget is the signed one, or the mark of the same state.
    pub(super) fn marks_as_before(&self, before: &Dictionary, after: &Dictionary) -> bool {
        let (old, new) = (self.old.value(before, "AP"), self.new.value(after, "AP"));
        let (Some(old), Some(new)) = (old.dictionary(), new.dictionary()) else { return false };
        let same = |key: &[u8], value: &Object| old.value_of(key).is_some_and(|old| self.same_drawn(old, value));
        if !new.entries().all(|(key, value)| key == b"N" || same(key, value)) {
            return false;
        }
        let (old, new) = (self.old.value(old, "N"), self.new.value(new, "N"));
        let (Some(old), Some(new)) = (old.dictionary(), new.dictionary()) else { return false };
        new.entries().all(|(state, look)| {
            let known = old.value_of(state);
            let signed = match known.map(|known| self.old.resolve(known)) {
                Some(Object::Stream(form)) => self.old.decoded(&form).ok(),
                _ => None,
            };
            known.is_some_and(|known| self.same_drawn(known, look))
                || match self.new.resolve(look) {
                    Object::Stream(form) if signed.is_some() || state == b"Off" => {
                        self.is_mark(after, &form, state != b"Off", signed.as_deref())
                    }
                    _ => false,
                }
        })
    }

    /// Whether nothing changed in the characteristics (ISO 32000-1 table 189) but the style of the mark, a ground and a border that are gone.
    pub(super) fn only_the_mark_changed(&self, field: &Object, old: &Dictionary, new: &Dictionary) -> bool {
        let flags = self.new.resolve(field).integer().unwrap_or(0);
        let (old, new) = (self.old.value(old, "MK"), self.new.value(new, "MK"));
        let empty = Dictionary::default();
        let (old, new) = (old.dictionary().unwrap_or(&empty), new.dictionary().unwrap_or(&empty));
        let caption = self.new.value(new, "CA");
        flags & PUSH_BUTTON == 0
            && matches!(caption.string(), Some([mark]) if MARKS.contains(mark))
            && self.differing_keys(old, new).iter().all(|key| match key.as_slice() {
                b"CA" => true,
                // Drawn anew without ground and border, the mark stands on the page.
                b"BG" | b"BC" => new.value_of(key).is_none(),
                _ => false,
            })
    }

    /// Whether the form shows one mark, or nothing where the box is off, beside its ground and border.
    fn is_mark(&self, widget: &Dictionary, form: &Stream, on: bool, signed: Option<&[u8]>) -> bool {
        let Ok(content) = self.new.decoded_regularly(form) else { return false };
        let Some(sheet) = sheet(self.new, widget, form, false) else { return false };
        let resources = self.new.value(&form.dictionary, "Resources");
        let resources = resources.dictionary();
        if !is_unconditional(form) || redefines_colours(self.new, resources) {
            return false;
        }
        let mut lexer = Lexer::new(&content, 0);
        let (mut operands, mut painting) = (Vec::new(), Painting::on(Some(sheet)));
        let mut marks = 0;
        for _ in 0..limits::PREPARED_OPERATORS {
            lexer.skip_space();
            if lexer.position() >= content.len() {
                return marks == usize::from(on) && draws_more_than_text(&content, sheet.bounds, signed).is_none();
            }
            if let Ok(object) = lexer.try_object() {
                operands.push(object);
                continue;
            }
            let Some(operator) = lexer.take_operator() else { return false };
            let fits = match operator {
                b"Tf" => self.is_pictures_font(resources, operands.first()),
                b"Tj" => {
                    marks += 1;
                    matches!(operands.last().and_then(Object::string), Some([mark]) if MARKS.contains(mark))
                }
                b"TJ" | b"'" | b"\"" | b"Tr" | b"Tz" | b"gs" | b"Do" | b"BI" | b"sh" | b"BDC" => false,
                _ => true,
            };
            // The marks are about as wide as they are high.
            if !fits || painting.moves(operator, &operands, 0.8).is_err() {
                return false;
            }
            operands.clear();
        }
        false
    }

    /// Whether the name stands for the standard font of pictures, as every reader has it.
    fn is_pictures_font(&self, resources: Option<&Dictionary>, name: Option<&Object>) -> bool {
        let fonts = resources.map(|resources| self.new.value(resources, "Font")).unwrap_or_default();
        let font = fonts.dictionary().zip(name.and_then(Object::name)).and_then(|(fonts, name)| fonts.value_of(name));
        let font = font.map(|font| self.new.resolve(font)).unwrap_or_default();
        font.dictionary().is_some_and(|font| {
            let is = |key: &str, value: &str| self.new.value(font, key).is_name(value);
            let of_its_own = ["FontDescriptor", "Encoding", "ToUnicode", "Widths"];
            is("Subtype", "Type1") && is("BaseFont", "ZapfDingbats") && of_its_own.iter().all(|key| !font.contains(key))
        })
    }
}
