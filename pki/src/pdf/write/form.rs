//! Fields that are made before anybody signs and filled between two signatures: the number and the date of an official document, and
//! the places of its signatures, each with the lock that its signer leaves (ISO 32000-2 §12.7.5.5, FieldMDP §12.8.2.4). Filling is an
//! incremental update that shows exactly what it stores, in a font that the signed revision has already: that is what a verifier
//! permits (see `pdf::change`).

use super::super::change::letters_of_font;
use super::super::typeface::{Typeface, Typefaces, composed};
use super::super::{Dictionary, FormField, Object, ObjectId};
use super::drawing::write_font;
use super::field::{annotate, free_name, place_on, write_form};
use super::sign::{Additions, Placement};
use super::source::{Source, TargetPage, signatures, with};
use super::syntax::{self, numbers, real, reference};
use super::update::Update;
use super::{WriteError, limits, permission};
use std::collections::BTreeMap;

/// A text field to be made, empty.
#[derive(Clone, Debug, PartialEq)]
pub struct TextField {
    /// Its name, without full stops.
    pub name: String,
    /// What a reader calls it aloud (`TU`).
    pub label: String,
    pub placement: Placement,
    /// Points.
    pub size: f32,
    /// Slanted letters, as Decree 30/2020 has the date.
    pub italic: bool,
    /// Every letter that it may ever hold, beside digits.
    pub letters: String,
}

/// A signature field to be made, empty.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureField {
    pub name: String,
    /// Where it stands; `None` is nowhere to be seen.
    pub placement: Option<Placement>,
    /// Fields that stay open once it is signed; `None` closes every field.
    pub leaves_open: Option<Vec<String>>,
}

/// Adds empty fields to a document that nobody has signed. Returns what must be appended.
pub fn add_fields(
    source: &[u8],
    texts: &[TextField],
    signed: &[SignatureField],
    typefaces: &Typefaces,
) -> Result<Vec<u8>, WriteError> {
    let source = Source::open(source)?;
    let fields = source.file.fields();
    refuse_unsuitable(&source, &fields, texts.len().saturating_add(signed.len()))?;
    let mut update = source.update();
    let mut made = Made::default();
    let fonts = Fonts::write(&source, &mut update, texts, typefaces)?;
    for text in texts {
        let name = free_name(&fields, Some(&text.name))?;
        let (page, rectangle, _) = place_on(&source, text.placement)?;
        if page.quarter_turns != 0 {
            return Err(WriteError::TurnedPage);
        }
        let [left, bottom, right, top] = rectangle;
        let appearance = update.allocate();
        let bounds = numbers(&[right - left, top - bottom]);
        update.stream(appearance, &format!("/Type/XObject/Subtype/Form/BBox[0 0 {bounds}]"), b"/Tx BMC EMC");
        let size = real(f64::from(text.size));
        let body = format!(
            "<</Type/Annot/Subtype/Widget/FT/Tx/F 4/T{}/TU{}/DA{}/P {}/Rect[{}]/AP<</N {}>>>>",
            syntax::text(&name),
            syntax::text(&composed(&text.label)),
            syntax::text(&format!("/{} {size} Tf 0 g", fonts.name(text.italic))),
            reference(page.id),
            numbers(&rectangle),
            reference(appearance)
        );
        made.add(&mut update, page, &body);
    }
    for field in signed {
        let name = free_name(&fields, Some(&field.name))?;
        let (page, rectangle) = match field.placement {
            Some(placement) => place_on(&source, placement).map(|(page, rectangle, _)| (page, rectangle))?,
            None => (source.page(Some(1))?, [0.0; 4]),
        };
        // Table 235: an object of its own.
        let lock = update.allocate();
        update.raw(lock, lock_dictionary(field.leaves_open.as_deref()).as_bytes());
        let body = format!(
            "<</Type/Annot/Subtype/Widget/FT/Sig/F 132/T{}/P {}/Rect[{}]/Lock {}>>",
            syntax::text(&name),
            reference(page.id),
            numbers(&rectangle),
            reference(lock)
        );
        made.add(&mut update, page, &body);
    }
    for (page, ids) in made.pages.values() {
        annotate(&source, &mut update, page, ids);
    }
    let additions = Additions { fields: made.fields, resources: Some(fonts.resources) };
    write_form(&source, &mut update, additions, None)?;
    source.close(update)
}

