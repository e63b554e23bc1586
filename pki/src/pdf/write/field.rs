//! The signature field, its widget on the page and its listing in the form (ISO 32000-2 §12.7.5.5). Only what must change is
//! written again: the page or its array of annotations, the form or its array of fields.

use super::super::{Dictionary, FormField, Object, ObjectId};
use super::sign::{Additions, Field, PageChoice, Placement, write_dictionary};
use super::source::{Source, TargetPage, with};
use super::update::Update;
use super::{WriteError, limits, syntax};

/// The field that will hold the signature, and how large its picture is.
pub(super) struct Target {
    holder: Holder,
    /// As the reader shows it, in points.
    pub width: f32,
    pub height: f32,
    /// Quarter turns against the clock that make the picture upright on a turned page.
    pub quarter_turns: u8,
    /// What the field's lock demands once it is signed.
    pub lock: Option<Dictionary>,
}

enum Holder {
    New { name: String, page: TargetPage, rectangle: [f32; 4] },
    Existing { id: ObjectId, dictionary: Dictionary, widget: Option<(ObjectId, Dictionary)> },
}

/// Finds the field, or the place of a new one.
pub(super) fn target(source: &Source<'_>, fields: &[FormField], field: &Field) -> Result<Target, WriteError> {
    let form = source.file.form();
    if form.dictionary().is_some_and(|form| form.contains("XFA")) {
        return Err(WriteError::XfaForm);
    }
    match field {
        Field::NewInvisible => {
            let page = source.page(Some(1))?;
            let holder = Holder::New { name: free_name(fields, None)?, page, rectangle: [0.0; 4] };
            Ok(Target { holder, width: 0.0, height: 0.0, quarter_turns: 0, lock: None })
        }
        Field::New { name, placement } => placed(source, free_name(fields, name.as_deref())?, *placement),
        Field::Existing(name) => {
            let field =
                fields.iter().find(|field| field.name == *name).ok_or_else(|| WriteError::NoSuchField(name.clone()))?;
            existing(source, field)
        }
    }
}

/// `Signature1`, `Signature2`… or the name wanted, where no field has it. A full stop would make it a field within a field.
pub(super) fn free_name(fields: &[FormField], wanted: Option<&str>) -> Result<String, WriteError> {
    if fields.len() > limits::FORM_FIELDS {
        return Err(WriteError::TooMany("fields"));
    }
    // The first part of a name counts: a new field may not become a parent's twin.
    let taken = |name: &str| fields.iter().any(|field| field.name.split('.').next() == Some(name));
    match wanted {
        Some(name) if name.is_empty() || name.contains('.') || taken(name) => {
            Err(WriteError::FieldTaken(name.to_owned()))
        }
        Some(name) => Ok(name.to_owned()),
        None => {
            let names = (1..=limits::FORM_FIELDS + 1).map(|number| format!("Signature{number}"));
            names.into_iter().find(|name| !taken(name)).ok_or(WriteError::TooMany("fields"))
        }
    }
}

fn placed(source: &Source<'_>, name: String, placement: Placement) -> Result<Target, WriteError> {
    let (page, rectangle, (width, height)) = place_on(source, placement)?;
    let quarter_turns = page.quarter_turns;
    Ok(Target { holder: Holder::New { name, page, rectangle }, width, height, quarter_turns, lock: None })
}

/// A page, a rectangle in its own coordinates, and width and height as shown.
pub(super) type Placed = (TargetPage, [f32; 4], (f32, f32));

/// Where a placement lies.
pub(super) fn place_on(source: &Source<'_>, placement: Placement) -> Result<Placed, WriteError> {
    let page = source.page(match placement.page {
        PageChoice::First => Some(1),
        PageChoice::Last => None,
        PageChoice::Number(number) => Some(number),
    })?;
    let [left, bottom, right, top] = placement.rectangle;
    let (width, height) = (right - left, top - bottom);
    if !placement.rectangle.iter().all(|edge| edge.is_finite()) || width <= 0.0 || height <= 0.0 {
        return Err(WriteError::Rectangle);
    }
    let corner = |x: f32, y: f32| to_page(&page, x, y);
    let ((a, b), (c, d)) = (corner(left, bottom), corner(right, top));
    let rectangle = [a.min(c), b.min(d), a.max(c), b.max(d)];
    Ok((page, rectangle, (width, height)))
}

