//! Places the blocks of a report on A4 pages: measures, breaks lines and pages, and knows nothing of PDF. Positions are points from
//! the upper left corner, baselines for text.

use super::super::letter::Style;
use super::super::typeface::{Typeface, Typefaces, composed};
use super::super::write::{WriteError, limits};
use super::{Block, Shape, Sheet, Shown};
use crate::picture::{Area, Picture};

/// Red, green, blue.
pub(super) type Colour = [u8; 3];

/// Something drawn.
pub(super) enum Mark {
    Text {
        x: f32,
        baseline: f32,
        style: Style,
        size: f32,
        colour: Colour,
        text: String,
    },
    /// A filled outline.
    Area {
        corners: Vec<(f32, f32)>,
        colour: Colour,
    },
    /// A line through these points.
    Line {
        points: Vec<(f32, f32)>,
        width: f32,
        colour: Colour,
    },
    /// A picture, its upper left corner at that place.
    Picture {
        at: (f32, f32),
        size: (f32, f32),
        picture: Picture,
    },
}

/// Lays the whole report out, one list of marks a page.
pub(super) fn lay_out(sheet: &Sheet, typefaces: &Typefaces) -> Result<Vec<Vec<Mark>>, WriteError> {
    let mut pages = Pages { typefaces, pages: vec![Vec::new()], y: TOP };
    for block in &sheet.blocks {
        pages.block(block)?;
    }
    pages.feet(&sheet.foot);
    Ok(pages.pages)
}

struct Pages<'a> {
    typefaces: &'a Typefaces,
    pages: Vec<Vec<Mark>>,
    /// The next free line's top.
    y: f32,
}

/// How a paragraph looks.
#[derive(Clone, Copy)]
struct Look {
    style: Style,
    size: f32,
    colour: Colour,
}

