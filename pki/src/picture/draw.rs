//! Drawing, by hayro. Everything it needs is in the file or in the library: no fonts of the system, no network.

use super::{Area, Picture, limits};
use crate::pdf::prefix::Prefix;
use hayro::hayro_interpret::InterpreterSettings;
pub(super) use hayro::hayro_interpret::RenderContent;
use hayro::hayro_interpret::util::TransformExt;
use hayro::hayro_syntax::Pdf;
use hayro::hayro_syntax::page::Page;
use hayro::vello_cpu::color::palette::css::WHITE;
use hayro::{PixmapSettings, RenderCache, RenderSettings, kurbo};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The pages of one revision.
pub(super) struct Pages {
    pdf: Pdf,
}

/// A drawn page, 4 bytes a pixel, nothing transparent.
pub(super) struct Pixels {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) bytes: Vec<u8>,
}

impl Pages {
    /// Opens what stands before `end`.
    pub(super) fn open(whole: &Arc<Vec<u8>>, end: usize) -> Option<Self> {
        let pdf = Pdf::new(Arc::new(Prefix { whole: Arc::clone(whole), end })).ok()?;
        Some(Self { pdf })
    }

    /// How many pages there are.
    pub(super) fn count(&self) -> usize {
        self.pdf.pages().len()
    }

    /// Width and height of a page as shown, in points.
    pub(super) fn size(&self, page: usize) -> Option<(f32, f32)> {
        Some(self.pdf.pages().get(page)?.render_dimensions())
    }

    /// Width and height of a page's picture.
    pub(super) fn pixels(&self, page: usize) -> Option<(u16, u16)> {
        let page = self.pdf.pages().get(page)?;
        let (scale, (width, height)) = (scale(page), page.render_dimensions());
        // Within the bounds of a picture, so that nothing is cut off.
        let pixel = |value: f32| (value * scale).ceil().max(1.0) as u16;
        Some((pixel(width), pixel(height)))
    }

    /// Draws a page, counted from 0, with its annotations.
    pub(super) fn draw(&self, page: usize) -> Option<Pixels> {
        Some(self.draw_part(page, RenderContent::all())?.0)
    }

    /// Draws parts of a page, and says how much of it could not be drawn.
    pub(super) fn draw_part(&self, page: usize, part: RenderContent) -> Option<(Pixels, usize)> {
        let missed = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&missed);
        let settings = InterpreterSettings {
            render_content: part,
            warning_sink: Arc::new(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
            }),
            ..InterpreterSettings::default()
        };
        // The library may meet what it did not think of; another page may still be drawn.
        let pixels = std::panic::catch_unwind(AssertUnwindSafe(|| self.draw_page(page, &settings))).ok()??;
        Some((pixels, missed.load(Ordering::Relaxed)))
    }

    fn draw_page(&self, page: usize, interpreter: &InterpreterSettings) -> Option<Pixels> {
        let page = self.pdf.pages().get(page)?;
        let scale = scale(page);
        let settings = PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
        let pixmap = hayro::render(page, &RenderCache::new(), interpreter, &RenderSettings::default(), &settings);
        Some(Pixels { width: pixmap.width(), height: pixmap.height(), bytes: pixmap.data_as_u8_slice().to_vec() })
    }

    /// Where a rectangle of the page's own space lies on the picture; `None` where it has no extent there.
    pub(super) fn area(&self, page: usize, corners: [f64; 4]) -> Option<Area> {
        let page = self.pdf.pages().get(page)?;
        let scale = scale(page);
        let (width, height) = page.render_dimensions();
        let transform = kurbo::Affine::scale(f64::from(scale)) * page.initial_transform(true).to_kurbo();
        let [left, bottom, right, top] = corners;
        let mapped = transform.transform_rect_bbox(kurbo::Rect::new(left, bottom, right, top));
        let sheet = kurbo::Rect::new(0.0, 0.0, f64::from(width * scale), f64::from(height * scale));
        let seen = mapped.intersect(sheet);
        if seen.width() < 1.0 || seen.height() < 1.0 || !seen.is_finite() {
            return None;
        }
        // Within the picture, which has at most `limits::WIDTH` times `limits::HEIGHT` pixels.
        let pixel = |value: f64| value as u16;
        Some(Area {
            left: pixel(seen.x0),
            top: pixel(seen.y0),
            width: pixel(seen.width().ceil()),
            height: pixel(seen.height().ceil()),
        })
    }
}

/// Pixels a point; at least one pixel stays of the most extreme page.
fn scale(page: &Page<'_>) -> f32 {
    let (width, height) = page.render_dimensions();
    let fits = (limits::WIDTH / width.max(1.0)).min(limits::HEIGHT / height.max(1.0)).min(limits::SCALE);
    fits.max(1.0 / width.min(height).max(1.0)).min(f32::from(u16::MAX) / 4.0 / width.max(height).max(1.0))
}

impl Pixels {
    /// The pixel's red, green and blue.
    pub(super) fn at(&self, x: usize, y: usize) -> [u8; 3] {
        let start = (y * usize::from(self.width) + x) * 4;
        self.bytes.get(start..start + 3).and_then(|pixel| pixel.try_into().ok()).unwrap_or([0xff; 3])
    }

    /// As a PNG, without colour where there is none.
    pub(super) fn picture(&self) -> Option<Picture> {
        let (pixels, _) = self.bytes.as_chunks::<4>();
        let is_grey = pixels.iter().all(|[red, green, blue, _]| red == green && green == blue);
        let data: Vec<u8> = match is_grey {
            true => pixels.iter().map(|[red, ..]| *red).collect(),
            false => pixels.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]).collect(),
        };
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, u32::from(self.width), u32::from(self.height));
        encoder.set_color(if is_grey { png::ColorType::Grayscale } else { png::ColorType::Rgb });
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header().ok()?;
        writer.write_image_data(&data).ok()?;
        writer.finish().ok()?;
        Some(Picture { width: self.width, height: self.height, png })
    }
}