/// Fills empty text fields. Returns what must be appended. What an earlier signer locked is refused.
pub fn fill_fields(source: &[u8], values: &[(String, String)]) -> Result<Vec<u8>, WriteError> {
    let source = Source::open(source)?;
    let fields = source.file.fields();
    permission::by_owner(&source, true)?;
    let mut update = source.update();
    for (name, value) in values {
        permission::check(&source, &fields, Some(name), false)?;
        let field = fields.iter().find(|field| field.name == *name);
        let field = field.ok_or_else(|| WriteError::NoSuchTextField(name.clone()))?;
        fill(&source, &mut update, field, &composed(value))?;
    }
    source.close(update)
}

fn refuse_unsuitable(source: &Source<'_>, fields: &[FormField], wanted: usize) -> Result<(), WriteError> {
    if source.file.form().dictionary().is_some_and(|form| form.contains("XFA")) {
        return Err(WriteError::XfaForm);
    }
    // A field that comes later is a change that no earlier signer permitted.
    if signatures(fields).next().is_some() {
        return Err(WriteError::FieldsAfterSigning);
    }
    if fields.len().saturating_add(wanted) > limits::FORM_FIELDS {
        return Err(WriteError::TooMany("fields"));
    }
    permission::by_owner(source, false)
}

/// The new fields, and the pages that they stand on.
#[derive(Default)]
struct Made {
    fields: Vec<ObjectId>,
    pages: BTreeMap<ObjectId, (TargetPage, Vec<ObjectId>)>,
}

impl Made {
    fn add(&mut self, update: &mut Update, page: TargetPage, body: &str) {
        let field = update.allocate();
        update.raw(field, body.as_bytes());
        self.fields.push(field);
        self.pages.entry(page.id).or_insert_with(|| (page, Vec::new())).1.push(field);
    }
}

/// The two fonts of the fields, and the form's resources with them.
struct Fonts {
    resources: Object,
    upright: String,
    slanted: String,
}

impl Fonts {
    fn write(
        source: &Source<'_>,
        update: &mut Update,
        texts: &[TextField],
        typefaces: &Typefaces,
    ) -> Result<Self, WriteError> {
        let form = source.file.form().dictionary().cloned().unwrap_or_default();
        let resources = source.file.value(&form, "DR").dictionary().cloned().unwrap_or_default();
        let present = source.file.value(&resources, "Font").dictionary().cloned().unwrap_or_default();
        let mut added = Vec::new();
        for italic in [false, true] {
            let typeface: &Typeface = if italic { &typefaces.italic } else { &typefaces.regular };
            let letters: String =
                texts.iter().filter(|text| text.italic == italic).map(|text| composed(&text.letters)).collect();
            if letters.chars().count() > limits::TEXT_CHARACTERS {
                return Err(WriteError::TextTooLong);
            }
            typeface.check(&letters)?;
            let names = (0..=limits::FORM_FIELDS).map(|number| format!("Chuky{}{number}", u8::from(italic)));
            let free = names.into_iter().find(|name| !present.contains(name));
            let name = free.ok_or(WriteError::TooMany("fonts"))?;
            let font = write_font(update, typeface, &*typeface.subset(letters.chars())?);
            added.push((name, font));
        }
        let changes = added.iter().map(|(name, font)| (name.as_str(), Object::Reference(*font))).collect();
        let fonts = Object::Dictionary(with(&present, changes).into());
        let resources = Object::Dictionary(with(&resources, vec![("Font", fonts)]).into());
        let mut names = added.into_iter().map(|(name, _)| name);
        let (upright, slanted) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
        Ok(Self { resources, upright, slanted })
    }

    fn name(&self, italic: bool) -> &str {
        if italic { &self.slanted } else { &self.upright }
    }
}

fn lock_dictionary(leaves_open: Option<&[String]>) -> String {
    let Some(open) = leaves_open else { return "<</Type/SigFieldLock/Action/All>>".to_owned() };
    let names: Vec<String> = open.iter().map(|name| syntax::text(name)).collect();
    format!("<</Type/SigFieldLock/Action/Exclude/Fields[{}]>>", names.join(" "))
}

