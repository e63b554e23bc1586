//! A typeface parsed once and shared: which glyph shows a letter, how wide it is, and the subset that a PDF embeds. Used by
//! signature appearances and by the letters this product writes; it never loads a file itself, the caller hands it the bytes.
//! Text is shown letter by letter (precomposed, NFC): Vietnamese needs no other shaping, and a letter the typeface lacks is an
//! error rather than an empty box.

use super::write::{WriteError, limits};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use subsetter::GlyphRemapper;
use ttf_parser::Face;
use unicode_normalization::UnicodeNormalization;

/// One style of a TrueType family, for instance Liberation Serif Bold.
pub struct Typeface {
    data: Arc<Vec<u8>>,
    postscript_name: String,
    units_per_em: f32,
    glyphs: HashMap<char, Glyph>,
    description: Description,
    subsets: Mutex<HashMap<BTreeSet<char>, Arc<Subset>>>,
}

/// A letter's picture in the typeface.
#[derive(Clone, Copy, Debug)]
pub struct Glyph {
    /// Number in the typeface's own order.
    pub id: u16,
    /// Width in thousandths of the text size (PDF's glyph space, ISO 32000-2 §9.2.4).
    pub advance: f32,
}

/// What a font descriptor says about the typeface, in thousandths of the text size (ISO 32000-2 table 120).
#[derive(Clone, Copy, Debug)]
pub struct Description {
    /// Above the baseline.
    pub ascent: f32,
    /// Below the baseline, negative.
    pub descent: f32,
    /// Of a flat capital.
    pub capital_height: f32,
    /// Left, bottom, right, top of all glyphs.
    pub bounding_box: [f32; 4],
    /// Degrees against the clock from upright: negative for slanted letters.
    pub italic_angle: f32,
    /// Slanted.
    pub italic: bool,
    /// Heavy.
    pub bold: bool,
    /// With feet.
    pub serif: bool,
}

/// The letters that one appearance needs, ready to embed: compressed once, written many times.
pub struct Subset {
    /// Six capitals that ISO 32000-2 §9.9.2 wants before the name of a subset.
    pub tag: String,
    /// Glyph number in the subset, letter, width in thousandths; in the order of the numbers, from 1.
    pub glyphs: Vec<(u16, char, f32)>,
    /// Flate-compressed TrueType file.
    pub file: Vec<u8>,
    /// Length of the file before compression.
    pub file_length: usize,
    /// Flate-compressed map from glyph numbers to letters, so that text can be searched and copied.
    pub unicode: Vec<u8>,
    codes: HashMap<char, u16>,
}

impl Subset {
    /// The glyph numbers of a text, as the hexadecimal string that `Tj` shows. Letters outside the subset are left out.
    pub fn encode(&self, text: &str) -> String {
        text.chars().filter_map(|letter| self.codes.get(&letter)).map(|code| format!("{code:04X}")).collect()
    }
}

impl Typeface {
    /// Parses a TrueType file; fails on anything else and on files larger than [`limits::TYPEFACE_BYTES`].
    pub fn parse(data: Vec<u8>) -> Result<Self, WriteError> {
        if data.len() > limits::TYPEFACE_BYTES {
            return Err(WriteError::Typeface);
        }
        let face = Face::parse(&data, 0).map_err(|_| WriteError::Typeface)?;
        let units_per_em = f32::from(face.units_per_em());
        let thousandths = 1000.0 / units_per_em;
        let box_ = face.global_bounding_box();
        let description = Description {
            ascent: f32::from(face.ascender()) * thousandths,
            descent: f32::from(face.descender()) * thousandths,
            capital_height: f32::from(face.capital_height().unwrap_or(face.ascender())) * thousandths,
            bounding_box: [box_.x_min, box_.y_min, box_.x_max, box_.y_max].map(|edge| f32::from(edge) * thousandths),
            italic_angle: face.italic_angle(),
            italic: face.is_italic(),
            bold: face.is_bold(),
            serif: name(&face, ttf_parser::name_id::FAMILY)
                .is_some_and(|family| family.contains("Serif") || family.contains("Times")),
        };
        let mut glyphs = HashMap::new();
        for subtable in
            face.tables().cmap.iter().flat_map(|cmap| cmap.subtables).filter(ttf_parser::cmap::Subtable::is_unicode)
        {
            subtable.codepoints(|point| {
                if let (Some(letter), Some(id)) = (char::from_u32(point), subtable.glyph_index(point)) {
                    let advance = f32::from(face.glyph_hor_advance(id).unwrap_or(0)) * thousandths;
                    glyphs.entry(letter).or_insert(Glyph { id: id.0, advance });
                }
            });
        }
        let postscript_name = name(&face, ttf_parser::name_id::POST_SCRIPT_NAME).ok_or(WriteError::Typeface)?;
        // ISO 32000-2 §7.3.5: a name holds regular characters only.
        let postscript_name = postscript_name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        Ok(Self {
            postscript_name,
            units_per_em,
            glyphs,
            description,
            subsets: Mutex::new(HashMap::new()),
            data: Arc::new(data),
        })
    }