impl Pages<'_> {
    fn block(&mut self, block: &Block) -> Result<(), WriteError> {
        match block {
            Block::Banner { shape, word, sentence, beneath } => self.banner(*shape, word, sentence, beneath),
            Block::Heading { shape, text, beneath } => self.heading(*shape, text, beneath),
            Block::Row { label, label_beneath, value, beneath } => self.row((label, label_beneath), (value, beneath)),
            Block::Warning { text, beneath } => self.warning(text, beneath),
            Block::Pictures(shown) => self.pictures(shown),
            Block::Text { text, beneath } => {
                self.y += 4.0;
                self.paragraph(LEFT, RIGHT - LEFT, BODY, text)?;
                self.paragraph(LEFT, RIGHT - LEFT, BENEATH, beneath)
            }
        }
    }

    fn put(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    /// Makes sure that `height` points are free on this page.
    fn room(&mut self, height: f32) -> Result<(), WriteError> {
        if self.y + height <= BOTTOM {
            return Ok(());
        }
        if self.pages.len() >= limits::SHEET_PAGES {
            return Err(WriteError::TooMany("pages"));
        }
        self.pages.push(Vec::new());
        self.y = TOP;
        Ok(())
    }

    fn lines(&self, text: &str, look: Look, width: f32) -> Vec<String> {
        wrap(look.style.of(self.typefaces), &shown(look.style.of(self.typefaces), text), look.size, width)
    }

    fn paragraph(&mut self, x: f32, width: f32, look: Look, text: &str) -> Result<(), WriteError> {
        for line in self.lines(text, look, width) {
            self.room(look.size * LEADING)?;
            self.line(x, look, line);
        }
        Ok(())
    }

    fn line(&mut self, x: f32, look: Look, text: String) {
        let Look { style, size, colour } = look;
        self.put(Mark::Text { x, baseline: self.y + size, style, size, colour, text });
        self.y += size * LEADING;
    }

    fn banner(&mut self, shape: Shape, word: &str, sentence: &str, beneath: &str) -> Result<(), WriteError> {
        let (dark, pale) = colours(shape);
        let word_look = Look { style: Style::Bold, size: 19.0, colour: dark };
        let sentence_look = Look { style: Style::Bold, size: 11.5, colour: BLACK };
        let (x, width) = (LEFT + 66.0, RIGHT - LEFT - 78.0);
        let parts = [(word_look, word), (sentence_look, sentence), (BENEATH, beneath)];
        let lines: Vec<(Look, String)> = parts
            .into_iter()
            .flat_map(|(look, text)| self.lines(text, look, width).into_iter().map(move |line| (look, line)))
            .collect();
        let inner: f32 = lines.iter().map(|(look, _)| look.size * LEADING).sum();
        let height = (inner + 24.0).max(68.0);
        self.room(height)?;
        let top = self.y;
        let corners = vec![(LEFT, top), (RIGHT, top), (RIGHT, top + height), (LEFT, top + height)];
        self.put(Mark::Area { corners, colour: pale });
        self.shape(shape, (LEFT + 34.0, top + height / 2.0), 21.0);
        self.y = top + (height - inner) / 2.0;
        for (look, line) in lines {
            self.line(x, look, line);
        }
        self.y = top + height + 6.0;
        Ok(())
    }

    fn heading(&mut self, shape: Option<Shape>, text: &str, beneath: &str) -> Result<(), WriteError> {
        self.y += 10.0;
        let look = Look { style: Style::Bold, size: 11.5, colour: BLACK };
        let indent = if shape.is_some() { 20.0 } else { 0.0 };
        let lines = self.lines(text, look, RIGHT - LEFT - indent).len();
        // With the first row under it.
        self.room(lines as f32 * look.size * LEADING + 54.0)?;
        self.put(Mark::Line { points: vec![(LEFT, self.y), (RIGHT, self.y)], width: 0.6, colour: GREY });
        self.y += 6.0;
        if let Some(shape) = shape {
            self.shape(shape, (LEFT + 7.0, self.y + 7.5), 7.0);
        }
        self.paragraph(LEFT + indent, RIGHT - LEFT - indent, look, text)?;
        self.paragraph(LEFT + indent, RIGHT - LEFT - indent, BENEATH, beneath)?;
        self.y += 2.0;
        Ok(())
    }

    fn row(&mut self, label: (&str, &str), value: (&str, &str)) -> Result<(), WriteError> {
        let label_look = Look { style: Style::Regular, size: 9.0, colour: GREY_TEXT };
        let mut left: Vec<(Look, String)> = Vec::new();
        let mut right: Vec<(Look, String)> = Vec::new();
        let second = |text: &str, first: &str| if text == first { String::new() } else { text.to_owned() };
        for (look, text) in [(label_look, label.0.to_owned()), (BENEATH, second(label.1, label.0))] {
            left.extend(self.lines(&text, look, LABEL - 10.0).into_iter().map(|line| (look, line)));
        }
        for (look, text) in [(BODY, value.0.to_owned()), (BENEATH, second(value.1, value.0))] {
            right.extend(self.lines(&text, look, RIGHT - LEFT - LABEL).into_iter().map(|line| (look, line)));
        }
        self.y += 3.0;
        let (mut left, mut right) = (left.into_iter(), right.into_iter());
        // Line by line, so that a row longer than a page goes on upon the next one.
        loop {
            let (one, other) = (left.next(), right.next());
            let height = [&one, &other].into_iter().flatten().map(|(look, _)| look.size * LEADING).fold(0.0, f32::max);
            if height == 0.0 {
                return Ok(());
            }
            self.room(height)?;
            let top = self.y;
            for (x, part) in [(LEFT, one), (LEFT + LABEL, other)] {
                let Some((look, text)) = part else { continue };
                self.y = top;
                self.line(x, look, text);
            }
            self.y = top + height;
        }
    }

    fn warning(&mut self, text: &str, beneath: &str) -> Result<(), WriteError> {
        let look = Look { style: Style::Bold, size: 9.5, colour: BLACK };
        let (x, width) = (LEFT + 26.0, RIGHT - LEFT - 34.0);
        let mut lines: Vec<(Look, String)> =
            self.lines(text, look, width).into_iter().map(|line| (look, line)).collect();
        lines.extend(self.lines(beneath, BENEATH, width).into_iter().map(|line| (BENEATH, line)));
        let inner: f32 = lines.iter().map(|(look, _)| look.size * LEADING).sum();
        self.y += 5.0;
        self.room((inner + 10.0).min(BOTTOM - TOP))?;
        let (top, (_, pale)) = (self.y, colours(Shape::Undetermined));
        let bottom = (top + inner + 10.0).min(BOTTOM);
        let corners = vec![(LEFT, top), (RIGHT, top), (RIGHT, bottom), (LEFT, bottom)];
        self.put(Mark::Area { corners, colour: pale });
        self.shape(Shape::Undetermined, (LEFT + 13.0, top + 12.5), 7.0);
        self.y += 5.0;
        for (look, line) in lines {
            self.room(look.size * LEADING)?;
            self.line(x, look, line);
        }
        self.y += 7.0;
        Ok(())
    }

    /// Pictures beside each other with their captions above, kept on one page.
    fn pictures(&mut self, shown: &[Shown]) -> Result<(), WriteError> {
        let captions = PICTURE_CAPTION.size * LEADING * 2.0;
        let placed: Vec<(&Shown, f32)> = shown
            .iter()
            .take(COLUMNS)
            .map(|one| {
                let (width, height) = (f32::from(one.picture.width.max(1)), f32::from(one.picture.height.max(1)));
                (one, (COLUMN / width).min(PICTURE_HEIGHT / height))
            })
            .collect();
        let tallest = placed.iter().map(|(one, scale)| f32::from(one.picture.height) * scale).fold(0.0, f32::max);
        self.y += 4.0;
        self.room(captions + tallest + 4.0)?;
        let top = self.y;
        for ((one, scale), column) in placed.into_iter().zip(0_u8..) {
            let left = LEFT + f32::from(column) * (COLUMN + GUTTER);
            self.y = top;
            for (look, text) in [(PICTURE_CAPTION, &one.caption), (BENEATH, &one.beneath)] {
                if let Some(line) = self.lines(text, look, COLUMN).into_iter().next() {
                    self.line(left, look, line);
                }
            }
            self.picture(one, (left, top + captions), scale);
        }
        self.y = top + captions + tallest + 4.0;
        Ok(())
    }

    fn picture(&mut self, shown: &Shown, at: (f32, f32), scale: f32) {
        let (width, height) = (f32::from(shown.picture.width) * scale, f32::from(shown.picture.height) * scale);
        self.put(Mark::Picture { at, size: (width, height), picture: shown.picture.clone() });
        let corners = |area: Area| {
            let (left, top) = (at.0 + f32::from(area.left) * scale, at.1 + f32::from(area.top) * scale);
            let right = (left + f32::from(area.width) * scale).min(at.0 + width);
            let bottom = (top + f32::from(area.height) * scale).min(at.1 + height);
            [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        };
        let (whole_width, whole_height) = (shown.picture.width, shown.picture.height);
        let whole = corners(Area { left: 0, top: 0, width: whole_width, height: whole_height });
        self.put(Mark::Line { points: whole.to_vec(), width: 0.5, colour: GREY });
        let (difference, _) = colours(Shape::NotValid);
        for area in &shown.differences {
            for points in dashes(&corners(*area)) {
                self.put(Mark::Line { points, width: 1.2, colour: difference });
            }
        }
        for mark in &shown.marks {
            let frame = corners(mark.area);
            self.put(Mark::Line { points: frame.to_vec(), width: 0.9, colour: MARKED });
            let look = Look { style: Style::Bold, size: 8.0, colour: MARKED };
            let (left, top) = frame[0];
            let text = mark.signature.to_string();
            self.put(Mark::Text {
                x: left + 2.0,
                baseline: top + look.size,
                style: look.style,
                size: look.size,
                colour: look.colour,
                text,
            });
        }
    }

    fn shape(&mut self, shape: Shape, (x, y): (f32, f32), radius: f32) {
        let (dark, _) = colours(shape);
        let at = |points: &[(f32, f32)]| points.iter().map(|(h, v)| (x + h * radius, y + v * radius)).collect();
        let round = |corners: u16, turn: f32| -> Vec<(f32, f32)> {
            (0..corners)
                .map(|corner| (f32::from(corner) + turn) * std::f32::consts::TAU / f32::from(corners))
                .map(|angle| (angle.cos(), angle.sin()))
                .collect()
        };
        let (outline, strokes): (Points, Vec<Points>) = match shape {
            Shape::Valid => (round(64, 0.0), vec![vec![(-0.45, 0.02), (-0.12, 0.36), (0.48, -0.34)]]),
            Shape::NotValid => {
                (round(8, 0.5), vec![vec![(-0.36, -0.36), (0.36, 0.36)], vec![(0.36, -0.36), (-0.36, 0.36)]])
            }
            Shape::Undetermined => (
                vec![(0.0, -0.98), (1.06, 0.86), (-1.06, 0.86)],
                vec![vec![(0.0, -0.38), (0.0, 0.28)], vec![(0.0, 0.54), (0.0, 0.66)]],
            ),
        };
        self.put(Mark::Area { corners: at(&outline), colour: dark });
        for stroke in strokes {
            self.put(Mark::Line { points: at(&stroke), width: radius * 0.19, colour: WHITE });
        }
    }

    /// The foot and the page's number on every page.
    fn feet(&mut self, foot: &str) {
        let count = self.pages.len();
        let look = Look { style: Style::Regular, size: 7.5, colour: GREY_TEXT };
        let face = look.style.of(self.typefaces);
        let foot = self.lines(foot, look, RIGHT - LEFT - 60.0).into_iter().next().unwrap_or_default();
        let numbers: Vec<(String, f32)> = (1..=count)
            .map(|page| format!("{page}/{count}"))
            .map(|number| (number.clone(), face.width(&number, look.size)))
            .collect();
        for (page, (number, width)) in self.pages.iter_mut().zip(numbers) {
            for (x, text) in [(LEFT, foot.clone()), (RIGHT - width, number)] {
                let Look { style, size, colour } = look;
                page.push(Mark::Text { x, baseline: FOOT, style, size, colour, text });
            }
        }
    }
}

/// The sides of a frame as short lines with gaps, at most [`limits::SHEET_DASHES`] a side.
fn dashes(frame: &[(f32, f32)]) -> Vec<Points> {
    let side = |[from, to]: [(f32, f32); 2]| {
        let (across, down) = (to.0 - from.0, to.1 - from.1);
        let count = ((across.abs() + down.abs()) / DASH).clamp(1.0, f32::from(limits::SHEET_DASHES)) as u16;
        let at = move |part: f32| (from.0 + across * part, from.1 + down * part);
        (0..count).map(move |place| {
            let begin = f32::from(place) / f32::from(count);
            vec![at(begin), at(begin + 0.6 / f32::from(count))]
        })
    };
    frame.windows(2).filter_map(|pair| Some([*pair.first()?, *pair.last()?])).flat_map(side).collect()
}

/// The text with every letter that the typeface lacks, and every control or direction mark, as its code point.
fn shown(typeface: &Typeface, text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for (count, letter) in composed(text).chars().enumerate() {
        if count >= limits::SHEET_CHARACTERS {
            shown.push('…');
            break;
        }
        let hides = matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        match letter {
            '\n' | '\r' | '\t' => shown.push(' '),
            _ if letter.is_control() || hides || typeface.glyph(letter).is_none() => {
                shown.push_str(&format!("[U+{:04X}]", u32::from(letter)));
            }
            _ => shown.push(letter),
        }
    }
    shown
}

/// Lines no wider than `width`; a word that is wider is broken anywhere.
fn wrap(typeface: &Typeface, text: &str, size: f32, width: f32) -> Vec<String> {
    let mut lines = Vec::new();
    for line in typeface.wrap(text, size, width) {
        if typeface.width(&line, size) <= width {
            lines.push(line);
            continue;
        }
        let (mut piece, mut used) = (String::new(), 0.0);
        for letter in line.chars() {
            let advance = typeface.glyph(letter).map_or(0.0, |glyph| glyph.advance) * size / 1000.0;
            if used + advance > width && !piece.is_empty() {
                lines.push(std::mem::take(&mut piece));
                used = 0.0;
            }
            piece.push(letter);
            used += advance;
        }
        lines.push(piece);
    }
    lines
}

/// Dark and pale, as the pages of the service have them.
fn colours(shape: Shape) -> (Colour, Colour) {
    match shape {
        Shape::Valid => ([0x0f, 0x6b, 0x3a], [0xe6, 0xf4, 0xea]),
        Shape::NotValid => ([0xa8, 0x1c, 0x1c], [0xfb, 0xe9, 0xe7]),
        Shape::Undetermined => ([0x8a, 0x5a, 0x00], [0xfd, 0xf3, 0xdc]),
    }
}

const LEFT: f32 = 51.0;
const RIGHT: f32 = 544.0;
const TOP: f32 = 45.0;
const BOTTOM: f32 = 785.0;
const FOOT: f32 = 812.0;
/// Width of the column of labels: beside it a SHA-256 in hex stands on one line.
const LABEL: f32 = 134.0;
/// Distance of lines, in text sizes.
const LEADING: f32 = 1.32;
/// Pictures beside each other, and the points that each may take.
const COLUMNS: usize = 2;
const GUTTER: f32 = 13.0;
const COLUMN: f32 = (RIGHT - LEFT - GUTTER) / 2.0;
const PICTURE_HEIGHT: f32 = 360.0;
/// A dash and its gap.
const DASH: f32 = 5.0;
const MARKED: Colour = [0x0b, 0x4f, 0x9e];
const PICTURE_CAPTION: Look = Look { style: Style::Bold, size: 9.5, colour: BLACK };
const BLACK: Colour = [0x11, 0x11, 0x11];
const WHITE: Colour = [0xff, 0xff, 0xff];
const GREY: Colour = [0xb5, 0xb5, 0xb5];
const GREY_TEXT: Colour = [0x50, 0x50, 0x50];
const BODY: Look = Look { style: Style::Regular, size: 10.0, colour: BLACK };
const BENEATH: Look = Look { style: Style::Italic, size: 8.5, colour: GREY_TEXT };

/// A line through points, in points of 1/72 inch.
type Points = Vec<(f32, f32)>;