fn fill(source: &Source<'_>, update: &mut Update, field: &FormField, value: &str) -> Result<(), WriteError> {
    let unknown = || WriteError::NoSuchTextField(field.name.clone());
    let is_text = field.value("FT").is_some_and(|kind| source.file.resolve(kind).is_name("Tx"));
    let filled = field.value("V").map(|value| source.file.resolve(value)).is_some_and(|value| !value.is_null());
    if filled {
        return Err(WriteError::AlreadyFilled(field.name.clone()));
    }
    // Only fields that are their own widget, as `add_fields` makes them.
    let own = field.widgets.first().is_some_and(|(widget, _)| *widget == field.id) && field.widgets.len() == 1;
    let (Some(id), Some(dictionary), true) = (field.id, field.dictionary.dictionary(), is_text && own) else {
        return Err(unknown());
    };
    if value.chars().count() > limits::TEXT_CHARACTERS {
        return Err(WriteError::TextTooLong);
    }
    let written = field.value("DA").map(|written| source.file.resolve(written)).unwrap_or_default();
    let written = String::from_utf8_lossy(written.string().unwrap_or_default()).into_owned();
    let mut words = written.split_whitespace();
    let name = words.next().and_then(|name| name.strip_prefix('/')).ok_or_else(unknown)?;
    let size: f32 = words.next().and_then(|size| size.parse().ok()).ok_or_else(unknown)?;
    let font = Font::of(source, name).ok_or_else(unknown)?;
    let codes = font.codes(value)?;
    let [left, bottom, right, top] =
        source.rectangle(&source.file.value(dictionary, "Rect")).ok_or(WriteError::Rectangle)?;
    let (width, height) = (right - left, top - bottom);
    let natural = font.width(&codes) * size / 1_000.0;
    let size = if natural > width && natural > 0.0 { size * width / natural } else { size };
    let across = (width - font.width(&codes) * size / 1_000.0) / 2.0;
    let hex: String = codes.iter().map(|code| format!("{code:04X}")).collect();
    let content = format!(
        "/Tx BMC\nq\nBT 0 g /{name} {} Tf 1 0 0 1 {} Tm <{hex}> Tj ET\nQ\nEMC",
        real(f64::from(size)),
        numbers(&[across.max(0.0), (height - size * 0.7) / 2.0])
    );
    let appearance = update.allocate();
    let entries = format!(
        "/Type/XObject/Subtype/Form/BBox[0 0 {}]/Resources<</Font<</{name} {}>>>>",
        numbers(&[width, height]),
        reference(font.id)
    );
    update.stream(appearance, &entries, content.as_bytes());
    let normal = Dictionary::from_entries(vec![(b"N".as_slice().into(), Object::Reference(appearance))]);
    let changes =
        vec![("V", Object::String(syntax::text_bytes(value).into())), ("AP", Object::Dictionary(normal.into()))];
    super::sign::write_dictionary(update, id, &with(dictionary, changes));
    Ok(())
}

/// A font of the form's resources, as `add_fields` wrote it.
struct Font {
    id: ObjectId,
    codes: BTreeMap<char, u32>,
    /// Of the codes from `first` on, in thousandths.
    widths: Vec<f32>,
    first: u32,
}

impl Font {
    fn of(source: &Source<'_>, name: &str) -> Option<Self> {
        let form = source.file.form();
        let resources = source.file.value(form.dictionary()?, "DR");
        let fonts = source.file.value(resources.dictionary()?, "Font");
        let id = fonts.dictionary()?.value(name)?.reference()?;
        let font = source.file.resolve(&Object::Reference(id));
        let font = font.dictionary()?;
        let letters = letters_of_font(&source.file, font);
        let codes = letters.into_iter().filter_map(|(code, text)| Some((text.chars().next()?, code))).collect();
        let descendants = source.file.value(font, "DescendantFonts");
        let descendant = source.file.resolve(descendants.array()?.first()?);
        let widths = source.file.value(descendant.dictionary()?, "W");
        let [first, list, ..] = widths.array()? else { return None };
        let first = u32::try_from(source.file.resolve(first).integer()?).ok()?;
        let list = source.file.resolve(list);
        let widths = list.array()?.iter().map(|width| source.file.resolve(width).number().unwrap_or(0.0) as f32);
        Some(Self { id, codes, widths: widths.collect(), first })
    }

    fn codes(&self, text: &str) -> Result<Vec<u32>, WriteError> {
        let code = |letter: char| self.codes.get(&letter).copied().ok_or(WriteError::MissingLetter(letter));
        text.chars().map(code).collect()
    }

    fn width(&self, codes: &[u32]) -> f32 {
        let width = |code: &u32| code.checked_sub(self.first).and_then(|at| self.widths.get(at as usize));
        codes.iter().filter_map(width).sum()
    }
}
