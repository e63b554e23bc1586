//! A field that was filled: whether what it shows, and what a reader that draws it anew would show, is what it stores.

use super::appearance::{Shown, chosen_fit, normal, rich_text_says, shows};
use super::font::is_plain;
use super::kind::ChangeKind;
use super::paths::Ink;
use super::{Comparison, named};
use crate::pdf::file::PdfFile;
use crate::pdf::lexer::Lexer;
use crate::pdf::object::{Dictionary, Object};
use crate::pdf::tree::{FormField, text};
use std::collections::BTreeSet;

impl Comparison<'_, '_> {
    /// A field that existed has another value or another appearance: is what it shows what it stores?
    pub(super) fn filled(&self, old: &FormField, new: &FormField, showing: &BTreeSet<Vec<u8>>, page: Option<u32>) {
        let name = &new.name;
        let kind = new.value("FT").map(|kind| self.new.resolve(kind)).unwrap_or_default();
        let shown = match kind.name() {
            Some(b"Tx" | b"Ch") => {
                let signed = |at: usize| normal(self.old, &old.widgets.get(at)?.1);
                shows(self.new, new, &|font| self.had_font(old, font), Some(&signed))
            }
            Some(b"Btn") => self.button(old, new),
            _ => Shown::Unclear("a field of unknown type"),
        };
        let shown = match shown {
            Shown::Same if kind.is_name("Btn") => Shown::Same,
            Shown::Same => self.showing(old, new, showing).map_or(Shown::Same, Shown::Unclear),
            other => other,
        };
        match shown {
            // The value is the signed one, yet a person saw something else when it was signed (shadow attack "replace").
            Shown::Same
                if self.same_field_value(old, new)
                    && (shows(self.old, old, &|_| true, None) != Shown::Same || self.redrawn(old, new)) =>
            {
                let detail = format!("field {name:?} keeps its value and shows something else than when it was signed");
                self.add(ChangeKind::ShownIsNotStored, page, Some(name), detail);
            }
            Shown::Same => {
                let refilled = self.had_value(old) && !self.same_field_value(old, new);
                let kind = if refilled { ChangeKind::FormRefilled } else { ChangeKind::FormFilled };
                self.add(kind, page, Some(name), format!("field {name:?} was filled"));
            }
            Shown::Other(text) => {
                let detail = format!("field {name:?} shows {text:?}, which is not its value");
                self.add(ChangeKind::ShownIsNotStored, page, Some(name), detail);
            }
            Shown::Unclear(why) => {
                let detail = format!("whether field {name:?} shows its value cannot be established: {why}");
                self.add(ChangeKind::ShownIsNotStored, page, Some(name), detail);
            }
        }
    }

