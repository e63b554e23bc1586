//! Turns a laid out letter into a PDF with embedded subsets, through krilla. It places nothing itself.

use super::super::typeface::{Typeface, Typefaces};
use super::super::write::WriteError;
use super::layout::{HEIGHT, Mark, Style, WIDTH};
use chuky_model::instant::Instant;
use krilla::color::rgb;
use krilla::configure::{Archival, ConfigurationBuilder};
use krilla::geom::{PathBuilder, Point};
use krilla::metadata::{DateTime, Metadata};
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use krilla::text::{Font, GlyphId, KrillaGlyph};
use krilla::{Document, SerializeSettings};

/// Draws all pages.
pub(super) fn draw(
    pages: &[Vec<Mark>],
    typefaces: &Typefaces,
    title: &str,
    agency: &str,
    made_at: Instant,
) -> Result<Vec<u8>, WriteError> {
    let fonts = Fonts::new(typefaces)?;
    let mut document = Document::new_with(settings()?);
    document.set_metadata(metadata(title, agency, made_at));
    for marks in pages {
        let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or(WriteError::Composition)?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for mark in marks {
            draw_mark(&mut surface, mark, &fonts, typefaces);
        }
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|_| WriteError::Composition)
}

/// PDF/A-2u, as archives want documents that are born digital: everything embedded, every letter with its Unicode value.
pub(in crate::pdf) fn settings() -> Result<SerializeSettings, WriteError> {
    let configuration = ConfigurationBuilder::new().with_archival_validator(Archival::A2_U).finish();
    Ok(SerializeSettings {
        configuration: configuration.map_err(|_| WriteError::Composition)?,
        ..SerializeSettings::default()
    })
}

pub(in crate::pdf) fn metadata(title: &str, agency: &str, made_at: Instant) -> Metadata {
    let metadata =
        Metadata::new().title(title.to_owned()).authors(vec![agency.to_owned()]).language("vi-VN".to_owned());
    let Some(moment) = made_at.in_vietnam() else { return metadata };
    let date = DateTime::new(u16::try_from(moment.year()).unwrap_or(0))
        .month(u8::from(moment.month()))
        .day(moment.day())
        .hour(moment.hour())
        .minute(moment.minute())
        .second(moment.second())
        .utc_offset_hour(7)
        .utc_offset_minute(0);
    metadata.creation_date(date)
}

/// The four styles as krilla wants them.
pub(in crate::pdf) struct Fonts {
    regular: Font,
    bold: Font,
    italic: Font,
    bold_italic: Font,
}

impl Fonts {
    pub(in crate::pdf) fn new(typefaces: &Typefaces) -> Result<Self, WriteError> {
        let font = |typeface: &Typeface| Font::new(typeface.data().into(), 0).ok_or(WriteError::Typeface);
        Ok(Self {
            regular: font(&typefaces.regular)?,
            bold: font(&typefaces.bold)?,
            italic: font(&typefaces.italic)?,
            bold_italic: font(&typefaces.bold_italic)?,
        })
    }

    pub(in crate::pdf) fn of(&self, style: Style) -> &Font {
        match style {
            Style::Regular => &self.regular,
            Style::Bold => &self.bold,
            Style::Italic => &self.italic,
            Style::BoldItalic => &self.bold_italic,
        }
    }
}

fn draw_mark(surface: &mut Surface<'_>, mark: &Mark, fonts: &Fonts, typefaces: &Typefaces) {
    match mark {
        Mark::Text { x, baseline, style, size, text, word_space } => {
            let glyphs = glyphs(style.of(typefaces), text, word_space / size);
            surface.set_stroke(None);
            surface.set_fill(Some(Fill {
                paint: rgb::Color::black().into(),
                opacity: NormalizedF32::ONE,
                ..Fill::default()
            }));
            surface.draw_glyphs(Point::from_xy(*x, *baseline), &glyphs, fonts.of(*style).clone(), text, *size, false);
        }
        Mark::Rule { from, to, y } => {
            let mut path = PathBuilder::new();
            path.move_to(*from, *y);
            path.line_to(*to, *y);
            let Some(path) = path.finish() else { return };
            surface.set_fill(None);
            surface.set_stroke(Some(Stroke { paint: rgb::Color::black().into(), width: 0.75, ..Stroke::default() }));
            surface.draw_path(&path);
        }
        Mark::Square { x, y, side } => {
            let mut path = PathBuilder::new();
            path.move_to(*x, *y);
            path.line_to(x + side, *y);
            path.line_to(x + side, y + side);
            path.line_to(*x, y + side);
            path.close();
            let Some(path) = path.finish() else { return };
            surface.set_stroke(None);
            surface.set_fill(Some(Fill { paint: rgb::Color::black().into(), ..Fill::default() }));
            surface.draw_path(&path);
        }
    }
}

/// One glyph a letter; spaces are widened so that the line reaches the margin and still reads as one text.
pub(in crate::pdf) fn glyphs(typeface: &Typeface, text: &str, word_space: f32) -> Vec<KrillaGlyph> {
    text.char_indices()
        .filter_map(|(at, letter)| {
            let glyph = typeface.glyph(letter)?;
            let advance = glyph.advance / 1000.0 + if letter == ' ' { word_space } else { 0.0 };
            let range = at..at + letter.len_utf8();
            Some(KrillaGlyph::new(GlyphId::new(u32::from(glyph.id)), advance, 0.0, 0.0, 0.0, range, None))
        })
        .collect()
}
