//! Predictors of Flate and LZW data (ISO 32000-1 §7.4.4.4): PNG's five row filters and TIFF's predictor 2.
//! Works on data that is already decoded, never makes it longer.

use super::error::PdfError;
use super::object::{Dictionary, Object};

/// Undoes the predictor that the decode parameters name; data without one is returned as it is.
pub(super) fn undo(data: Vec<u8>, parameters: &Dictionary) -> Result<Vec<u8>, PdfError> {
    let number = |key: &str, default: i64, most: i64| -> Result<usize, PdfError> {
        let value = parameters.value(key).and_then(Object::integer).unwrap_or(default);
        usize::try_from(value)
            .ok()
            .filter(|_| (1..=most).contains(&value))
            .ok_or(PdfError::Data("predictor parameters"))
    };
    let predictor = number("Predictor", 1, 15)?;
    if predictor == 1 {
        return Ok(data);
    }
    let (colors, bits) = (number("Colors", 1, 64)?, number("BitsPerComponent", 8, 16)?);
    let columns = number("Columns", 1, 1 << 24)?;
    let pixel = (colors * bits).div_ceil(8);
    let row = (colors * bits * columns).div_ceil(8);
    if predictor == 2 {
        return tiff(data, colors, bits, row);
    }
    Ok(png(&data, pixel, row))
}

/// Whether the data is whole rows of filters that there are, so that every reader undoes them alike.
pub(super) fn is_regular(data: &[u8], parameters: &Dictionary) -> bool {
    let number = |key: &str, default: i64| parameters.value(key).and_then(Object::integer).unwrap_or(default);
    let bits = number("Colors", 1).saturating_mul(number("BitsPerComponent", 8)).saturating_mul(number("Columns", 1));
    let Ok(row) = usize::try_from(bits.saturating_add(7) / 8) else { return false };
    match number("Predictor", 1) {
        1 => true,
        2 => row > 0 && data.len().is_multiple_of(row),
        10..=15 => {
            let row = row.saturating_add(1);
            data.len().is_multiple_of(row) && data.chunks(row).all(|line| line.first().is_some_and(|kind| *kind <= 4))
        }
        _ => false,
    }
}

fn tiff(mut data: Vec<u8>, colors: usize, bits: usize, row: usize) -> Result<Vec<u8>, PdfError> {
    if bits != 8 {
        return Err(PdfError::Data("TIFF predictor with other than 8 bits"));
    }
    for line in data.chunks_mut(row) {
        for at in colors..line.len() {
            let left = line.get(at - colors).copied().unwrap_or(0);
            if let Some(byte) = line.get_mut(at) {
                *byte = byte.wrapping_add(left);
            }
        }
    }
    Ok(data)
}

fn png(data: &[u8], pixel: usize, row: usize) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(data.len());
    let mut above = vec![0_u8; row];
    let mut line = vec![0_u8; row];
    for chunk in data.chunks(row + 1) {
        let Some((kind, bytes)) = chunk.split_first() else { break };
        line.iter_mut().for_each(|byte| *byte = 0);
        for (at, byte) in bytes.iter().enumerate() {
            let left = at.checked_sub(pixel).and_then(|at| line.get(at)).copied().unwrap_or(0);
            let up = above.get(at).copied().unwrap_or(0);
            let corner = at.checked_sub(pixel).and_then(|at| above.get(at)).copied().unwrap_or(0);
            let predicted = match kind {
                1 => left,
                2 => up,
                3 => u8::midpoint(left, up),
                4 => paeth(left, up, corner),
                _ => 0,
            };
            if let Some(slot) = line.get_mut(at) {
                *slot = byte.wrapping_add(predicted);
            }
        }
        out.extend(line.iter().take(bytes.len()));
        std::mem::swap(&mut above, &mut line);
    }
    out
}

/// PNG specification §9.4.
fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let estimate = a + b - c;
    let (to_left, to_up, to_corner) = ((estimate - a).abs(), (estimate - b).abs(), (estimate - c).abs());
    if to_left <= to_up && to_left <= to_corner {
        left
    } else if to_up <= to_corner {
        up
    } else {
        corner
    }
}
