//! The paths that an appearance paints: grounds, borders, and shapes that may say something by themselves. Follows the coordinates, lines and colours
//! that operators set; does not render.

use crate::pdf::lexer::Lexer;
use crate::pdf::limits;
use crate::pdf::object::Object;

/// Coordinates, lines and colours (ISO 32000-1 table 52).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ink {
    /// Origin and scale of the coordinates, by `cm`.
    pub(super) origin: (f64, f64),
    pub(super) unit: (f64, f64),
    /// The coordinates are neither turned nor slanted.
    straight: bool,
    /// How light what is filled is, 0 to 1; `None` where that cannot be said.
    pub(super) filled: Option<f64>,
    pub(super) stroked: Option<f64>,
    /// How thick lines are, in the appearance's own units.
    pub(super) width: f64,
    /// Colours that are not a device's: their components say nothing about light.
    foreign: (bool, bool),
}

impl Default for Ink {
    fn default() -> Self {
        Self {
            origin: (0.0, 0.0),
            unit: (1.0, 1.0),
            straight: true,
            filled: Some(0.0),
            stroked: Some(0.0),
            width: 1.0,
            foreign: (false, false),
        }
    }
}

impl Ink {
    /// Where a point lies in the appearance's own units.
    pub(super) fn placed(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (self.origin.0 + x * self.unit.0, self.origin.1 + y * self.unit.1)
    }

    /// Follows one operator.
    pub(super) fn takes(&mut self, operator: &[u8], operands: &[Object]) {
        let numbers: Vec<f64> = operands.iter().filter_map(Object::number).collect();
        let device = || operands.first().and_then(Object::name).is_some_and(|name| name.starts_with(b"Device"));
        match (operator, numbers.as_slice()) {
            (b"cm", [a, b, c, d, e, f]) => {
                self.origin = self.placed((*e, *f));
                self.unit = (self.unit.0 * a, self.unit.1 * d);
                self.straight &= *b == 0.0 && *c == 0.0;
            }
            (b"w", [width]) => self.width = (width * self.unit.0.abs().max(self.unit.1.abs())).abs(),
            (b"g" | b"rg" | b"k", _) => (self.filled, self.foreign.0) = (lightness(&numbers), false),
            (b"G" | b"RG" | b"K", _) => (self.stroked, self.foreign.1) = (lightness(&numbers), false),
            (b"cs", _) => (self.filled, self.foreign.0) = (device().then_some(0.0), !device()),
            (b"CS", _) => (self.stroked, self.foreign.1) = (device().then_some(0.0), !device()),
            (b"sc" | b"scn", _) => self.filled = lightness(&numbers).filter(|_| !self.foreign.0),
            (b"SC" | b"SCN", _) => self.stroked = lightness(&numbers).filter(|_| !self.foreign.1),
            _ => {}
        }
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

/// Operators that paint the current path (ISO 32000-1 table 60).
pub(super) const PAINTING: [&[u8]; 10] = [b"f", b"F", b"f*", b"B", b"B*", b"b", b"b*", b"S", b"s", b"sh"];
const CONSTRUCTION: [&[u8]; 7] = [b"re", b"m", b"l", b"c", b"v", b"y", b"h"];
/// How much of the appearance a border may take from each side.
pub(super) const BORDER: f64 = 6.0;
/// How thick a border is at most.
const THICKEST: f64 = 4.0;
/// Corners of one side of a border, the beginning and the return to it included.
const CORNERS: usize = 6;

/// Whether a rectangle reaches all sides of the other, short of so much.
pub(super) fn covers([a, b, c, d]: [f64; 4], [left, bottom, right, top]: [f64; 4], across: f64, up: f64) -> bool {
    a <= left + across && b <= bottom + up && c >= right - across && d >= top - up
}

/// The shape of a path, in the appearance's own units.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outline {
    rectangles: Vec<[f64; 4]>,
    /// Ends of straight lines.
    corners: Vec<(f64, f64)>,
    begun: usize,
    /// It has curves, or coordinates that are not straight.
    curved: bool,
}

impl Outline {
    /// Follows one operator.
    pub(super) fn takes(&mut self, operator: &[u8], operands: &[Object], ink: Ink) {
        if !CONSTRUCTION.contains(&operator) {
            return;
        }
        self.curved |= !ink.straight || matches!(operator, b"c" | b"v" | b"y");
        let numbers: Vec<f64> = operands.iter().filter_map(Object::number).collect();
        match (operator, numbers.as_slice()) {
            (b"re", [x, y, width, height]) => {
                let ((x, y), (far, high)) = (ink.placed((*x, *y)), ink.placed((x + width, y + height)));
                self.rectangles.push([x.min(far), y.min(high), x.max(far), y.max(high)]);
            }
            (b"m" | b"l", [x, y]) => {
                self.begun += usize::from(operator == b"m");
                self.corners.push(ink.placed((*x, *y)));
            }
            (b"h", _) => {}
            _ => self.curved = true,
        }
    }

    pub(super) fn has_only_rectangles(&self) -> bool {
        self.corners.is_empty() && !self.curved
    }

    /// The rectangle that the path is, where it is one and nothing else.
    pub(super) fn only_rectangle(&self) -> Option<[f64; 4]> {
        let [rectangle] = self.rectangles.as_slice() else { return None };
        self.has_only_rectangles().then_some(*rectangle)
    }

