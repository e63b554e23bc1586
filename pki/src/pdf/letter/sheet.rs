//! Plain printed sheets of headings, texts, facts, groups of letters to type and QR codes: what a key ceremony hands out and keeps. It
//! lays blocks below each other on A4 pages and knows nothing of what they say.

use super::super::typeface::{Typefaces, composed};
use super::super::write::{WriteError, limits};
use super::draw;
use super::layout::{HEIGHT, Mark, Style, WIDTH};
use chuky_model::instant::Instant;

/// A piece of a sheet, from the top down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Block {
    /// Large, centred.
    Title(String),
    Heading(String),
    Text(String),
    /// The same in a second language: smaller, slanted.
    Second(String),
    /// A name and what it is.
    Fact(String, String),
    /// Groups of letters to be typed, a line each.
    Groups(Vec<String>),
    /// A square of modules, dark ones `true`, row by row.
    Squares(usize, Vec<bool>),
    /// A line across the page.
    Rule,
    /// A name with a line to sign on.
    SignHere(String),
    /// What follows begins a new page.
    NewPage,
}

/// A sheet as PDF/A-2u.
pub fn compose(
    blocks: &[Block],
    typefaces: &Typefaces,
    (title, author): (&str, &str),
    made_at: Instant,
) -> Result<Vec<u8>, WriteError> {
    let mut sheet = Sheet { typefaces, pages: vec![Vec::new()], y: TOP };
    for block in blocks {
        sheet.block(block)?;
    }
    sheet.page_numbers()?;
    draw::draw(&sheet.pages, typefaces, title, author, made_at)
}

struct Sheet<'a> {
    typefaces: &'a Typefaces,
    pages: Vec<Vec<Mark>>,
    y: f32,
}

impl Sheet<'_> {
    fn block(&mut self, block: &Block) -> Result<(), WriteError> {
        match block {
            Block::Title(text) => self.centred(text, Style::Bold, 15.0),
            Block::Heading(text) => {
                self.y += 6.0;
                self.room(34.0)?;
                self.lines(text, Style::Bold, 12.0, LEFT)
            }
            Block::Text(text) => self.lines(text, Style::Regular, 11.0, LEFT),
            Block::Second(text) => self.lines(text, Style::Italic, 10.0, LEFT),
            Block::Fact(name, value) => self.fact(name, value),
            Block::Groups(lines) => {
                self.y += 4.0;
                lines.iter().try_for_each(|line| self.centred(line, Style::Bold, 17.0))
            }
            Block::Squares(side, dark) => self.squares(*side, dark),
            Block::Rule => {
                self.room(12.0)?;
                self.put(Mark::Rule { from: LEFT, to: RIGHT, y: self.y + 4.0 });
                self.y += 10.0;
                Ok(())
            }
            Block::SignHere(name) => {
                self.room(46.0)?;
                self.put(Mark::Rule { from: LEFT + 260.0, to: RIGHT, y: self.y + 34.0 });
                self.y += 20.0;
                self.lines(name, Style::Regular, 11.0, LEFT)?;
                self.y += 8.0;
                Ok(())
            }
            Block::NewPage => self.new_page(),
        }
    }

    fn fact(&mut self, name: &str, value: &str) -> Result<(), WriteError> {
        self.room(15.0)?;
        let from = self.y;
        self.lines(name, Style::Regular, 10.0, LEFT)?;
        let below = std::mem::replace(&mut self.y, from);
        self.lines(value, Style::Bold, 10.0, FACTS)?;
        self.y = self.y.max(below);
        Ok(())
    }

    fn lines(&mut self, text: &str, style: Style, size: f32, left: f32) -> Result<(), WriteError> {
        let right = if left < FACTS && size == 10.0 && style == Style::Regular { FACTS - 8.0 } else { RIGHT };
        let text = composed(text);
        style.of(self.typefaces).check(&text)?;
        for text in style.of(self.typefaces).wrap(&text, size, right - left) {
            self.room(size * LEADING)?;
            self.y += size * LEADING;
            self.put(Mark::Text { x: left, baseline: self.y, style, size, text, word_space: 0.0 });
        }
        self.y += 2.0;
        Ok(())
    }

    fn centred(&mut self, text: &str, style: Style, size: f32) -> Result<(), WriteError> {
        let text = composed(text);
        let typeface = style.of(self.typefaces);
        typeface.check(&text)?;
        for text in typeface.wrap(&text, size, RIGHT - LEFT) {
            self.room(size * LEADING)?;
            self.y += size * LEADING;
            let x = (WIDTH - typeface.width(&text, size)) / 2.0;
            self.put(Mark::Text { x, baseline: self.y, style, size, text, word_space: 0.0 });
        }
        self.y += 3.0;
        Ok(())
    }

    fn squares(&mut self, side: usize, dark: &[bool]) -> Result<(), WriteError> {
        self.room(CODE + 16.0)?;
        let module = CODE / side.max(1) as f32;
        let (left, top) = ((WIDTH - CODE) / 2.0, self.y + 10.0);
        for (index, _) in dark.iter().enumerate().filter(|(_, dark)| **dark) {
            let (column, row) = (index % side.max(1), index / side.max(1));
            let (x, y) = (left + column as f32 * module, top + row as f32 * module);
            self.put(Mark::Square { x, y, side: module });
        }
        self.y = top + CODE + 6.0;
        Ok(())
    }

    fn room(&mut self, height: f32) -> Result<(), WriteError> {
        if self.y + height > BOTTOM { self.new_page() } else { Ok(()) }
    }

    fn new_page(&mut self) -> Result<(), WriteError> {
        if self.pages.len() >= limits::LETTER_PAGES {
            return Err(WriteError::TooMany("pages"));
        }
        self.pages.push(Vec::new());
        self.y = TOP;
        Ok(())
    }

    fn page_numbers(&mut self) -> Result<(), WriteError> {
        let count = self.pages.len();
        for (index, page) in self.pages.iter_mut().enumerate() {
            let text = format!("{}/{count}", index + 1);
            let x = (WIDTH - self.typefaces.regular.width(&text, 9.0)) / 2.0;
            let (baseline, style) = (BOTTOM + 24.0, Style::Regular);
            page.push(Mark::Text { x, baseline, style, size: 9.0, text, word_space: 0.0 });
        }
        Ok(())
    }

    fn put(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }
}

const LEFT: f32 = 62.0;
const RIGHT: f32 = WIDTH - 50.0;
const TOP: f32 = 48.0;
const BOTTOM: f32 = HEIGHT - 62.0;
/// Where the values of facts begin.
const FACTS: f32 = LEFT + 132.0;
/// The side of a QR code: 50 mm, which every reader finds.
const CODE: f32 = 142.0;
const LEADING: f32 = 1.28;
