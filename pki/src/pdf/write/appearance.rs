//! How a signature looks on the page: an official's, an agency's seal and a copy's lines by Decree 30/2020/NĐ-CP (Appendix I,
//! ô số 7c, 8, 14), a citizen's plain box, or nothing at all. A look never says that a signature is valid: only its
//! verification does.

use super::super::typeface::Typefaces;
use super::WriteError;
use super::code::{self, Code};
use super::drawing::{Colour, Drawing, Face};
use super::picture::Picture;
use chuky_model::instant::Instant;
use std::f32::consts::{FRAC_PI_2, TAU};
use std::sync::Arc;

/// What is shown. Texts are shown in NFC.
#[derive(Clone, Debug)]
pub enum Look {
    /// The competent person: the picture of the handwritten signature, blue, centred. Without a picture the name in a slanted hand.
    Official {
        /// Without title or degree.
        full_name: String,
        /// PNG with a transparent ground.
        picture: Option<Arc<Picture>>,
    },
    /// The agency: the picture of its seal, red and in its real size, the agency's name and the time below. Without a picture a
    /// plain ring with the agency's name, which nobody mistakes for the real seal.
    Seal {
        /// The agency's full name.
        agency: String,
        /// PNG with a transparent ground.
        picture: Option<Arc<Picture>>,
        /// Of the real seal; the picture never stands larger.
        diameter_millimetres: f32,
    },
    /// A citizen or any other person: name, time and the certificate's number in a plain box.
    Citizen {
        /// As the certificate has it.
        name: String,
        /// The certificate's serial number in hexadecimal; colons are places where a line may end.
        certificate_number: String,
    },
    /// Lines at the top right of a copy's or an appendix's first page: black, upright, 10 points; the time is the last line.
    Lines(Vec<String>),
    /// A QR code that leads to what the service knows of the signature.
    Code(Code),
}

/// Draws a look into a rectangle of that size.
pub(super) fn draw<'a>(
    look: &Look,
    typefaces: &'a Typefaces,
    width: f32,
    height: f32,
    time: Instant,
) -> Result<Drawing<'a>, WriteError> {
    let mut drawing = Drawing::new(typefaces, width, height);
    match look {
        Look::Official { full_name, picture } => official(&mut drawing, full_name, picture.as_ref())?,
        Look::Seal { agency, picture, diameter_millimetres } => {
            seal(&mut drawing, agency, picture.as_ref(), *diameter_millimetres, time)?;
        }
        Look::Citizen { name, certificate_number } => citizen(&mut drawing, name, certificate_number, time)?,
        Look::Lines(lines) => plain_lines(&mut drawing, lines, time)?,
        Look::Code(code) => code::draw(&mut drawing, code)?,
    }
    Ok(drawing)
}

fn official(drawing: &mut Drawing<'_>, full_name: &str, picture: Option<&Arc<Picture>>) -> Result<(), WriteError> {
    let (width, height) = (drawing.width, drawing.height);
    if let Some(picture) = picture {
        let (w, h) = fitted(picture, width, height);
        drawing.picture(((width - w) / 2.0, (height - h) / 2.0), w, h, picture);
        return Ok(());
    }
    // A slanted hand that rises a little, over one long stroke.
    let size = fitting_size(drawing, Face::BoldItalic, full_name, width * 0.84, (height * 0.34).min(24.0));
    let length = drawing.measure(Face::BoldItalic, size, full_name);
    let (sin, cos) = 0.09_f32.sin_cos();
    let (x, y) = ((width - length * cos) / 2.0, (height - length * sin) / 2.0 - size * 0.2);
    drawing.text_by([cos, sin, -sin, cos, x, y], Face::BoldItalic, size, BLUE, full_name)?;
    let (left, right, low) = (x - size * 0.3, x + length * cos + size * 0.35, y - size * 0.42);
    let rise = length * sin;
    drawing.path(format!(
        "{:.3} {:.3} {:.3} RG 1 J 1.1 w {left:.2} {:.2} m {:.2} {:.2} {:.2} {:.2} {right:.2} {:.2} c {:.2} {:.2} {:.2} {:.2} {:.2} {:.2} c S",
        BLUE[0],
        BLUE[1],
        BLUE[2],
        low + size * 0.12,
        left + length * 0.3,
        low - size * 0.22,
        left + length * 0.65,
        low + rise * 0.9,
        low + rise * 1.15,
        right - length * 0.08,
        low + rise * 0.8,
        right - length * 0.3,
        low + rise * 0.55 - size * 0.1,
        right - length * 0.42,
        low + rise * 0.35 - size * 0.16,
    ));
    Ok(())
}