    /// Whether what is filled lies below everything within these bounds, a border aside.
    pub(super) fn is_under(&self, bounds: [f64; 4]) -> bool {
        let [left, bottom, right, top] = bounds;
        let (across, up) = (BORDER.min((right - left) * 0.3), BORDER.min((top - bottom) * 0.3));
        self.only_rectangle().is_some_and(|rectangle| covers(rectangle, bounds, across, up))
    }

    /// Whether it is one side of a border: a narrow strip along nearly the whole of it.
    pub(super) fn is_edge(&self, [left, bottom, right, top]: [f64; 4]) -> bool {
        if self.curved || !self.rectangles.is_empty() || self.begun != 1 || self.corners.len() > CORNERS {
            return false;
        }
        let side = |of: &dyn Fn(&(f64, f64)) -> f64| {
            let all = self.corners.iter().map(of);
            all.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), one| (least.min(one), most.max(one)))
        };
        let ((a, c), (b, d)) = (side(&|corner| corner.0), side(&|corner| corner.1));
        let along = |from: f64, to: f64, least: f64, most: f64| to - from >= (most - least) * 0.8 && most > least;
        let thick = |length: f64| THICKEST.min(length * 0.2);
        let flat = d <= bottom + thick(top - bottom) || b >= top - thick(top - bottom);
        let upright = c <= left + thick(right - left) || a >= right - thick(right - left);
        (flat && along(a, c, left, right)) || (upright && along(b, d, bottom, top))
    }
}

/// Why what is painted beside the text may show something by itself: `None` where it is a ground or a border, or what the signed
/// appearance painted too.
pub(super) fn draws_more_than_text(content: &[u8], bounds: [f64; 4], signed: Option<&[u8]>) -> Option<&'static str> {
    let Some(painted) = painted(content) else { return Some("the appearance paints more than can be followed") };
    if painted.iter().any(|path| path.after_text && (path.fills || !path.is_ground(bounds))) {
        return Some("the appearance paints over its text");
    }
    if painted.iter().all(|path| path.is_ground(bounds)) {
        return None;
    }
    let before = signed.and_then(self::painted).unwrap_or_default();
    let same = painted.len() <= before.len()
        && painted
            .iter()
            .zip(&before)
            .all(|(new, old)| (&new.outline, &new.segments, new.ink) == (&old.outline, &old.segments, old.ink));
    (!same).then_some("the appearance paints shapes that were not there when it was signed")
}

/// One painted path.
#[derive(Debug)]
struct Path {
    /// Its operators with their operands, the painting one last.
    segments: Vec<(Vec<u8>, Vec<Object>)>,
    outline: Outline,
    ink: Ink,
    fills: bool,
    strokes: bool,
    after_text: bool,
}

impl Path {
    /// Whether it is nothing but rectangles that take up nearly the whole appearance, or one side of a border.
    fn is_ground(&self, bounds: [f64; 4]) -> bool {
        let [left, bottom, right, top] = bounds;
        if self.segments.iter().any(|(operator, _)| operator.as_slice() == b"sh") {
            return false;
        }
        let most = |from: f64, to: f64, least: f64, most: f64| {
            to.min(most) - from.max(least) >= (most - least) * 0.8 && most > least
        };
        let fits = |[a, b, c, d]: &[f64; 4]| most(*a, *c, left, right) && most(*b, *d, bottom, top);
        let thin = |rectangle: &[f64; 4]| {
            let inset = self.ink.width.max(1.0) * 1.5;
            self.ink.width <= THICKEST && covers(*rectangle, bounds, inset, inset)
        };
        let sheets = self.outline.has_only_rectangles()
            && self.outline.rectangles.iter().all(|one| fits(one) && (!self.strokes || thin(one)));
        sheets || (!self.strokes && self.outline.is_edge(bounds))
    }
}

/// The paths that the content paints, `None` where it is malformed or there are too many.
fn painted(content: &[u8]) -> Option<Vec<Path>> {
    let mut lexer = Lexer::new(content, 0);
    let (mut painted, mut segments, mut operands) = (Vec::new(), Vec::new(), Vec::new());
    let (mut outline, mut ink, mut kept) = (Outline::default(), Ink::default(), Vec::new());
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
            ink.takes(operator, &used);
            outline.takes(operator, &used, ink);
            match operator {
                b"q" => kept.push(ink),
                b"Q" => ink = kept.pop().unwrap_or(ink),
                b"n" => (segments, outline) = (Vec::new(), Outline::default()),
                b"Tj" | b"TJ" | b"'" | b"\"" => after_text = true,
                operator if CONSTRUCTION.contains(&operator) => segments.push((operator.to_vec(), used)),
                operator if PAINTING.contains(&operator) => {
                    segments.push((operator.to_vec(), used));
                    let fills = !matches!(operator, b"S" | b"s");
                    let strokes = !matches!(operator, b"f" | b"F" | b"f*" | b"sh");
                    let (segments, outline) = (std::mem::take(&mut segments), std::mem::take(&mut outline));
                    painted.push(Path { segments, outline, ink, fills, strokes, after_text });
                }
                _ => {}
            }
        }
        if operands.len() + segments.len() + painted.len() + kept.len() > limits::PREPARED_OPERATORS {
            return None;
        }
    }
}
