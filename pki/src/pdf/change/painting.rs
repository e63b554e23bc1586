//! Where an appearance puts its text and what it paints beside it: text that is not drawn in reading order, or shapes that may be
//! letters themselves, show something else than the text that the operators name. Follows operators only; does not render.

use crate::pdf::lexer::Lexer;
use crate::pdf::limits;
use crate::pdf::object::Object;

/// Where text is shown, piece by piece.
#[derive(Debug, Default)]
pub(super) struct Painting {
    /// Origin of the coordinates, by `cm`; kept for each `q`.
    origin: (f64, f64),
    kept: Vec<(f64, f64)>,
    /// Scale of the text matrix and beginning of the current line.
    scale: (f64, f64),
    line: (f64, f64),
    leading: f64,
    size: f64,
    /// Where the last piece of text began.
    last: Option<(f64, f64)>,
}

const OUT_OF_ORDER: &str = "the appearance does not draw its text in reading order";
const OVERLAPS: &str = "the appearance pushes its letters over each other";

impl Painting {
    /// Follows one operator; says why where text is not put in reading order (ISO 32000-1 §9.4.2, §9.4.3).
    pub(super) fn moves(&mut self, operator: &[u8], operands: &[Object]) -> Result<(), &'static str> {
        let number = |at: usize| operands.get(at).and_then(Object::number).unwrap_or(0.0);
        match operator {
            b"q" if self.kept.len() < limits::NESTING => self.kept.push(self.origin),
            b"Q" => self.origin = self.kept.pop().unwrap_or_default(),
            b"cm" => self.origin = (self.origin.0 + number(4), self.origin.1 + number(5)),
            b"BT" => (self.line, self.scale) = ((0.0, 0.0), (1.0, 1.0)),
            b"Tm" => (self.line, self.scale) = ((number(4), number(5)), (number(0), number(3))),
            b"Tf" => self.size = number(1).abs(),
            b"TL" => self.leading = number(0),
            b"Td" => self.advance(number(0), number(1)),
            b"TD" => {
                self.leading = -number(1);
                self.advance(number(0), number(1));
            }
            b"T*" => self.advance(0.0, -self.leading),
            b"Tc" | b"Tw" if number(0) < -self.size.max(1.0) / 2.0 => return Err(OVERLAPS),
            b"'" | b"\"" => {
                self.advance(0.0, -self.leading);
                self.shows(operands.last().and_then(Object::string))?;
            }
            b"Tj" => self.shows(operands.last().and_then(Object::string))?,
            b"TJ" => {
                let pieces = operands.last().and_then(Object::array).unwrap_or_default();
                // Thousandths of the size, to the left.
                if pieces.iter().filter_map(Object::number).any(|adjustment| adjustment > 1000.0) {
                    return Err(OVERLAPS);
                }
                self.shows(pieces.iter().find_map(Object::string))?;
            }
            _ => {}
        }
        Ok(())
    }

    fn advance(&mut self, across: f64, up: f64) {
        self.line = (self.line.0 + across * self.scale.0, self.line.1 + up * self.scale.1);
    }

    fn shows(&mut self, text: Option<&[u8]>) -> Result<(), &'static str> {
        if text.is_none_or(<[u8]>::is_empty) {
            return Ok(());
        }
        let here = (self.origin.0 + self.line.0, self.origin.1 + self.line.1);
        // A comb's letters jump a little; a line is lower by most of its size.
        let tolerance = (self.size * self.scale.1.abs() / 4.0).max(0.5);
        if let Some((x, y)) = self.last.replace(here)
            && here.1 > y - tolerance
            && (here.1 > y + tolerance || here.0 < x - tolerance)
        {
            return Err(OUT_OF_ORDER);
        }
        Ok(())
    }
}

/// Why what is painted beside the text may show something by itself: `None` where it is a ground or a border, or what the signed
/// appearance painted too.
pub(super) fn draws_more_than_text(content: &[u8], bounds: [f64; 4], signed: Option<&[u8]>) -> Option<&'static str> {
    let Some(painted) = painted(content) else { return Some("the appearance paints more than can be followed") };
    if painted.iter().any(|path| path.fills && path.after_text) {
        return Some("the appearance paints over its text");
    }
    if painted.iter().all(|path| path.is_ground(bounds)) {
        return None;
    }
    let before = signed.and_then(self::painted).unwrap_or_default();
    let same =
        painted.len() <= before.len() && painted.iter().zip(&before).all(|(new, old)| new.segments == old.segments);
    (!same).then_some("the appearance paints shapes that were not there when it was signed")
}

/// One painted path.
#[derive(Debug)]
struct Path {
    /// Its operators with their operands, the painting one last.
    segments: Vec<(Vec<u8>, Vec<Object>)>,
    fills: bool,
    after_text: bool,
}

impl Path {
    /// Whether it is nothing but rectangles that take up nearly the whole appearance.
    fn is_ground(&self, [left, bottom, right, top]: [f64; 4]) -> bool {
        let most = |length: f64, whole: f64| length.abs() >= whole.abs() * 0.8 && whole != 0.0;
        self.segments.iter().all(|(operator, operands)| match operator.as_slice() {
            b"re" => {
                let side = |at: usize| operands.get(at).and_then(Object::number).unwrap_or(0.0);
                most(side(2), right - left) && most(side(3), top - bottom)
            }
            operator => PAINTING.contains(&operator),
        })
    }
}

/// Operators that paint the current path (ISO 32000-1 table 60).
const PAINTING: [&[u8]; 10] = [b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*", b"S", b"s", b"sh"];
const CONSTRUCTION: [&[u8]; 7] = [b"re", b"m", b"l", b"c", b"v", b"y", b"h"];

/// The paths that the content paints, `None` where it is malformed or there are too many.
fn painted(content: &[u8]) -> Option<Vec<Path>> {
    let mut lexer = Lexer::new(content, 0);
    let (mut painted, mut segments, mut operands) = (Vec::new(), Vec::new(), Vec::new());
    let mut after_text = false;
    loop {
        lexer.skip_space();
        if lexer.position() >= content.len() {
            return Some(painted);
        }
        if let Ok(object) = lexer.try_object() {
            operands.push(object);
        } else {
            let operator = lexer.take_operator()?;
            let used = std::mem::take(&mut operands);
            if CONSTRUCTION.contains(&operator) {
                segments.push((operator.to_vec(), used));
            } else if PAINTING.contains(&operator) {
                segments.push((operator.to_vec(), used));
                let fills = !matches!(operator, b"S" | b"s");
                painted.push(Path { segments: std::mem::take(&mut segments), fills, after_text });
            } else if operator == b"n" {
                segments.clear();
            } else if matches!(operator, b"Tj" | b"TJ" | b"'" | b"\"") {
                after_text = true;
            }
        }
        if operands.len() + segments.len() + painted.len() > limits::PREPARED_OPERATORS {
            return None;
        }
    }
}