    /// The whole file, shared.
    pub fn data(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.data)
    }

    /// For instance `LiberationSerif-Bold`.
    pub fn postscript_name(&self) -> &str {
        &self.postscript_name
    }

    /// The typeface's design units in one em.
    pub fn units_per_em(&self) -> f32 {
        self.units_per_em
    }

    /// Measures of the whole typeface.
    pub fn description(&self) -> Description {
        self.description
    }

    /// The glyph of a letter, where there is one.
    pub fn glyph(&self, letter: char) -> Option<Glyph> {
        self.glyphs.get(&letter).copied()
    }

    /// Width of a text in points at a size in points. Letters the typeface lacks count nothing.
    pub fn width(&self, text: &str, size: f32) -> f32 {
        text.chars().filter_map(|letter| self.glyph(letter)).map(|glyph| glyph.advance).sum::<f32>() * size / 1000.0
    }

    /// Refuses a text with a letter that the typeface cannot show: a name with a hole in it must never be signed.
    pub fn check(&self, text: &str) -> Result<(), WriteError> {
        match text.chars().find(|letter| !self.glyphs.contains_key(letter)) {
            Some(letter) => Err(WriteError::MissingLetter(letter)),
            None => Ok(()),
        }
    }

    /// Breaks a text into lines no wider than `width` points; a single word wider than that stands alone.
    pub fn wrap(&self, text: &str, size: f32, width: f32) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for word in text.split_whitespace() {
            match lines.last_mut() {
                Some(line) if self.width(line, size) + self.width(" ", size) + self.width(word, size) <= width => {
                    line.push(' ');
                    line.push_str(word);
                }
                _ => lines.push(word.to_owned()),
            }
        }
        lines
    }

    /// The subset that shows these letters, together with the digits of a time, so that two signatures of one signer share it.
    /// Made once and kept while there is room ([`limits::SUBSETS_KEPT`]).
    pub fn subset(&self, letters: impl Iterator<Item = char>) -> Result<Arc<Subset>, WriteError> {
        let wanted: BTreeSet<char> =
            letters.chain(ALWAYS.chars()).filter(|letter| self.glyphs.contains_key(letter)).collect();
        let mut kept = self.subsets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(subset) = kept.get(&wanted) {
            return Ok(Arc::clone(subset));
        }
        let subset = Arc::new(self.make_subset(&wanted)?);
        if kept.len() >= limits::SUBSETS_KEPT {
            kept.clear();
        }
        kept.insert(wanted, Arc::clone(&subset));
        Ok(subset)
    }

    fn make_subset(&self, wanted: &BTreeSet<char>) -> Result<Subset, WriteError> {
        let mut remapper = GlyphRemapper::new();
        let mut codes = HashMap::new();
        let mut glyphs: Vec<(u16, char, f32)> = Vec::new();
        for letter in wanted {
            let Some(glyph) = self.glyph(*letter) else { continue };
            let code = remapper.remap(glyph.id);
            codes.insert(*letter, code);
            // Two letters may share a glyph (space and no-break space): ToUnicode names the first.
            if glyphs.last().is_none_or(|(last, _, _)| *last < code) {
                glyphs.push((code, *letter, glyph.advance));
            }
        }
        let file = subsetter::subset(&self.data, 0, &remapper).map_err(|_| WriteError::Typeface)?;
        let sum =
            wanted.iter().fold(0x811C_9DC5_u32, |hash, letter| (hash ^ u32::from(*letter)).wrapping_mul(0x0100_0193));
        let tag = (0..6).map(|place| char::from(b'A' + (sum >> (4 * place) & 15) as u8)).collect();
        let unicode = super::write::compress(to_unicode(&glyphs).as_bytes());
        Ok(Subset { tag, glyphs, unicode, file_length: file.len(), file: super::write::compress(&file), codes })
    }
}

impl std::fmt::Debug for Typeface {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Typeface({})", self.postscript_name)
    }
}

/// The styles a document uses. Decree 30/2020 wants Times New Roman: Liberation Serif has its measures.
#[derive(Clone, Debug)]
pub struct Typefaces {
    /// Upright.
    pub regular: Arc<Typeface>,
    /// Upright and heavy.
    pub bold: Arc<Typeface>,
    /// Slanted.
    pub italic: Arc<Typeface>,
    /// Slanted and heavy.
    pub bold_italic: Arc<Typeface>,
}

impl Typefaces {
    /// Parses the four files' bytes, in this order.
    pub fn parse(regular: Vec<u8>, bold: Vec<u8>, italic: Vec<u8>, bold_italic: Vec<u8>) -> Result<Self, WriteError> {
        Ok(Self {
            regular: Arc::new(Typeface::parse(regular)?),
            bold: Arc::new(Typeface::parse(bold)?),
            italic: Arc::new(Typeface::parse(italic)?),
            bold_italic: Arc::new(Typeface::parse(bold_italic)?),
        })
    }
}

/// Composed form, as every text must have before it is measured or shown: a name typed with combining marks looks the same.
pub fn composed(text: &str) -> String {
    text.nfc().collect()
}

fn name(face: &Face<'_>, id: u16) -> Option<String> {
    face.names().into_iter().filter(|name| name.name_id == id).find_map(|name| name.to_string())
}

/// ISO 32000-2 §9.10.3: at most a hundred entries a block.
fn to_unicode(glyphs: &[(u16, char, f32)]) -> String {
    let mut map = String::from(
        "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n\
         /CMapName /Adobe-Identity-UCS def\n/CMapType 2 def\n1 begincodespacerange\n<0000> <FFFF>\nendcodespacerange\n",
    );
    for block in glyphs.chunks(100) {
        map += &format!("{} beginbfchar\n", block.len());
        for (code, letter, _) in block {
            let mut units = [0; 2];
            let hex: String = letter.encode_utf16(&mut units).iter().map(|unit| format!("{unit:04X}")).collect();
            map += &format!("<{code:04X}> <{hex}>\n");
        }
        map += "endbfchar\n";
    }
    map + "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n"
}

/// Letters every subset holds: those of a time and of a serial number.
const ALWAYS: &str = " 0123456789/:+-.ABCDEF";
