//! Where an appearance puts its text and what it paints beside it: text that is not drawn in reading order, or shapes that may be
//! letters themselves, show something else than the text that the operators name. Follows operators only; does not render.

use super::paths::{BORDER, Ink, Outline, PAINTING, covers};
use crate::pdf::limits;
use crate::pdf::object::Object;

/// The ground that an appearance is drawn on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sheet {
    /// Left, bottom, right, top, in the appearance's own units.
    pub(super) bounds: [f64; 4],
    /// Units of the page for each of them.
    pub(super) scale: f64,
    /// The field is turned, and its appearance with it.
    pub(super) turned: bool,
    /// The field has several lines.
    pub(super) has_lines: bool,
}

/// What `q` keeps (ISO 32000-1 table 52).
#[derive(Clone, Copy, Debug)]
struct State {
    /// Coordinates, lines and colours.
    ink: Ink,
    leading: f64,
    size: f64,
    rise: f64,
    /// Whether letters get an outline beside their filling (table 106).
    outlined: bool,
    /// What is put between letters and between words, and how much wider than they are letters are drawn (§9.3.2 to §9.3.4).
    spread: f64,
    words: f64,
    wide: f64,
}

/// Where text is shown, piece by piece.
#[derive(Debug)]
pub(super) struct Painting {
    sheet: Option<Sheet>,
    now: State,
    kept: Vec<State>,
    /// The path under construction.
    path: Outline,
    /// How light the ground is.
    ground: Option<f64>,
    /// Where the text on this line has come to.
    pen: f64,
    /// Scale of the text matrix and beginning of the current line.
    scale: (f64, f64),
    line: (f64, f64),
    /// Where the last piece of text began.
    last: Option<(f64, f64)>,
}

const OUT_OF_ORDER: &str = "the appearance does not draw its text in reading order";
const OVERLAPS: &str = "the appearance pushes its letters over each other";

const OUTSIDE: &str = "the appearance puts text where it is cut off";
const CLIPPED: &str = "the appearance cuts off a part of itself";
const UNSEEN: &str = "the appearance hides text";
/// The smallest letters that are taken for readable, in units of the page.
const SMALLEST: f64 = 2.0;
/// How much wider than high letters may be drawn, for what they are.
const STRETCHED: std::ops::RangeInclusive<f64> = 0.3..=2.0;
/// How many times the field's height letters may have.
const LARGEST: f64 = 2.0;
/// How many times its outline a letter's size is at least.
const OUTLINE: f64 = 5.0;
/// How much lighter or darker than their ground letters are at least.
const CONTRAST: f64 = 0.2;

impl Painting {
    /// On this sheet; without one nothing is asked but the order of the text.
    pub(super) fn on(sheet: Option<Sheet>) -> Self {
        let now = State {
            ink: Ink::default(),
            leading: 0.0,
            size: 0.0,
            rise: 0.0,
            outlined: false,
            spread: 0.0,
            words: 0.0,
            wide: 1.0,
        };
        Self {
            sheet,
            now,
            kept: Vec::new(),
            path: Outline::default(),
            ground: Some(1.0),
            pen: 0.0,
            scale: (1.0, 1.0),
            line: (0.0, 0.0),
            last: None,
        }
    }