fn seal(
    drawing: &mut Drawing<'_>,
    agency: &str,
    picture: Option<&Arc<Picture>>,
    millimetres: f32,
    time: Instant,
) -> Result<(), WriteError> {
    let (width, height) = (drawing.width, drawing.height);
    let lines = drawing.typefaces.regular.wrap(agency, TEXT, width);
    let below = (lines.len() + 1) as f32 * TEXT_LEADING + 2.0;
    let side = (millimetres * 72.0 / 25.4).min(width).min((height - below).max(0.0));
    if !side.is_finite() || side < 8.0 {
        return Err(WriteError::Rectangle);
    }
    match picture {
        Some(picture) => {
            let (w, h) = fitted(picture, side, side);
            drawing.picture(((width - w) / 2.0, height - (side + h) / 2.0), w, h, picture);
        }
        None => ring(drawing, agency, (width / 2.0, height - side / 2.0), side / 2.0)?,
    }
    // The lines stand at the bottom of the rectangle, so that the full name below the signature's picture stays free.
    let mut baseline = 3.0 + lines.len() as f32 * TEXT_LEADING;
    for line in lines.into_iter().chain([time.vietnamese()]) {
        let x = (width - drawing.measure(Face::Regular, TEXT, &line)) / 2.0;
        drawing.text((x, baseline), Face::Regular, TEXT, BLACK, &line)?;
        baseline -= TEXT_LEADING;
    }
    Ok(())
}

/// Two rings, the agency's name around the upper part, a star and the words below it in the middle.
fn ring(drawing: &mut Drawing<'_>, agency: &str, centre: (f32, f32), radius: f32) -> Result<(), WriteError> {
    let colour = format!("{:.3} {:.3} {:.3}", RED[0], RED[1], RED[2]);
    let outer = circle(centre, radius - 1.0);
    let second = circle(centre, radius - 3.4);
    let inner = circle(centre, radius * 0.62);
    drawing.path(format!("{colour} RG 1.6 w {outer} S 0.6 w {second} S {inner} S"));
    let star = star((centre.0, centre.1 - radius * 0.8), radius * 0.085);
    drawing.path(format!("{colour} rg {star} f"));
    around(drawing, agency, centre, radius * 0.715)?;
    let words = ["ĐÃ KÝ SỐ", "(hình thay dấu)"];
    for (place, words) in words.into_iter().enumerate() {
        let (face, size) = if place == 0 { (Face::Bold, radius * 0.2) } else { (Face::Italic, radius * 0.125) };
        let x = centre.0 - drawing.measure(face, size, words) / 2.0;
        let y = centre.1 + if place == 0 { radius * 0.02 } else { -radius * 0.2 };
        drawing.text((x, y), face, size, RED, words)?;
    }
    Ok(())
}

/// A text letter by letter on a circle, its middle at the top, leaving the lowest quarter free.
fn around(drawing: &mut Drawing<'_>, text: &str, centre: (f32, f32), radius: f32) -> Result<(), WriteError> {
    let text = super::super::typeface::composed(text);
    let room = TAU * radius * 0.76;
    let size = fitting_size(drawing, Face::Bold, &text, room, radius * 0.22);
    // Letters stand apart at their heads and would touch at their feet: a little more room each.
    let spread = (room / drawing.measure(Face::Bold, size, &text).max(1.0)).clamp(1.0, 1.12);
    let mut angle = FRAC_PI_2 + drawing.measure(Face::Bold, size, &text) * spread / radius / 2.0;
    for letter in text.chars() {
        let advance = drawing.measure(Face::Bold, size, letter.encode_utf8(&mut [0; 4])) * spread / radius;
        let middle = angle - advance / 2.0;
        let (sin, cos) = (middle - FRAC_PI_2).sin_cos();
        let half = advance * radius / spread / 2.0;
        let (x, y) = (centre.0 + radius * middle.cos() - half * cos, centre.1 + radius * middle.sin() - half * sin);
        if letter != ' ' {
            drawing.text_by([cos, sin, -sin, cos, x, y], Face::Bold, size, RED, letter.encode_utf8(&mut [0; 4]))?;
        }
        angle -= advance;
    }
    Ok(())
}