    /// Why a reader that draws the field anew would show something else than its value.
    fn showing(&self, old: &FormField, new: &FormField, changed: &BTreeSet<Vec<u8>>) -> Option<&'static str> {
        let has = |key: &str| changed.contains(key.as_bytes());
        let same = self.same_field_value(old, new);
        if same && (has("RV") || has("I") || (has("DA") && self.had_value(old))) {
            return Some("it keeps its value and is to be drawn in another way");
        }
        let parts = || new.widgets.iter().map(|(_, widget)| widget).chain([&new.dictionary]);
        let parts = || parts().filter_map(Object::dictionary);
        if has("DA") && !parts().all(|part| self.writes_in_known_font(old, part)) {
            return Some("it names a font that was not there when it was signed");
        }
        if has("DA") && parts().any(|part| self.writes_unseen(old, part)) {
            return Some("a reader that draws it anew would show letters too small or too light to be seen");
        }
        if has("RV") && !parts().all(|part| rich_text_says(self.new, part, new)) {
            return Some("its rich text says something else");
        }
        if has("I") && !parts().all(|part| chosen_fit(self.new, part, new)) {
            return Some("other options are marked than its value names");
        }
        None
    }

    /// Whether the font that the default appearance names, if it is one of the form's, is one of the signed form's or shows the letters of its codes.
    fn writes_in_known_font(&self, old: &FormField, part: &Dictionary) -> bool {
        let appearance = self.new.value(part, "DA");
        let form = self.new.form();
        let resources = form.dictionary().map(|form| self.new.value(form, "DR")).unwrap_or_default();
        let fonts = resources.dictionary().map(|resources| self.new.value(resources, "Font")).unwrap_or_default();
        let fonts = fonts.dictionary();
        names_in(appearance.string().unwrap_or_default()).iter().all(|name| {
            let written = fonts.and_then(|fonts| fonts.value_of(name));
            written.is_none_or(|font| self.had_font(old, font) || is_plain(self.new, font))
        })
    }

    /// Whether the default appearance writes smaller or lighter than letters are seen, in a way that none of the signed ones did.
    fn writes_unseen(&self, old: &FormField, part: &Dictionary) -> bool {
        let text_of = |file: &PdfFile<'_>, value: Option<&Object>| {
            let value = value.map(|value| file.resolve(value)).unwrap_or_default();
            Written::read(value.string().unwrap_or_default())
        };
        let now = text_of(self.new, part.value("DA"));
        let form = self.old.form();
        let of_form = form.dictionary().and_then(|form| form.value("DA")).cloned();
        let of_widgets = old.widgets.iter().filter_map(|(_, widget)| widget.dictionary()?.value("DA").cloned());
        let signed = of_widgets.chain(old.value("DA").cloned()).chain(of_form);
        let signed: Vec<Written> = signed.map(|value| text_of(self.old, Some(&value))).collect();
        let small = now.size != 0.0 && now.size.abs() < SMALLEST && !signed.iter().any(|one| one.size == now.size);
        let light = now.light.is_none_or(|light| light > LIGHTEST) && !signed.iter().any(|one| one.light == now.light);
        small || light
    }

    /// Whether a field that had a value and an appearance of it has another one now.
    fn redrawn(&self, old: &FormField, new: &FormField) -> bool {
        let other = |((_, old), (_, new)): (&(_, Object), &(_, Object))| {
            old.dictionary()
                .zip(new.dictionary())
                .is_some_and(|(old, new)| old.contains("AP") && !self.same_value(old, new, b"AP"))
        };
        self.had_value(old) && old.widgets.iter().zip(&new.widgets).any(other)
    }

    /// Whether the signed revision had the font, among the form's or in the field's own appearance.
    fn had_font(&self, old: &FormField, font: &Object) -> bool {
        let file = self.old;
        let fonts_of = |resources: Object| -> Vec<Object> {
            let fonts = resources.dictionary().map(|resources| file.value(resources, "Font")).unwrap_or_default();
            fonts.dictionary().map(|fonts| fonts.entries().map(|(_, font)| font.clone()).collect()).unwrap_or_default()
        };
        let of_form = file.form().dictionary().map(|form| file.value(form, "DR")).unwrap_or_default();
        let of_field = old.widgets.iter().filter_map(|(_, widget)| {
            let appearance = file.value(widget.dictionary()?, "AP");
            let normal = file.value(appearance.dictionary()?, "N");
            Some(file.value(&normal.stream()?.dictionary, "Resources"))
        });
        std::iter::once(of_form).chain(of_field).flat_map(fonts_of).any(|known| self.same_drawn(&known, font))
    }

    fn same_field_value(&self, old: &FormField, new: &FormField) -> bool {
        let value = |field: &FormField| field.value("V").cloned().unwrap_or_default();
        self.same(&value(old), &value(new))
    }

    /// Whether the field had a value when it was signed, other than its default.
    fn had_value(&self, field: &FormField) -> bool {
        let resolved = |key: &str| field.value(key).map(|value| self.old.resolve(value)).unwrap_or_default();
        let (value, default) = (resolved("V"), resolved("DV"));
        match &value {
            Object::String(bytes) => text(bytes).chars().any(|letter| !letter.is_whitespace()) && value != default,
            Object::Name(name) => &**name != b"Off" && value != default,
            Object::Null => false,
            Object::Array(chosen) => !chosen.is_empty() && value != default,
            _ => value != default,
        }
    }

    /// A check box or radio button may only switch between appearances that it had when signed.
    fn button(&self, old: &FormField, new: &FormField) -> Shown {
        let value = new.value("V").map(|value| self.new.resolve(value)).unwrap_or_default();
        let value = value.name().unwrap_or(b"Off").to_vec();
        let mut value_met = value == b"Off";
        for ((_, before), (id, after)) in old.widgets.iter().zip(&new.widgets) {
            let (Some(before), Some(after)) = (before.dictionary(), after.dictionary()) else {
                return Shown::Unclear("a widget that is no dictionary");
            };
            if !self.same_value(before, after, b"AP") && !self.marks_as_before(before, after) {
                return Shown::Other(format!("another appearance for {}", named(*id)));
            }
            let state = self.new.value(after, "AS");
            let state = state.name().unwrap_or(b"Off");
            if state != b"Off" && state != value {
                return Shown::Other(String::from_utf8_lossy(state).into_owned());
            }
            value_met |= state == value;
        }
        if value_met { Shown::Same } else { Shown::Other("nothing".to_owned()) }
    }
}

/// Letters below that size, or lighter than that, are not seen on most grounds; a size of 0 lets the reader choose.
const SMALLEST: f64 = 4.0;
const LIGHTEST: f64 = 0.75;

/// How a default appearance writes (ISO 32000-1 §12.7.3.3).
struct Written {
    size: f64,
    light: Option<f64>,
}

impl Written {
    fn read(appearance: &[u8]) -> Self {
        let mut lexer = Lexer::new(appearance, 0);
        let (mut size, mut ink, mut operands) = (0.0, Ink::default(), Vec::new());
        loop {
            lexer.skip_space();
            match lexer.try_object() {
                Ok(object) => operands.push(object),
                Err(_) => match lexer.take_operator() {
                    Some(operator) => {
                        ink.takes(operator, &operands);
                        if operator == b"Tf" {
                            size = operands.last().and_then(Object::number).unwrap_or(0.0);
                        }
                        operands.clear();
                    }
                    None => return Self { size, light: ink.filled },
                },
            }
        }
    }
}

/// The names in a default appearance (ISO 32000-1 §12.7.3.3), its font's among them.
pub(super) fn names_in(appearance: &[u8]) -> Vec<Vec<u8>> {
    let mut lexer = Lexer::new(appearance, 0);
    let mut found = Vec::new();
    loop {
        lexer.skip_space();
        match lexer.try_object() {
            Ok(object) => found.extend(object.name().map(<[u8]>::to_vec)),
            Err(_) if lexer.take_operator().is_none() => return found,
            Err(_) => {}
        }
    }
}