/// A point of the page as shown, from its lower left corner, in the page's own coordinates (ISO 32000-2 table 31, `Rotate`).
fn to_page(page: &TargetPage, x: f32, y: f32) -> (f32, f32) {
    let [left, bottom, right, top] = page.shown;
    match page.quarter_turns {
        1 => (right - y, bottom + x),
        2 => (right - x, top - y),
        3 => (left + y, top - x),
        _ => (left + x, bottom + y),
    }
}

fn existing(source: &Source<'_>, field: &FormField) -> Result<Target, WriteError> {
    let taken = || WriteError::FieldTaken(field.name.clone());
    let signature = field.value("FT").is_some_and(|kind| kind.is_name("Sig"));
    let empty = field.value("V").map(|value| source.file.resolve(value)).is_none_or(|value| value.is_null());
    if !signature || !empty {
        return Err(taken());
    }
    let id = field.id.ok_or_else(taken)?;
    let dictionary = field.dictionary.dictionary().cloned().ok_or_else(taken)?;
    let (widget_id, widget) = field.widgets.first().cloned().ok_or_else(taken)?;
    let widget = widget.dictionary().cloned().ok_or_else(taken)?;
    let rectangle = source.rectangle(&source.file.value(&widget, "Rect")).unwrap_or_default();
    let turns = widget.value("P").and_then(Object::reference).map_or(0, |page| quarter_turns(source, page));
    let (across, up) = (rectangle[2] - rectangle[0], rectangle[3] - rectangle[1]);
    let (width, height) = if turns % 2 == 0 { (across, up) } else { (up, across) };
    let lock = source.file.value(&dictionary, "Lock").dictionary().cloned();
    let widget = widget_id.filter(|widget_id| *widget_id != id).map(|widget_id| (widget_id, widget));
    Ok(Target { holder: Holder::Existing { id, dictionary, widget }, width, height, quarter_turns: turns, lock })
}

fn quarter_turns(source: &Source<'_>, page: ObjectId) -> u8 {
    let pages = source.file.pages();
    let page = pages.iter().find(|other| other.id == Some(page));
    let rotation = page.and_then(|page| page.value(&source.file, "Rotate").integer()).unwrap_or(0);
    u8::try_from(rotation.div_euclid(90).rem_euclid(4)).unwrap_or(0)
}

/// Writes the field with its value and its picture; a new one also into its page's annotations, with what stands beside it.
pub(super) fn write(
    source: &Source<'_>,
    update: &mut Update,
    target: &Target,
    signature: ObjectId,
    appearance: Option<ObjectId>,
    beside: Option<(ObjectId, &TargetPage)>,
) -> Result<Additions, WriteError> {
    let picture = appearance.map(|form| {
        let normal = Dictionary::from_entries(vec![(b"N".as_slice().into(), Object::Reference(form))]);
        ("AP", Object::Dictionary(normal.into()))
    });
    match &target.holder {
        Holder::Existing { id, dictionary, widget } => {
            let mut changes = vec![("V", Object::Reference(signature))];
            match widget {
                Some((widget_id, widget)) => {
                    if let Some(picture) = picture {
                        write_dictionary(update, *widget_id, &with(widget, vec![picture]));
                    }
                }
                None => changes.extend(picture),
            }
            write_dictionary(update, *id, &with(dictionary, changes));
            if let Some((other, page)) = beside {
                annotate(source, update, page, &[other]);
            }
            Ok(Additions { fields: beside.map(|(other, _)| other).into_iter().collect(), resources: None })
        }
        Holder::New { name, page, rectangle } => {
            let field = update.allocate();
            // 132: printed, and neither moved nor deleted by a reader (ISO 32000-2 table 167, bits 3 and 8).
            let mut body = format!(
                "<</Type/Annot/Subtype/Widget/FT/Sig/F 132/T{}/V {}/P {}/Rect[{}]",
                syntax::text(name),
                syntax::reference(signature),
                syntax::reference(page.id),
                syntax::numbers(rectangle)
            );
            if let Some(form) = appearance {
                body += &format!("/AP<</N {}>>", syntax::reference(form));
            }
            update.raw(field, (body + ">>").as_bytes());
            let mut fields = vec![field];
            match beside {
                // A page's annotations are written once.
                Some((other, page_beside)) if page_beside.id == page.id => {
                    fields.push(other);
                    annotate(source, update, page, &fields);
                }
                Some((other, page_beside)) => {
                    annotate(source, update, page, &fields);
                    annotate(source, update, page_beside, &[other]);
                    fields.push(other);
                }
                None => annotate(source, update, page, &fields),
            }
            Ok(Additions { fields, resources: None })
        }
    }
}

