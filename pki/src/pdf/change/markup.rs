//! Markup annotations that came later (ISO 32000-2 §12.5.6): whether their appearances mark something, or write and hide by themselves (evil
//! annotations). Follows operators, through forms, within a budget; does not render.

use super::Comparison;
use crate::pdf::lexer::Lexer;
use crate::pdf::limits;
use crate::pdf::object::{Dictionary, Object, Stream};

/// Levels of forms inside an annotation's appearance.
const LONGEST_FORMS: usize = 8;
/// Sides up to which an appearance is an icon, in units of the page. Readers draw notes and carets some 20 high.
const ICON: f64 = 40.0;
/// How thick a line that underlines, strikes out or is drawn by hand may be.
const THICKEST_LINE: f64 = 12.0;
/// Thinner than that a filled rectangle is a line.
const THICKEST_RULE: f64 = 4.0;
/// How light a mark over text must be, and from where on it is white.
const LIGHT: f64 = 0.4;
const WHITE: f64 = 0.95;
/// How much of a mark that is not blended may cover what is under it.
const OPAQUE: f64 = 0.6;

/// What an appearance may paint.
struct Allowed<'a> {
    subtype: &'a [u8],
    /// So small that it hides next to nothing.
    icon: bool,
    /// Paths that it may paint: two for each quadrilateral that the annotation marks.
    paths: usize,
    /// Units of the page for one of the appearance.
    scale: f64,
}

/// The part of the graphics state that decides.
#[derive(Clone, Copy)]
struct State {
    filled: Option<f64>,
    stroked: Option<f64>,
    width: f64,
    scale: f64,
    /// Blended so that what is under it stays visible.
    multiplied: bool,
    alpha: f64,
}

/// The path under construction.
#[derive(Default)]
struct Path {
    segments: usize,
    begun: usize,
    /// The smaller side of the thickest rectangle.
    thickest: f64,
    rectangles: usize,
}

impl Comparison<'_, '_> {
    /// Whether the annotation shows or hides something by itself rather than marking what is there.
    pub(super) fn passes_for_content(&self, subtype: &[u8], annotation: &Dictionary) -> bool {
        let appearance = self.new.value(annotation, "AP");
        let Some(appearance) = appearance.dictionary() else { return false };
        let mut looks = Vec::new();
        for value in appearance.entries().map(|(_, value)| self.new.resolve(value)) {
            match value {
                Object::Stream(form) => looks.push(form),
                // One appearance for each state.
                Object::Dictionary(states) => {
                    let states = states.entries().take(limits::FIELD_OBJECTS).map(|(_, state)| self.new.resolve(state));
                    looks.extend(
                        states.filter_map(|state| if let Object::Stream(form) = state { Some(form) } else { None }),
                    );
                }
                _ => {}
            }
        }
        let [across, up] = self.sides(&self.new.value(annotation, "Rect")).unwrap_or_default();
        let quads = self.new.value(annotation, "QuadPoints");
        let quads = quads.array().map_or(1, |quads| quads.len() / 8).max(1);
        looks.iter().any(|form| {
            let own = self.sides(&self.new.value(&form.dictionary, "BBox"));
            let scale = own.map_or(1.0, |[width, height]| (across / width).max(up / height));
            let icon = across <= ICON && up <= ICON;
            let mut allowed = Allowed { subtype, icon, paths: quads * 2, scale };
            let start =
                State { filled: Some(0.0), stroked: Some(0.0), width: 1.0, scale: 1.0, multiplied: false, alpha: 1.0 };
            self.shows_by_itself(form, start, 0, &mut allowed)
        })
    }

    fn sides(&self, corners: &Object) -> Option<[f64; 2]> {
        let corners: Vec<f64> = corners.array()?.iter().filter_map(|one| self.new.resolve(one).number()).collect();
        let [left, bottom, right, top] = *corners.as_slice() else { return None };
        Some([(right - left).abs(), (top - bottom).abs()])
    }

