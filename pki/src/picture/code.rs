//! QR codes in a picture that somebody took: PNG or JPEG, in grey, at most so large. Says what the codes hold, and believes none of it.

use super::limits::{CODES_IN_A_PICTURE, LARGEST_SIDE, MOST_PIXELS, SIDE_SEARCHED};
use png::{ColorType, Decoder, Limits, Transformations};
use std::io::Cursor;
use zune_jpeg::{
    JpegDecoder,
    zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions},
};

/// Why no code was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, thiserror::Error)]
pub enum Unreadable {
    #[error("neither PNG nor JPEG, or damaged")]
    NotAPicture,
    #[error("more than {MOST_PIXELS} pixels")]
    TooLarge,
    #[error("no QR code in the picture")]
    NoCode,
}

/// A picture in shades of grey, row by row.
struct Grey {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

/// The texts of the QR codes in a picture, at most [`CODES_IN_A_PICTURE`]. A telephone's picture is searched reduced first, which finds
/// what is blurred, then in other sizes until a code begins with `wanted`.
pub fn codes(picture: &[u8], wanted: &str) -> Result<Vec<String>, Unreadable> {
    let grey = match picture {
        [0x89, b'P', b'N', b'G', ..] => png(picture)?,
        [0xff, 0xd8, ..] => jpeg(picture)?,
        _ => return Err(Unreadable::NotAPicture),
    };
    let longest = grey.width.max(grey.height);
    let factor = longest.div_ceil(SIDE_SEARCHED).max(1);
    let mut factors = vec![factor, factor * 2, factor.div_ceil(2), 1];
    factors.dedup();
    let mut found: Vec<String> = Vec::new();
    for factor in factors {
        for text in search(&grey, factor) {
            if !found.contains(&text) && found.len() < CODES_IN_A_PICTURE {
                found.push(text);
            }
        }
        if found.iter().any(|text| text.starts_with(wanted)) {
            break;
        }
    }
    if found.is_empty() { Err(Unreadable::NoCode) } else { Ok(found) }
}

fn search(grey: &Grey, factor: usize) -> Vec<String> {
    let (width, height) = (grey.width / factor, grey.height / factor);
    if width < SMALLEST_SIDE || height < SMALLEST_SIDE {
        return Vec::new();
    }
    let mean = |x: usize, y: usize| {
        let row = |line: usize| grey.pixels.get((y * factor + line) * grey.width + x * factor..).unwrap_or_default();
        let sum: usize =
            (0..factor).flat_map(|line| row(line).iter().take(factor)).map(|pixel| usize::from(*pixel)).sum();
        u8::try_from(sum / (factor * factor)).unwrap_or(u8::MAX)
    };
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, mean);
    let grids = prepared.detect_grids();
    grids.iter().take(CODES_IN_A_PICTURE).filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect()
}

fn bounded(width: usize, height: usize) -> Result<usize, Unreadable> {
    let pixels = width.checked_mul(height).filter(|pixels| *pixels <= MOST_PIXELS);
    match width.max(height) <= LARGEST_SIDE {
        true => pixels.ok_or(Unreadable::TooLarge),
        false => Err(Unreadable::TooLarge),
    }
}

fn png(picture: &[u8]) -> Result<Grey, Unreadable> {
    let damaged = |_| Unreadable::NotAPicture;
    let mut decoder = Decoder::new_with_limits(Cursor::new(picture), Limits { bytes: 4 * MOST_PIXELS });
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(damaged)?;
    let (width, height) = reader.info().size();
    let (width, height) = (width as usize, height as usize);
    bounded(width, height)?;
    let mut bytes = vec![0; reader.output_buffer_size().ok_or(Unreadable::TooLarge)?];
    let frame = reader.next_frame(&mut bytes).map_err(damaged)?;
    let channels = match frame.color_type {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(Unreadable::NotAPicture),
    };
    let alpha = matches!(frame.color_type, ColorType::GrayscaleAlpha | ColorType::Rgba);
    let pixels = bytes.chunks_exact(channels).map(|pixel| {
        let (colour, opacity) = pixel.split_at(if alpha { channels - 1 } else { channels });
        let sum: usize = colour.iter().map(|value| usize::from(*value)).sum();
        let value = sum / colour.len().max(1);
        // What is transparent shows the white of a page.
        let opacity = opacity.first().map_or(255, |opacity| usize::from(*opacity));
        u8::try_from((value * opacity + 255 * (255 - opacity)) / 255).unwrap_or(u8::MAX)
    });
    Ok(Grey { width, height, pixels: pixels.collect() })
}

fn jpeg(picture: &[u8]) -> Result<Grey, Unreadable> {
    let options = DecoderOptions::default()
        .set_max_width(LARGEST_SIDE)
        .set_max_height(LARGEST_SIDE)
        .jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(picture), options);
    decoder.decode_headers().map_err(|_| Unreadable::NotAPicture)?;
    let (width, height) = decoder.dimensions().ok_or(Unreadable::NotAPicture)?;
    let count = bounded(width, height)?;
    let pixels = decoder.decode().map_err(|_| Unreadable::NotAPicture)?;
    match pixels.len() == count {
        true => Ok(Grey { width, height, pixels }),
        false => Err(Unreadable::NotAPicture),
    }
}

/// Pixels of a side: the smallest QR code has 21 modules.
const SMALLEST_SIDE: usize = 21;
