//! A QR code with its letters on a page, by which a holder of the paper finds what the service knows of the signature. It is put there
//! before the signature and covered by it: as the signature's own look, or in a read-only field beside it. It proves nothing about a page.

use super::super::typeface::Typefaces;
use super::super::{FormField, ObjectId};
use super::drawing::{Colour, Drawing, Face};
use super::field::{self, Placed};
use super::sign::Placement;
use super::source::{Source, TargetPage, signatures};
use super::syntax;
use super::update::Update;
use super::{WriteError, limits};

/// A QR code and the words beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// Modules of a side.
    pub side: usize,
    /// Dark ones `true`, row by row.
    pub dark: Vec<bool>,
    /// What it is for.
    pub caption: String,
    /// Where it is typed by whoever cannot scan.
    pub address: String,
    /// In groups.
    pub letters: String,
}

/// A code in a field of its own.
pub(super) struct Beside<'a> {
    code: &'a Code,
    name: String,
    placed: Placed,
}

impl<'a> Beside<'a> {
    /// Where it goes. Refused behind a signature, which a field that is not a signature's would change.
    pub(super) fn of(
        source: &Source<'_>,
        fields: &[FormField],
        code: &'a Code,
        placement: Placement,
    ) -> Result<Self, WriteError> {
        if signatures(fields).next().is_some() {
            return Err(WriteError::CodeAfterSigning);
        }
        let taken = |name: &String| fields.iter().any(|field| field.name.split('.').next() == Some(name.as_str()));
        let names = (1..=limits::FORM_FIELDS + 1).map(|number| format!("VerificationCode{number}"));
        let name = names.into_iter().find(|name| !taken(name)).ok_or(WriteError::TooMany("fields"))?;
        Ok(Self { code, name, placed: field::place_on(source, placement)? })
    }

    pub(super) fn page(&self) -> &TargetPage {
        &self.placed.0
    }

    /// Writes the field: a button that nobody presses (ISO 32000-2 §12.7.5.2.2), for a reader shows it, prints it and cannot change it.
    pub(super) fn write(&self, update: &mut Update, typefaces: &Typefaces) -> Result<ObjectId, WriteError> {
        let (page, rectangle, (width, height)) = &self.placed;
        let mut drawing = Drawing::new(typefaces, *width, *height);
        draw(&mut drawing, self.code)?;
        let form = drawing.write(update, page.quarter_turns)?;
        let id = update.allocate();
        // Ff: read-only and push button (tables 227 and 229); F: printed, read-only and locked (table 167).
        let body = format!(
            "<</Type/Annot/Subtype/Widget/FT/Btn/Ff 65537/F 196/T{}/TU{}/P {}/Rect[{}]/AP<</N {}>>>>",
            syntax::text(&self.name),
            syntax::text(&super::super::typeface::composed(&said(self.code))),
            syntax::reference(page.id),
            syntax::numbers(rectangle),
            syntax::reference(form)
        );
        update.raw(id, body.as_bytes());
        Ok(id)
    }
}

/// What a reader that speaks says of it.
fn said(code: &Code) -> String {
    format!("{}: {} {}", code.caption, code.address, code.letters)
}

/// Draws the code as large as the rectangle allows: its words stand at its right where there is room, else below it.
pub(super) fn draw(drawing: &mut Drawing<'_>, code: &Code) -> Result<(), WriteError> {
    let (width, height) = (drawing.width, drawing.height);
    let beside = width >= height * 1.8;
    let square = if beside { height } else { width.min(height - BELOW) };
    let modules = (code.side + 2 * QUIET_ZONE) as f32;
    let module = square / modules;
    if !module.is_finite() || module < SMALLEST_MODULE || code.dark.len() != code.side * code.side {
        return Err(WriteError::CodeTooSmall);
    }
    let (left, bottom) = if beside { (0.0, 0.0) } else { ((width - square) / 2.0, height - square) };
    // The ground is drawn, too: a page may be coloured, and a scanner needs the quiet zone.
    drawing.path(format!("1 1 1 rg {left:.2} {bottom:.2} {square:.2} {square:.2} re f"));
    drawing.path(format!(
        "0 0 0 rg {module:.4} 0 0 {module:.4} {:.3} {:.3} cm{} f",
        left + module * QUIET_ZONE as f32,
        bottom + module * QUIET_ZONE as f32,
        dark_runs(code)
    ));
    let lines = [
        (Face::Regular, TEXT, GREY, code.caption.as_str()),
        (Face::Bold, TEXT + 1.0, BLACK, code.letters.as_str()),
        (Face::Regular, TEXT, GREY, code.address.as_str()),
    ];
    let mut baseline = if beside { height / 2.0 + LEADING - TEXT * 0.3 } else { bottom - TEXT };
    for (face, size, colour, text) in lines.into_iter().skip(if beside { 0 } else { 1 }) {
        let room = if beside { width - square - GAP } else { width };
        let natural = drawing.measure(face, size, text).max(1.0);
        let size = if natural <= room { size } else { size * room / natural };
        let x = if beside { square + GAP } else { (width - drawing.measure(face, size, text)) / 2.0 };
        drawing.text((x, baseline), face, size, colour, text)?;
        baseline -= if beside { LEADING } else { TEXT + 1.0 };
    }
    Ok(())
}

/// One rectangle for each run of dark modules, in modules from the lower left corner.
fn dark_runs(code: &Code) -> String {
    let mut path = String::new();
    for (row, modules) in code.dark.chunks(code.side.max(1)).enumerate() {
        let from_below = code.side - 1 - row;
        let mut column = 0;
        for run in modules.chunk_by(|one, other| one == other) {
            if run.first() == Some(&true) {
                path += &format!(" {column} {from_below} {} 1 re", run.len());
            }
            column += run.len();
        }
    }
    path
}

/// Empty modules around the code (ISO/IEC 18004 §6.3.8).
const QUIET_ZONE: usize = 4;
/// Points of the smallest module that is still read from paper: 0.33 mm, four dots of a printer of 300 dpi.
const SMALLEST_MODULE: f32 = 0.94;
/// Of the words, in points.
const TEXT: f32 = 8.0;
const LEADING: f32 = 12.0;
const GAP: f32 = 2.0;
/// Room for two lines below the code.
const BELOW: f32 = 2.0 * (TEXT + 1.0) + 2.0;
const BLACK: Colour = [0.0, 0.0, 0.0];
const GREY: Colour = [0.32, 0.36, 0.42];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_the_dark_modules() {
        let dark = vec![true, true, false, false, true, false, true, false, true];
        let code = Code { side: 3, dark, caption: String::new(), address: String::new(), letters: String::new() };
        assert_eq!(dark_runs(&code), " 0 2 2 1 re 1 1 1 1 re 0 0 1 1 re 2 0 1 1 re");
    }
}
