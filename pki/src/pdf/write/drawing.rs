//! A small drawing that becomes a form XObject: text in embedded subsets, pictures, lines. Subsets and pictures are compressed
//! once and shared between signatures, so that an appearance costs next to nothing.

use super::super::ObjectId;
use super::super::typeface::{Subset, Typeface, Typefaces, composed};
use super::picture::Picture;
use super::syntax::{numbers, real, reference};
use super::update::Update;
use super::{WriteError, limits};
use std::fmt::Write;
use std::sync::Arc;

/// Upright, heavy or slanted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    Regular,
    Bold,
    Italic,
    BoldItalic,
}

impl Face {
    pub(super) fn of(self, typefaces: &Typefaces) -> &Typeface {
        match self {
            Self::Regular => &typefaces.regular,
            Self::Bold => &typefaces.bold,
            Self::Italic => &typefaces.italic,
            Self::BoldItalic => &typefaces.bold_italic,
        }
    }

    const ALL: [Self; 4] = [Self::Regular, Self::Bold, Self::Italic, Self::BoldItalic];
}

/// Red, green and blue from 0 to 1.
pub(super) type Colour = [f32; 3];

enum Mark {
    Text { matrix: [f32; 6], face: Face, size: f32, colour: Colour, text: String },
    Picture { matrix: [f32; 6], picture: Arc<Picture> },
    Path(String),
}

/// What is drawn, in points from the lower left corner.
pub(super) struct Drawing<'a> {
    pub typefaces: &'a Typefaces,
    pub width: f32,
    pub height: f32,
    marks: Vec<Mark>,
}

impl<'a> Drawing<'a> {
    /// An empty drawing of that size in points.
    pub fn new(typefaces: &'a Typefaces, width: f32, height: f32) -> Self {
        Self { typefaces, width, height, marks: Vec::new() }
    }

    /// Width of a text as it will be drawn.
    pub fn measure(&self, face: Face, size: f32, text: &str) -> f32 {
        face.of(self.typefaces).width(text, size)
    }

    /// A line of text from a point.
    pub fn text(
        &mut self,
        at: (f32, f32),
        face: Face,
        size: f32,
        colour: Colour,
        text: &str,
    ) -> Result<(), WriteError> {
        self.text_by([1.0, 0.0, 0.0, 1.0, at.0, at.1], face, size, colour, text)
    }

    /// A line of text turned and placed by a matrix.
    pub fn text_by(
        &mut self,
        matrix: [f32; 6],
        face: Face,
        size: f32,
        colour: Colour,
        text: &str,
    ) -> Result<(), WriteError> {
        let text = composed(text);
        if text.chars().count() > limits::TEXT_CHARACTERS {
            return Err(WriteError::TextTooLong);
        }
        face.of(self.typefaces).check(&text)?;
        self.marks.push(Mark::Text { matrix, face, size, colour, text });
        Ok(())
    }

    /// A picture filling a rectangle given by its lower left corner, width and height.
    pub fn picture(&mut self, at: (f32, f32), width: f32, height: f32, picture: &Arc<Picture>) {
        self.marks.push(Mark::Picture { matrix: [width, 0.0, 0.0, height, at.0, at.1], picture: Arc::clone(picture) });
    }

    /// Path operators as they are (ISO 32000-2 §8.5).
    pub fn path(&mut self, operators: String) {
        self.marks.push(Mark::Path(operators));
    }

    /// Writes everything as a form XObject, turned by `quarter_turns` against the clock.
    pub fn write(&self, update: &mut Update, quarter_turns: u8) -> Result<ObjectId, WriteError> {
        let mut fonts = String::new();
        let mut subsets: Vec<(Face, Arc<Subset>)> = Vec::new();
        for (number, face) in Face::ALL.into_iter().enumerate() {
            let letters = self.marks.iter().filter_map(|mark| match mark {
                Mark::Text { face: own, text, .. } if *own == face => Some(text.chars()),
                _ => None,
            });
            let mut letters = letters.flatten().peekable();
            if letters.peek().is_some() {
                let subset = face.of(self.typefaces).subset(letters)?;
                let id = write_font(update, face.of(self.typefaces), &subset);
                fonts += &format!("/F{number} {}", reference(id));
                subsets.push((face, subset));
            }
        }
        let (content, pictures) = self.content(update, &subsets);
        let mut entries = format!("/Type/XObject/Subtype/Form/BBox[0 0 {}]", numbers(&[self.width, self.height]));
        if !quarter_turns.is_multiple_of(4) {
            let (cos, sin) =
                [(1, 0), (0, 1), (-1, 0), (0, -1)].get(usize::from(quarter_turns % 4)).copied().unwrap_or((1, 0));
            entries += &format!("/Matrix[{cos} {sin} {} {cos} 0 0]", -sin);
        }
        entries += &format!("/Resources<</Font<<{fonts}>>/XObject<<{pictures}>>>>");
        let id = update.allocate();
        update.stream(id, &entries, content.as_bytes());
        Ok(id)
    }

