//! A PNG picture (a handwritten signature, a seal) made ready once for embedding: pixels and transparency apart, compressed.
//! Bounded by [`super::limits`]; nothing but PNG is read.

use super::super::ObjectId;
use super::update::Update;
use super::{WriteError, compress, limits};
use png::{ColorType, Decoder, Limits, Transformations};
use std::io::Cursor;

/// Ready to embed any number of times.
#[derive(Clone)]
pub struct Picture {
    width: u32,
    height: u32,
    colour_space: &'static str,
    pixels: Vec<u8>,
    transparency: Option<Vec<u8>>,
    shows_ground: bool,
}

impl Picture {
    /// Reads a PNG of any colour type, 8 bits a channel afterwards.
    pub fn from_png(file: &[u8]) -> Result<Self, WriteError> {
        if file.len() > limits::PICTURE_BYTES {
            return Err(WriteError::Picture);
        }
        let side = limits::PICTURE_SIDE as usize;
        let mut decoder = Decoder::new_with_limits(Cursor::new(file), Limits { bytes: side * side * 8 });
        decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
        let mut reader = decoder.read_info().map_err(|_| WriteError::Picture)?;
        let (width, height) = reader.info().size();
        if width == 0 || height == 0 || width > limits::PICTURE_SIDE || height > limits::PICTURE_SIDE {
            return Err(WriteError::Picture);
        }
        let mut data = vec![0; reader.output_buffer_size().ok_or(WriteError::Picture)?];
        let frame = reader.next_frame(&mut data).map_err(|_| WriteError::Picture)?;
        data.truncate(frame.buffer_size());
        let (channels, colour_space) = match frame.color_type {
            ColorType::Grayscale => (1, "/DeviceGray"),
            ColorType::GrayscaleAlpha => (2, "/DeviceGray"),
            ColorType::Rgb => (3, "/DeviceRGB"),
            ColorType::Rgba => (4, "/DeviceRGB"),
            ColorType::Indexed => return Err(WriteError::Picture),
        };
        if channels % 2 == 1 {
            return Ok(Self {
                width,
                height,
                colour_space,
                pixels: compress(&data),
                transparency: None,
                shows_ground: false,
            });
        }
        let colours = channels - 1;
        let mut pixels = Vec::with_capacity(data.len());
        let mut transparency = Vec::with_capacity(data.len() / channels);
        for pixel in data.chunks_exact(channels) {
            if let (Some(colour), Some(alpha)) = (pixel.get(..colours), pixel.get(colours)) {
                pixels.extend_from_slice(colour);
                transparency.push(*alpha);
            }
        }
        let shows_ground = transparency.iter().any(|alpha| *alpha < 0x80);
        let (pixels, transparency) = (compress(&pixels), Some(compress(&transparency)));
        Ok(Self { width, height, colour_space, pixels, transparency, shows_ground })
    }

    /// Whether the page shows through somewhere: a picture without transparency would cover what stands below it.
    pub fn shows_ground(&self) -> bool {
        self.shows_ground
    }

    /// Height of the picture for a width of one.
    pub fn proportion(&self) -> f32 {
        self.height as f32 / self.width as f32
    }

    /// Writes it as an image XObject (ISO 32000-2 §8.9.5), transparency as its soft mask.
    pub(super) fn write(&self, update: &mut Update) -> ObjectId {
        let common =
            format!("/Type/XObject/Subtype/Image/Width {}/Height {}/BitsPerComponent 8", self.width, self.height);
        let mut entries = format!("{common}/ColorSpace{}/Filter/FlateDecode", self.colour_space);
        if let Some(transparency) = &self.transparency {
            let mask = update.allocate();
            update.stream(mask, &format!("{common}/ColorSpace/DeviceGray/Filter/FlateDecode"), transparency);
            entries += &format!("/SMask {} 0 R", mask.number);
        }
        let id = update.allocate();
        update.stream(id, &entries, &self.pixels);
        id
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Picture({} x {})", self.width, self.height)
    }
}