    fn shows_by_itself(&self, form: &Stream, start: State, depth: usize, allowed: &mut Allowed<'_>) -> bool {
        self.charge(1);
        if depth > LONGEST_FORMS || self.is_spent() || form.dictionary.is_name("Subtype", "Image") {
            return true;
        }
        let Ok(content) = self.new.decoded_regularly(form) else { return true };
        let resources = self.new.value(&form.dictionary, "Resources");
        let resources = resources.dictionary().cloned().unwrap_or_default();
        let (mut lexer, mut operands) = (Lexer::new(&content, 0), Vec::new());
        let (mut now, mut kept, mut path) = (start, Vec::new(), Path::default());
        for _ in 0..limits::PREPARED_OPERATORS {
            lexer.skip_space();
            if lexer.position() >= content.len() {
                return false;
            }
            if let Ok(object) = lexer.try_object() {
                operands.push(object);
                continue;
            }
            let Some(operator) = lexer.take_operator() else { return true };
            let numbers: Vec<f64> = operands.iter().filter_map(Object::number).collect();
            match operator {
                b"q" if kept.len() < limits::NESTING => kept.push(now),
                b"Q" => now = kept.pop().unwrap_or(now),
                b"Tj" | b"TJ" | b"'" | b"\"" | b"BI" | b"sh" => return true,
                b"gs" => self.takes_state(&resources, &operands, &mut now),
                b"Do" => {
                    let forms = self.new.value(&resources, "XObject");
                    let name = operands.first().and_then(Object::name).unwrap_or_default();
                    let drawn = forms.dictionary().and_then(|forms| forms.value_of(name)).cloned().unwrap_or_default();
                    match self.new.resolve(&drawn) {
                        Object::Stream(inner) if self.shows_by_itself(&inner, now, depth + 1, allowed) => return true,
                        _ => {}
                    }
                }
                b"f" | b"F" | b"f*" | b"B" | b"B*" | b"b" | b"b*" | b"S" | b"s" => {
                    let path = std::mem::take(&mut path);
                    if !allowed.paints(operator, &path, &now) {
                        return true;
                    }
                }
                b"n" => path = Path::default(),
                operator => {
                    path.takes(operator, &numbers, now.scale * allowed.scale);
                    now.takes(operator, &numbers);
                }
            }
            operands.clear();
        }
        true
    }

    fn takes_state(&self, resources: &Dictionary, operands: &[Object], now: &mut State) {
        let name = operands.first().and_then(Object::name).unwrap_or_default();
        let states = self.new.value(resources, "ExtGState");
        let state = states.dictionary().and_then(|states| states.value_of(name)).map(|state| self.new.resolve(state));
        let Some(state) = state.as_ref().and_then(Object::dictionary) else { return };
        if state.contains("BM") {
            let blend = self.new.value(state, "BM");
            // The first of several that a reader knows counts; every reader knows this one.
            let first = blend.array().and_then(|all| all.first()).map(|one| self.new.resolve(one)).unwrap_or(blend);
            now.multiplied = first.is_name("Multiply");
        }
        now.alpha = self.new.value(state, "ca").number().unwrap_or(now.alpha);
        now.width = self.new.value(state, "LW").number().unwrap_or(now.width);
    }
}

impl State {
    fn takes(&mut self, operator: &[u8], numbers: &[f64]) {
        match (operator, numbers) {
            (b"g" | b"rg" | b"k" | b"sc" | b"scn", _) => self.filled = super::paths::lightness(numbers),
            (b"G" | b"RG" | b"K" | b"SC" | b"SCN", _) => self.stroked = super::paths::lightness(numbers),
            (b"w", [width]) => self.width = *width,
            (b"cm", [a, b, c, d, ..]) => self.scale *= a.hypot(*b).max(c.hypot(*d)),
            _ => {}
        }
    }
}

impl Path {
    fn takes(&mut self, operator: &[u8], numbers: &[f64], scale: f64) {
        match (operator, numbers) {
            (b"re", [_, _, width, height]) => {
                self.rectangles += 1;
                self.thickest = self.thickest.max(width.abs().min(height.abs()) * scale);
            }
            (b"m", _) => self.begun += 1,
            (b"l" | b"c" | b"v" | b"y" | b"h", _) => self.segments += 1,
            _ => {}
        }
    }
}

impl Allowed<'_> {
    /// Whether the path may be painted; counts it.
    fn paints(&mut self, operator: &[u8], path: &Path, now: &State) -> bool {
        if self.icon {
            return true;
        }
        let parts = path.begun + path.rectangles;
        let lines = matches!(self.subtype, b"Underline" | b"StrikeOut" | b"Squiggly");
        if self.subtype != b"Ink" {
            let Some(rest) = self.paths.checked_sub(parts) else { return false };
            self.paths = rest;
        }
        let fills = !matches!(operator, b"S" | b"s");
        let strokes = matches!(operator, b"S" | b"s" | b"B" | b"B*" | b"b" | b"b*");
        let marks = |light: Option<f64>| {
            let light = light.unwrap_or(0.0);
            light >= LIGHT && (now.multiplied || (now.alpha <= OPAQUE && light < WHITE))
        };
        let filled = match self.subtype {
            b"Highlight" => path.segments <= parts * SIDES && marks(now.filled),
            _ if lines => path.begun == 0 && path.thickest <= THICKEST_RULE,
            _ => false,
        };
        let thin =
            now.width * now.scale * self.scale <= THICKEST_LINE && now.stroked.is_some_and(|light| light < WHITE);
        let stroked = match self.subtype {
            b"Highlight" => marks(now.stroked),
            b"Underline" | b"StrikeOut" => thin && path.segments <= parts,
            b"Squiggly" | b"Ink" => thin,
            _ => false,
        };
        (!fills || filled) && (!strokes || stroked)
    }
}

/// Segments of a quadrilateral whose ends are round.
const SIDES: usize = 6;
