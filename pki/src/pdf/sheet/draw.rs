//! Turns a laid out report into a PDF with embedded subsets, through krilla. It places nothing itself.

use super::super::letter::{Fonts, glyphs, metadata, settings};
use super::super::typeface::Typefaces;
use super::super::write::WriteError;
use super::layout::{Colour, Mark};
use crate::picture::{Picture, limits as bounds};
use chuky_model::instant::Instant;
use krilla::Document;
use krilla::color::rgb;
use krilla::geom::{PathBuilder, Point, Size, Transform};
use krilla::image::Image;
use krilla::num::NormalizedF32;
use krilla::page::PageSettings;
use krilla::paint::{Fill, Stroke};
use krilla::surface::Surface;
use png::{ColorType, Decoder, Limits, Transformations};
use std::io::Cursor;

/// Draws all pages.
pub(super) fn draw(
    pages: &[Vec<Mark>],
    typefaces: &Typefaces,
    (title, author): (&str, &str),
    made_at: Instant,
) -> Result<Vec<u8>, WriteError> {
    let fonts = Fonts::new(typefaces)?;
    let mut document = Document::new_with(settings()?);
    document.set_metadata(metadata(title, author, made_at));
    for marks in pages {
        let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or(WriteError::Composition)?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        for mark in marks {
            draw_mark(&mut surface, mark, &fonts, typefaces)?;
        }
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|_| WriteError::Composition)
}

fn draw_mark(surface: &mut Surface<'_>, mark: &Mark, fonts: &Fonts, typefaces: &Typefaces) -> Result<(), WriteError> {
    match mark {
        Mark::Text { x, baseline, style, size, colour, text } => {
            surface.set_stroke(None);
            surface.set_fill(Some(fill(*colour)));
            let glyphs = glyphs(style.of(typefaces), text, 0.0);
            surface.draw_glyphs(Point::from_xy(*x, *baseline), &glyphs, fonts.of(*style).clone(), text, *size, false);
        }
        Mark::Area { corners, colour } => {
            surface.set_stroke(None);
            surface.set_fill(Some(fill(*colour)));
            draw_path(surface, corners, true);
        }
        Mark::Line { points, width, colour } => {
            surface.set_fill(None);
            let [red, green, blue] = *colour;
            let paint = rgb::Color::new(red, green, blue).into();
            surface.set_stroke(Some(Stroke { paint, width: *width, ..Stroke::default() }));
            draw_path(surface, points, false);
        }
        Mark::Picture { at: (x, y), size: (width, height), picture } => {
            let image = image(picture)?;
            let size = Size::from_wh(*width, *height).ok_or(WriteError::Picture)?;
            surface.push_transform(&Transform::from_translate(*x, *y));
            surface.draw_image(image, size);
            surface.pop();
        }
    }
    Ok(())
}

/// The picture's pixels. A reader made it of a stranger's document: it is what it says that it is, within the bounds of pictures, or refused.
fn image(picture: &Picture) -> Result<Image, WriteError> {
    let (width, height) = (u32::from(picture.width), u32::from(picture.height));
    let pixels = usize::from(picture.width) * usize::from(picture.height);
    if picture.png.len() > bounds::BYTES
        || f32::from(picture.width) > bounds::WIDTH
        || f32::from(picture.height) > bounds::HEIGHT
    {
        return Err(WriteError::Picture);
    }
    let limits = Limits { bytes: pixels.saturating_mul(8).saturating_add(bounds::BYTES) };
    let mut decoder = Decoder::new_with_limits(Cursor::new(&picture.png), limits);
    decoder.set_transformations(Transformations::normalize_to_color8() | Transformations::ALPHA);
    let mut reader = decoder.read_info().map_err(|_| WriteError::Picture)?;
    if reader.info().size() != (width, height) {
        return Err(WriteError::Picture);
    }
    let mut data = vec![0; reader.output_buffer_size().ok_or(WriteError::Picture)?];
    let frame = reader.next_frame(&mut data).map_err(|_| WriteError::Picture)?;
    data.truncate(frame.buffer_size());
    let colours: Vec<u8> = match frame.color_type {
        ColorType::Rgba => data,
        ColorType::GrayscaleAlpha => {
            data.as_chunks::<2>().0.iter().flat_map(|[grey, alpha]| [*grey, *grey, *grey, *alpha]).collect()
        }
        _ => return Err(WriteError::Picture),
    };
    // The library demands as many.
    if colours.len() != pixels.saturating_mul(4) {
        return Err(WriteError::Picture);
    }
    Ok(Image::from_rgba8(colours, width, height))
}

fn fill([red, green, blue]: Colour) -> Fill {
    Fill { paint: rgb::Color::new(red, green, blue).into(), opacity: NormalizedF32::ONE, ..Fill::default() }
}

fn draw_path(surface: &mut Surface<'_>, points: &[(f32, f32)], closed: bool) {
    let Some(((x, y), rest)) = points.split_first() else { return };
    let mut path = PathBuilder::new();
    path.move_to(*x, *y);
    for (x, y) in rest {
        path.line_to(*x, *y);
    }
    if closed {
        path.close();
    }
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
}

/// A4 in points.
const WIDTH: f32 = 595.276;
const HEIGHT: f32 = 841.89;