    /// Follows one operator; says why where text is not put in reading order (ISO 32000-1 §9.4.2, §9.4.3) or not to be seen. `width` is that of the
    /// text that it shows, at least, for a size of 1.
    pub(super) fn moves(&mut self, operator: &[u8], operands: &[Object], width: f64) -> Result<(), &'static str> {
        let number = |at: usize| operands.get(at).and_then(Object::number).unwrap_or(0.0);
        self.paints(operator, operands)?;
        match operator {
            b"q" if self.kept.len() < limits::NESTING => self.kept.push(self.now),
            b"Q" => {
                if let Some(kept) = self.kept.pop() {
                    self.now = kept;
                }
            }
            // Letters that stand on their heads are others: 66 and 99.
            b"cm" | b"Tm"
                if self.sheet.is_some_and(|sheet| !sheet.turned)
                    && (number(1) != 0.0 || number(2) != 0.0 || number(0) <= 0.0 || number(3) <= 0.0) =>
            {
                return Err(OUT_OF_ORDER);
            }
            b"Tf" if self.sheet.is_some() && number(1) < 0.0 => return Err(OUT_OF_ORDER),
            b"BT" => (self.line, self.scale) = ((0.0, 0.0), (1.0, 1.0)),
            b"Tm" => (self.line, self.scale) = ((number(4), number(5)), (number(0), number(3))),
            b"Tf" => self.now.size = number(1).abs(),
            b"Ts" => self.now.rise = number(0),
            b"Tr" => self.now.outlined = number(0) == 2.0,
            b"TL" => self.now.leading = number(0),
            b"Td" => self.advance(number(0), number(1)),
            b"TD" => {
                self.now.leading = -number(1);
                self.advance(number(0), number(1));
            }
            b"T*" => self.advance(0.0, -self.now.leading),
            b"Tc" | b"Tw" if number(0) < -self.now.size.max(1.0) / 2.0 => return Err(OVERLAPS),
            b"Tc" => self.now.spread = number(0),
            b"Tw" => self.now.words = number(0),
            b"Tz" => self.now.wide = number(0) / 100.0,
            b"'" | b"\"" => {
                if operator == b"\"" {
                    (self.now.words, self.now.spread) = (number(0), number(1));
                }
                self.advance(0.0, -self.now.leading);
                self.shows(operands.last().and_then(Object::string), width, 0.0)?;
            }
            b"Tj" => self.shows(operands.last().and_then(Object::string), width, 0.0)?,
            b"TJ" => {
                let pieces = operands.last().and_then(Object::array).unwrap_or_default();
                // Thousandths of the size, to the left.
                if pieces.iter().filter_map(Object::number).any(|adjustment| adjustment > 1000.0) {
                    return Err(OVERLAPS);
                }
                let gaps = pieces.iter().filter_map(Object::number).filter(|adjustment| *adjustment < -1000.0);
                let gaps = -gaps.sum::<f64>() / 1000.0 * self.now.size;
                let text: Vec<u8> = pieces.iter().filter_map(Object::string).flatten().copied().collect();
                self.shows(Some(&text), width, gaps)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn advance(&mut self, across: f64, up: f64) {
        self.line = (self.line.0 + across * self.scale.0, self.line.1 + up * self.scale.1);
    }

    /// `gaps` is what the pieces of the text are moved apart.
    fn shows(&mut self, text: Option<&[u8]>, width: f64, gaps: f64) -> Result<(), &'static str> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(()) };
        let here = self.now.ink.placed(self.line);
        let up = self.scale.1 * self.now.ink.unit.1;
        let size = (self.now.size * up).abs();
        let across = self.scale.0 * self.now.ink.unit.0 * self.now.wide;
        let turned = self.sheet.is_some_and(|sheet| sheet.turned);
        if self.sheet.is_some() && !turned && !STRETCHED.contains(&(across / up)) {
            return Err(UNSEEN);
        }
        let far = |one: f64, least: f64, of: usize| if one > least * self.now.size { one * of as f64 } else { 0.0 };
        let spaces = text.iter().filter(|byte| **byte == b' ').count();
        let apart = far(self.now.spread, 0.3, text.len()) + far(self.now.words, 1.0, spaces) + gaps;
        self.is_seen((here.0, here.1 + self.now.rise * up), size, width, apart * across)?;
        // A comb's letters jump a little; a line is lower by most of its size.
        let tolerance = (size / 4.0).max(0.5);
        if let Some((x, y)) = self.last.replace(here)
            && here.1 > y - tolerance
            && (here.1 > y + tolerance || here.0 < x - tolerance)
        {
            return Err(OUT_OF_ORDER);
        }
        Ok(())
    }

    /// Whether the text stands on the sheet, large enough, and is told from its ground. What somebody typed may be longer than the field: then it
    /// begins at the left, or goes on from what has filled the field. `apart` is by how much its letters are moved apart.
    fn is_seen(&mut self, (x, y): (f64, f64), size: f64, width: f64, apart: f64) -> Result<(), &'static str> {
        let Some(sheet) = self.sheet else { return Ok(()) };
        let same_line = self.last.is_some_and(|last| last == (x, y));
        let begins = if same_line { self.pen } else { x };
        let before = std::mem::replace(&mut self.pen, begins + width * size);
        let ink = self.now.ink;
        let tells = |light: Option<f64>| light.zip(self.ground).is_some_and(|(a, b)| (a - b).abs() >= CONTRAST);
        let drowned = self.now.outlined && (!tells(ink.stroked) || ink.width > size / OUTLINE);
        if !tells(ink.filled) || drowned || size * sheet.scale < SMALLEST {
            return Err(UNSEEN);
        }
        if sheet.turned {
            return Ok(());
        }
        let [left, bottom, right, top] = sheet.bounds;
        // By a line or two, and in a field that has lines.
        let lower = sheet.has_lines && self.last.is_some_and(|last| (size * 0.4..size * 3.0).contains(&(last.1 - y)));
        let goes_on = self.last.is_some() && !lower && before > right - size * 2.0;
        let goes_down = lower && self.last.is_some_and(|last| last.1 < bottom + size * 2.0);
        // Letters that were moved apart are all there to be seen, and none is larger than the field.
        let pushed = apart > 0.0 && self.pen + apart > right + size * 0.3;
        if pushed || size > (top - bottom) * LARGEST {
            return Err(OUTSIDE);
        }
        let across = goes_on || (left - 1.0..=right).contains(&begins);
        let up = goes_down || (bottom - size * 0.4..=top).contains(&y);
        let cut = self.pen > right + size * 0.3 && !same_line && !goes_on && begins > left + BORDER.max(size);
        if across && up && !cut { Ok(()) } else { Err(OUTSIDE) }
    }

    /// Follows paths, what is filled, and what is cut off by clipping.
    fn paints(&mut self, operator: &[u8], operands: &[Object]) -> Result<(), &'static str> {
        self.now.ink.takes(operator, operands);
        let Some(sheet) = self.sheet else { return Ok(()) };
        self.path.takes(operator, operands, self.now.ink);
        match operator {
            b"W" | b"W*" if !sheet.turned => {
                let [left, bottom, right, top] = sheet.bounds;
                // Letters do not reach the whole height, and those that stand outside are asked about one by one.
                let (across, up) = (BORDER.min((right - left) / 4.0), (top - bottom) * 0.3);
                let clip = self.path.only_rectangle().filter(|clip| covers(*clip, sheet.bounds, across, up));
                let Some([a, b, c, d]) = clip else { return Err(CLIPPED) };
                if let Some(sheet) = self.sheet.as_mut() {
                    sheet.bounds = [left.max(a), bottom.max(b), right.min(c), top.min(d)];
                }
            }
            b"W" | b"W*" if !self.path.has_only_rectangles() => return Err(CLIPPED),
            operator if operator == b"n" || PAINTING.contains(&operator) => {
                let path = std::mem::take(&mut self.path);
                let light = self.now.ink.filled;
                if !matches!(operator, b"n" | b"S" | b"s") && !path.is_edge(sheet.bounds) && self.ground != light {
                    // A ground that ends somewhere below the letters is none.
                    self.ground = light.filter(|_| path.is_under(sheet.bounds) || sheet.turned);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