/// Adds widgets to the page's annotations, whether they stand in the page or in an object of their own.
pub(super) fn annotate(source: &Source<'_>, update: &mut Update, page: &TargetPage, fields: &[ObjectId]) {
    let present = page.dictionary.value("Annots");
    let elements = present.map(|present| source.file.resolve(present)).unwrap_or_default();
    let longer = longer(&elements, fields);
    match (present, &elements) {
        (Some(Object::Reference(id)), Object::Array(_)) => {
            let mut body = Vec::new();
            syntax::push_object(&mut body, &longer);
            update.raw(*id, &body);
        }
        _ => write_dictionary(update, page.id, &with(&page.dictionary, vec![("Annots", longer)])),
    }
}

/// An array with more references.
fn longer(array: &Object, fields: &[ObjectId]) -> Object {
    let mut elements = array.array().unwrap_or_default().to_vec();
    elements.extend(fields.iter().map(|field| Object::Reference(*field)));
    Object::Array(elements.into())
}

/// Lists the new fields in the form and raises the flags (ISO 32000-2 table 225: signatures exist, append only); writes the
/// catalogue where it must change, with one more entry where wanted.
pub(super) fn write_form(
    source: &Source<'_>,
    update: &mut Update,
    additions: Additions,
    certified: Option<(&'static str, Object)>,
) -> Result<(), WriteError> {
    let present = source.catalogue.value("AcroForm");
    let form = source.file.form().dictionary().cloned().unwrap_or_default();
    let mut changes = Vec::new();
    let flags = source.file.value(&form, "SigFlags").integer().unwrap_or(0);
    if flags & 3 != 3 {
        changes.push(("SigFlags", Object::Integer(flags | 3)));
    }
    changes.extend(additions.resources.map(|resources| ("DR", resources)));
    if !additions.fields.is_empty() {
        let listed = form.value("Fields");
        let elements = listed.map(|listed| source.file.resolve(listed)).unwrap_or_default();
        let longer = longer(&elements, &additions.fields);
        match (listed, &elements) {
            (Some(Object::Reference(id)), Object::Array(_)) => {
                let mut body = Vec::new();
                syntax::push_object(&mut body, &longer);
                update.raw(*id, &body);
            }
            _ => changes.push(("Fields", longer)),
        }
    }
    let mut catalogue: Vec<(&str, Object)> = certified.into_iter().collect();
    if !changes.is_empty() {
        let form = with(&form, changes);
        match present {
            Some(Object::Reference(id)) => write_dictionary(update, *id, &form),
            _ => catalogue.push(("AcroForm", Object::Dictionary(form.into()))),
        }
    }
    if !catalogue.is_empty() {
        write_dictionary(update, source.catalogue_id, &with(&source.catalogue, catalogue));
    }
    Ok(())
}