fn citizen(drawing: &mut Drawing<'_>, name: &str, certificate_number: &str, time: Instant) -> Result<(), WriteError> {
    let (width, height) = (drawing.width, drawing.height);
    let rows = [
        ("Ký bởi:", name.to_owned()),
        ("Thời gian:", time.vietnamese()),
        ("Số chứng thư:", certificate_number.to_owned()),
    ];
    let mut size = TEXT;
    // The largest size at which everything fits; below 4 points nobody reads it, so it may then overflow.
    let lines = loop {
        let indent =
            rows.iter().map(|(label, _)| drawing.measure(Face::Regular, size, label)).fold(0.0, f32::max) + size * 0.5;
        let mut lines = Vec::new();
        for (place, (label, value)) in rows.iter().enumerate() {
            let face = if place == 0 { Face::Bold } else { Face::Regular };
            let room = width - 2.0 * PADDING - BAR - indent;
            for (number, line) in broken(drawing, face, size, value, room).into_iter().enumerate() {
                lines.push((if number == 0 { *label } else { "" }, face, line, indent));
            }
        }
        let wide = lines
            .iter()
            .any(|(_, face, line, indent)| drawing.measure(*face, size, line) + indent > width - 2.0 * PADDING - BAR);
        if size <= 4.0 || (!wide && lines.len() as f32 * size * 1.25 <= height - 2.0 * PADDING) {
            break lines;
        }
        size -= 0.5;
    };
    drawing.path(format!("0.45 0.52 0.62 RG 0.6 w 0.3 0.3 {:.2} {:.2} re S", width - 0.6, height - 0.6));
    drawing.path(format!("{:.3} {:.3} {:.3} rg 0.3 0.3 {BAR:.2} {:.2} re f", BLUE[0], BLUE[1], BLUE[2], height - 0.6));
    let block = lines.len() as f32 * size * 1.25;
    let mut baseline = (height + block) / 2.0 - size * 0.95;
    for (label, face, line, indent) in lines {
        let left = BAR + PADDING;
        drawing.text((left, baseline), Face::Regular, size, GREY, label)?;
        drawing.text((left + indent, baseline), face, size, BLACK, &line)?;
        baseline -= size * 1.25;
    }
    Ok(())
}

fn plain_lines(drawing: &mut Drawing<'_>, lines: &[String], time: Instant) -> Result<(), WriteError> {
    let mut baseline = drawing.height - TEXT;
    for line in lines.iter().map(String::as_str).chain([time.vietnamese().as_str()]) {
        for line in broken(drawing, Face::Regular, TEXT, line, drawing.width) {
            drawing.text((0.0, baseline), Face::Regular, TEXT, BLACK, &line)?;
            baseline -= TEXT_LEADING;
        }
    }
    Ok(())
}

/// Words broken into lines; a word that is too long by itself (a serial number) is divided.
fn broken(drawing: &Drawing<'_>, face: Face, size: f32, text: &str, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for line in face.of(drawing.typefaces).wrap(&super::super::typeface::composed(text), size, width) {
        let mut piece = String::new();
        for letter in line.chars() {
            piece.push(letter);
            if drawing.measure(face, size, &piece) > width && piece.chars().count() > 1 {
                piece.pop();
                // Behind the last colon of a serial number, else wherever the line is full.
                let rest = piece.rfind(':').map(|colon| piece.split_off(colon + 1)).unwrap_or_default();
                lines.push(std::mem::replace(&mut piece, rest));
                piece.push(letter);
            }
        }
        lines.push(piece);
    }
    lines
}

/// Width and height of a picture that fills a box without being distorted.
fn fitted(picture: &Picture, width: f32, height: f32) -> (f32, f32) {
    let proportion = picture.proportion();
    if width * proportion <= height { (width, width * proportion) } else { (height / proportion, height) }
}

/// The largest size up to `most` at which a text is no wider than `width`.
fn fitting_size(drawing: &Drawing<'_>, face: Face, text: &str, width: f32, most: f32) -> f32 {
    let natural = drawing.measure(face, most, text);
    if natural <= width { most } else { most * width / natural }
}

/// A circle of four cubic curves.
fn circle((x, y): (f32, f32), radius: f32) -> String {
    let k = radius * 0.5523;
    let (l, r, b, t) = (x - radius, x + radius, y - radius, y + radius);
    format!(
        "{r:.2} {y:.2} m {r:.2} {:.2} {:.2} {t:.2} {x:.2} {t:.2} c {:.2} {t:.2} {l:.2} {:.2} {l:.2} {y:.2} c {l:.2} {:.2} {:.2} {b:.2} {x:.2} {b:.2} c {:.2} {b:.2} {r:.2} {:.2} {r:.2} {y:.2} c h",
        y + k,
        x + k,
        x - k,
        y + k,
        y - k,
        x - k,
        x + k,
        y - k
    )
}

/// A five-pointed star.
fn star((x, y): (f32, f32), radius: f32) -> String {
    let corners = (0..10).map(|corner| {
        let angle = FRAC_PI_2 + corner as f32 * TAU / 10.0;
        let reach = if corner % 2 == 0 { radius } else { radius * 0.4 };
        format!("{:.2} {:.2} {}", x + reach * angle.cos(), y + reach * angle.sin(), if corner == 0 { "m" } else { "l" })
    });
    corners.collect::<Vec<_>>().join(" ") + " h"
}

/// Times 10 points, as ô số 14 wants it.
const TEXT: f32 = 10.0;
const TEXT_LEADING: f32 = 12.0;
const PADDING: f32 = 5.0;
const BAR: f32 = 2.5;
const BLACK: Colour = [0.0, 0.0, 0.0];
const GREY: Colour = [0.32, 0.36, 0.42];
const BLUE: Colour = [0.05, 0.2, 0.58];
const RED: Colour = [0.8, 0.07, 0.11];