    fn content(&self, update: &mut Update, subsets: &[(Face, Arc<Subset>)]) -> (String, String) {
        let mut content = String::new();
        let mut pictures = String::new();
        for (number, mark) in self.marks.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = match mark {
                Mark::Text { matrix, face, size, colour, text } => {
                    let codes = subsets.iter().find(|(own, _)| own == face).map(|(_, subset)| subset.encode(text));
                    let font = Face::ALL.iter().position(|own| own == face).unwrap_or(0);
                    let (size, colour, matrix) = (real(f64::from(*size)), numbers(colour), numbers(matrix));
                    let codes = codes.unwrap_or_default();
                    writeln!(content, "BT {colour} rg /F{font} {size} Tf {matrix} Tm <{codes}> Tj ET")
                }
                Mark::Picture { matrix, picture } => {
                    let id = picture.write(update);
                    pictures += &format!("/P{number} {}", reference(id));
                    writeln!(content, "q {} cm /P{number} Do Q", numbers(matrix))
                }
                Mark::Path(operators) => writeln!(content, "q {operators} Q"),
            };
        }
        (content, pictures)
    }
}

/// Type0 with Identity-H and ToUnicode (ISO 32000-2 §9.7), so that text can be searched and copied.
pub(super) fn write_font(update: &mut Update, typeface: &Typeface, subset: &Subset) -> ObjectId {
    let name = format!("{}+{}", subset.tag, typeface.postscript_name());
    let file = update.allocate();
    update.stream(file, &format!("/Length1 {}/Filter/FlateDecode", subset.file_length), &subset.file);
    let about = typeface.description();
    // Table 121: serif is bit 2, non-symbolic 6 or symbolic 3, italic 7, force bold 19. Glyph numbers are no known encoding: symbolic.
    let flags = 4 | if about.serif { 2 } else { 0 } | if about.italic { 64 } else { 0 };
    let descriptor = update.allocate();
    let stem = if about.bold { 140 } else { 80 };
    let body = format!(
        "<</Type/FontDescriptor/FontName/{name}/Flags {flags}/FontBBox[{}]/ItalicAngle {}/Ascent {}/Descent {}/CapHeight {}/StemV {stem}/FontFile2 {}>>",
        numbers(&about.bounding_box),
        real(f64::from(about.italic_angle)),
        real(f64::from(about.ascent)),
        real(f64::from(about.descent)),
        real(f64::from(about.capital_height)),
        reference(file)
    );
    update.raw(descriptor, body.as_bytes());
    let widths: Vec<f32> = subset.glyphs.iter().map(|(_, _, advance)| *advance).collect();
    let first = subset.glyphs.first().map_or(1, |(code, _, _)| *code);
    let descendant = update.allocate();
    let body = format!(
        "<</Type/Font/Subtype/CIDFontType2/BaseFont/{name}/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)/Supplement 0>>/FontDescriptor {}/CIDToGIDMap/Identity/W[{first}[{}]]>>",
        reference(descriptor),
        numbers(&widths)
    );
    update.raw(descendant, body.as_bytes());
    let unicode = update.allocate();
    update.stream(unicode, "/Filter/FlateDecode", &subset.unicode);
    let font = update.allocate();
    let body = format!(
        "<</Type/Font/Subtype/Type0/BaseFont/{name}/Encoding/Identity-H/DescendantFonts[{}]/ToUnicode {}>>",
        reference(descendant),
        reference(unicode)
    );
    update.raw(font, body.as_bytes());
    font
}
