//! Where an appearance puts its text and what it paints beside it: text that is not drawn in reading order, or shapes that may be
//! letters themselves, show something else than the text that the operators name. Follows operators only; does not render.

use crate::pdf::lexer::Lexer;
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
}

/// What `q` keeps.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Origin and scale of the coordinates, by `cm`.
    origin: (f64, f64),
    unit: (f64, f64),
    /// How light what is filled is, 0 to 1; `None` where that cannot be said.
    light: Option<f64>,
}

/// Where text is shown, piece by piece.
#[derive(Debug)]
pub(super) struct Painting {
    sheet: Option<Sheet>,
    now: State,
    kept: Vec<State>,
    /// The path under construction: its rectangles, and whether it has anything else.
    rectangles: Vec<[f64; 4]>,
    has_lines: bool,
    /// How light the ground is.
    ground: Option<f64>,
    /// Where the text on this line has come to.
    pen: f64,
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

const OUTSIDE: &str = "the appearance puts text where it is cut off";
const CLIPPED: &str = "the appearance cuts off a part of itself";
const UNSEEN: &str = "the appearance hides text";
/// The smallest letters that are taken for readable, in units of the page.
const SMALLEST: f64 = 2.0;
/// How much of the appearance a border may take from each side.
const BORDER: f64 = 6.0;
/// How much lighter or darker than their ground letters are at least.
const CONTRAST: f64 = 0.2;

impl Painting {
    /// On this sheet; without one nothing is asked but the order of the text.
    pub(super) fn on(sheet: Option<Sheet>) -> Self {
        let now = State { origin: (0.0, 0.0), unit: (1.0, 1.0), light: Some(0.0) };
        Self {
            sheet,
            now,
            kept: Vec::new(),
            rectangles: Vec::new(),
            has_lines: false,
            ground: Some(1.0),
            pen: 0.0,
            scale: (1.0, 1.0),
            line: (0.0, 0.0),
            leading: 0.0,
            size: 0.0,
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
            b"cm" | b"Tm"
                if self.sheet.is_some_and(|sheet| !sheet.turned) && (number(1) != 0.0 || number(2) != 0.0) =>
            {
                return Err(OUT_OF_ORDER);
            }
            b"cm" => {
                let State { origin, unit, .. } = self.now;
                self.now.origin = (origin.0 + number(4) * unit.0, origin.1 + number(5) * unit.1);
                self.now.unit = (unit.0 * number(0), unit.1 * number(3));
            }
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
                self.shows(operands.last().and_then(Object::string), width)?;
            }
            b"Tj" => self.shows(operands.last().and_then(Object::string), width)?,
            b"TJ" => {
                let pieces = operands.last().and_then(Object::array).unwrap_or_default();
                // Thousandths of the size, to the left.
                if pieces.iter().filter_map(Object::number).any(|adjustment| adjustment > 1000.0) {
                    return Err(OVERLAPS);
                }
                self.shows(pieces.iter().find_map(Object::string), width)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn advance(&mut self, across: f64, up: f64) {
        self.line = (self.line.0 + across * self.scale.0, self.line.1 + up * self.scale.1);
    }

    fn shows(&mut self, text: Option<&[u8]>, width: f64) -> Result<(), &'static str> {
        if text.is_none_or(<[u8]>::is_empty) {
            return Ok(());
        }
        let State { origin, unit, .. } = self.now;
        let here = (origin.0 + self.line.0 * unit.0, origin.1 + self.line.1 * unit.1);
        let size = (self.size * self.scale.1 * unit.1).abs();
        self.is_seen(here, size, width)?;
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
    /// begins at the left, or goes on from what has filled the field.
    fn is_seen(&mut self, (x, y): (f64, f64), size: f64, width: f64) -> Result<(), &'static str> {
        let Some(sheet) = self.sheet else { return Ok(()) };
        let same_line = self.last.is_some_and(|last| last == (x, y));
        let begins = if same_line { self.pen } else { x };
        let before = std::mem::replace(&mut self.pen, begins + width * size);
        let tells = self.now.light.zip(self.ground).is_some_and(|(own, ground)| (own - ground).abs() >= CONTRAST);
        if !tells || size * sheet.scale < SMALLEST {
            return Err(UNSEEN);
        }
        if sheet.turned {
            return Ok(());
        }
        let [left, bottom, right, top] = sheet.bounds;
        let lower = self.last.is_some_and(|last| y < last.1 - size * 0.4);
        let goes_on = self.last.is_some() && !lower && before > right - size * 2.0;
        let goes_down = lower && self.last.is_some_and(|last| last.1 < bottom + size * 2.0);
        let across = goes_on || (left - 1.0..=right).contains(&begins);
        let up = goes_down || (bottom - size * 0.4..=top).contains(&y);
        let cut = self.pen > right + size * 0.3 && !same_line && !goes_on && begins > left + BORDER.max(size);
        if across && up && !cut { Ok(()) } else { Err(OUTSIDE) }
    }

    /// Follows paths, what is filled, and what is cut off by clipping.
    fn paints(&mut self, operator: &[u8], operands: &[Object]) -> Result<(), &'static str> {
        let Some(sheet) = self.sheet else { return Ok(()) };
        let numbers: Vec<f64> = operands.iter().filter_map(Object::number).collect();
        match operator {
            b"re" => {
                if let [x, y, width, height] = *numbers.as_slice() {
                    let State { origin, unit, .. } = self.now;
                    let (x, y) = (origin.0 + x * unit.0, origin.1 + y * unit.1);
                    let (far, high) = (x + width * unit.0, y + height * unit.1);
                    self.rectangles.push([x.min(far), y.min(high), x.max(far), y.max(high)]);
                }
            }
            operator if CONSTRUCTION.contains(&operator) => self.has_lines = true,
            b"W" | b"W*" if !sheet.turned => {
                let [left, bottom, right, top] = sheet.bounds;
                // Letters do not reach the whole height, and those that stand outside are asked about one by one.
                let (across, up) = (BORDER.min((right - left) / 4.0), (top - bottom) * 0.3);
                let covers = |[a, b, c, d]: &[f64; 4]| {
                    *a <= left + across && *b <= bottom + up && *c >= right - across && *d >= top - up
                };
                if self.has_lines || self.rectangles.len() != 1 || !self.rectangles.iter().all(covers) {
                    return Err(CLIPPED);
                }
                let seen = |[a, b, c, d]: [f64; 4]| [left.max(a), bottom.max(b), right.min(c), top.min(d)];
                if let (Some(clip), Some(sheet)) = (self.rectangles.last(), self.sheet.as_mut()) {
                    sheet.bounds = seen(*clip);
                }
            }
            b"W" | b"W*" if self.has_lines => return Err(CLIPPED),
            operator if operator == b"n" || PAINTING.contains(&operator) => {
                let fills = !matches!(operator, b"n" | b"S" | b"s");
                if fills {
                    self.ground = self.now.light;
                }
                self.rectangles.clear();
                self.has_lines = false;
            }
            b"g" | b"rg" | b"k" | b"sc" | b"scn" => self.now.light = lightness(&numbers),
            b"cs" => self.now.light = Some(0.0),
            _ => {}
        }
        Ok(())
    }
}

/// How light a colour of one, three or four components is.
pub(super) fn lightness(components: &[f64]) -> Option<f64> {
    match *components {
        [grey] => Some(grey),
        [red, green, blue] => Some(red * 0.3 + green * 0.59 + blue * 0.11),
        [cyan, magenta, yellow, black] => {
            Some(((1.0 - cyan) * 0.3 + (1.0 - magenta) * 0.59 + (1.0 - yellow) * 0.11) * (1.0 - black))
        }
        _ => None,
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
