//! Places the words of a letter on A4 pages: measures, breaks lines and pages, and knows nothing of PDF. Positions are points
//! from the upper left corner, baselines for text. Sizes and distances are those of Appendix I of Decree 30/2020/NĐ-CP.

use super::super::typeface::{Typeface, Typefaces, composed};
use super::super::write::{WriteError, limits};
use super::{Letter, Paragraph, Place, Subject};

/// What stands on the pages, and where signature and seal go.
pub(super) struct Plan {
    pub pages: Vec<Vec<Mark>>,
    pub signature: Place,
    pub seal: Place,
}

/// Something drawn.
pub(super) enum Mark {
    Text {
        x: f32,
        baseline: f32,
        style: Style,
        size: f32,
        text: String,
        word_space: f32,
    },
    Rule {
        from: f32,
        to: f32,
        y: f32,
    },
    /// Filled; its upper left corner and side.
    Square {
        x: f32,
        y: f32,
        side: f32,
    },
}

/// Upright or slanted, light or heavy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::pdf) enum Style {
    Regular,
    Bold,
    Italic,
    BoldItalic,
}

impl Style {
    pub(in crate::pdf) fn of(self, typefaces: &Typefaces) -> &Typeface {
        match self {
            Self::Regular => &typefaces.regular,
            Self::Bold => &typefaces.bold,
            Self::Italic => &typefaces.italic,
            Self::BoldItalic => &typefaces.bold_italic,
        }
    }
}

/// Lays the whole letter out.
pub(super) fn lay_out(letter: &Letter, typefaces: &Typefaces) -> Result<Plan, WriteError> {
    let mut sheet = Sheet { typefaces, pages: vec![Vec::new()], y: TOP };
    sheet.header(letter)?;
    if let Subject::Named { type_name, about } = &letter.subject {
        sheet.title(type_name, about)?;
    }
    sheet.addressees(&letter.addressees)?;
    for (place, paragraph) in letter.body.iter().enumerate() {
        let (style, text) = match paragraph {
            Paragraph::Heading(text) => (Style::Bold, text),
            Paragraph::Text(text) => (Style::Regular, text),
        };
        let followed = place + 1 < letter.body.len();
        sheet.paragraph(style, text, style == Style::Bold && followed)?;
    }
    let (signature, seal) = sheet.closing(letter)?;
    sheet.page_numbers();
    Ok(Plan { pages: sheet.pages, signature, seal })
}

struct Sheet<'a> {
    typefaces: &'a Typefaces,
    pages: Vec<Vec<Mark>>,
    /// The next free line's top.
    y: f32,
}

impl Sheet<'_> {
    fn put(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    fn new_page(&mut self) -> Result<(), WriteError> {
        if self.pages.len() >= limits::LETTER_PAGES {
            return Err(WriteError::TooMany("pages"));
        }
        self.pages.push(Vec::new());
        self.y = TOP;
        Ok(())
    }

    fn text(&mut self, x: f32, baseline: f32, style: Style, size: f32, text: &str) -> Result<f32, WriteError> {
        let text = composed(text);
        let typeface = style.of(self.typefaces);
        typeface.check(&text)?;
        let width = typeface.width(&text, size);
        self.put(Mark::Text { x, baseline, style, size, text, word_space: 0.0 });
        Ok(width)
    }

    /// Lines of a text centred on `middle`, each no wider than `width`; returns the baseline after the last and its width.
    fn centred(
        &mut self,
        middle: f32,
        baseline: f32,
        width: f32,
        style: Style,
        size: f32,
        text: &str,
    ) -> Result<(f32, f32), WriteError> {
        let text = composed(text);
        // Runs of spaces are the draft's gaps for number and date: such a line is not broken.
        let lines = if text.contains("  ") { vec![text] } else { style.of(self.typefaces).wrap(&text, size, width) };
        let (mut baseline, mut last) = (baseline, 0.0);
        for line in lines {
            last = style.of(self.typefaces).width(&line, size);
            self.text(middle - last / 2.0, baseline, style, size, &line)?;
            baseline += size * LEADING;
        }
        Ok((baseline, last))
    }

    /// Agency and number on the left (ô số 2, 3, 5b), nation's name, motto, place and date on the right (ô số 1, 4).
    fn header(&mut self, letter: &Letter) -> Result<(), WriteError> {
        let mut left = TOP + 12.0;
        if let Some(parent) = &letter.parent_agency {
            left = self.centred(LEFT_MIDDLE, left, LEFT_WIDTH, Style::Regular, 12.0, parent)?.0;
        }
        let (next, width) = self.centred(LEFT_MIDDLE, left, LEFT_WIDTH, Style::Bold, 12.0, &letter.agency)?;
        // A rule of a third to a half of the line's length below the agency's name.
        self.put(Mark::Rule { from: LEFT_MIDDLE - width * 0.22, to: LEFT_MIDDLE + width * 0.22, y: next - 9.0 });
        let (right, _) = self.centred(RIGHT_MIDDLE, TOP + 12.0, RIGHT_WIDTH, Style::Bold, 12.0, NATION)?;
        let (right, width) = self.centred(RIGHT_MIDDLE, right, RIGHT_WIDTH, Style::Bold, 13.0, MOTTO)?;
        // A rule as long as the motto.
        self.put(Mark::Rule { from: RIGHT_MIDDLE - width / 2.0, to: RIGHT_MIDDLE + width / 2.0, y: right - 10.0 });
        let line = next.max(right) + 8.0;
        let (mut left, _) = self.centred(LEFT_MIDDLE, line, LEFT_WIDTH, Style::Regular, 13.0, &letter.number_line())?;
        if let Subject::Dispatch(about) = &letter.subject {
            left = self.centred(LEFT_MIDDLE, left, LEFT_WIDTH, Style::Regular, 12.0, &format!("V/v {about}"))?.0;
        }
        let (right, _) = self.centred(RIGHT_MIDDLE, line, RIGHT_WIDTH, Style::Italic, 13.0, &letter.date_line())?;
        self.y = left.max(right);
        Ok(())
    }

    fn title(&mut self, type_name: &str, about: &str) -> Result<(), WriteError> {
        let middle = (LEFT + RIGHT) / 2.0;
        let (next, _) = self.centred(middle, self.y + 22.0, RIGHT - LEFT, Style::Bold, 14.0, type_name)?;
        let (next, width) = self.centred(middle, next, (RIGHT - LEFT) * 0.85, Style::Bold, 14.0, about)?;
        self.put(Mark::Rule { from: middle - width * 0.2, to: middle + width * 0.2, y: next - 11.0 });
        self.y = next;
        Ok(())
    }

    /// One addressee beside the words, several below them with dashes (ô số 9a).
    fn addressees(&mut self, addressees: &[String]) -> Result<(), WriteError> {
        let start = LEFT + 70.0;
        let mut baseline = self.y + 24.0;
        match addressees {
            [] => {}
            [only] => {
                let width = self.text(start, baseline, Style::Regular, BODY, "Kính gửi: ")?;
                for line in self.typefaces.regular.wrap(&composed(only), BODY, RIGHT - start - width) {
                    self.text(start + width, baseline, Style::Regular, BODY, &line)?;
                    baseline += BODY * LEADING;
                }
            }
            several => {
                self.text(start, baseline, Style::Regular, BODY, "Kính gửi:")?;
                let last = several.len() - 1;
                for (place, addressee) in several.iter().enumerate() {
                    baseline += BODY * LEADING + 2.0;
                    let stop = if place == last { "." } else { ";" };
                    self.text(start + 62.0, baseline, Style::Regular, BODY, &format!("- {addressee}{stop}"))?;
                }
                baseline += BODY * LEADING;
            }
        }
        self.y = if addressees.is_empty() { self.y + 10.0 } else { baseline };
        Ok(())
    }

    /// Justified, its first line indented by 1.27 cm, 6 points above it. A heading stays with two lines of what follows.
    fn paragraph(&mut self, style: Style, text: &str, keep_with_next: bool) -> Result<(), WriteError> {
        let text = composed(text);
        let typeface = style.of(self.typefaces);
        typeface.check(&text)?;
        self.y += PARAGRAPH_SPACE;
        if keep_with_next && self.y + LINE * 3.0 + PARAGRAPH_SPACE > BOTTOM {
            self.new_page()?;
        }
        let lines = justified(typeface, &text);
        let last = lines.len().saturating_sub(1);
        for (place, (line, spare)) in lines.into_iter().enumerate() {
            // No single first or last line of a longer paragraph stands alone on a page; one of three lines is not divided.
            let together = if place == 0 && last == 2 { 3.0 } else { 2.0 };
            let alone = last > 1 && (place == 0 || place + 1 == last) && self.y + LINE * together > BOTTOM;
            if self.y + LINE > BOTTOM || alone {
                self.new_page()?;
            }
            let indent = if place == 0 { INDENT } else { 0.0 };
            let gaps = line.matches(' ').count();
            let word_space = if place < last && gaps > 0 { spare / gaps as f32 } else { 0.0 };
            let baseline = self.y + BODY;
            self.put(Mark::Text { x: LEFT + indent, baseline, style, size: BODY, text: line, word_space });
            self.y += LINE;
        }
        Ok(())
    }

    /// `Nơi nhận` on the left; authority, title, room for signature and seal, and full name on the right: on one page together.
    fn closing(&mut self, letter: &Letter) -> Result<(Place, Place), WriteError> {
        let left_height = 30.0 + letter.recipients.len() as f32 * 26.0;
        let right_height =
            (letter.authority.len() + 2) as f32 * 18.0 + SIGNATURE_HEIGHT + NAME_HEIGHT + SEAL_TEXT_HEIGHT;
        if self.y + 14.0 + left_height.max(right_height) > BOTTOM {
            self.new_page()?;
        }
        let top = self.y + 14.0;
        self.recipients(&letter.recipients, top + 13.0)?;
        let mut baseline = top + 13.0;
        for line in letter.authority.iter().chain([&letter.position]) {
            baseline = self.centred(RIGHT_MIDDLE, baseline, RIGHT_WIDTH, Style::Bold, 14.0, line)?.0;
        }
        let signature_top = baseline - 10.0;
        let signature_bottom = signature_top + SIGNATURE_HEIGHT;
        self.centred(RIGHT_MIDDLE, signature_bottom + 14.0, RIGHT_WIDTH, Style::Bold, 14.0, &letter.full_name)?;
        let page = u32::try_from(self.pages.len()).map_err(|_| WriteError::TooMany("pages"))?;
        let half = SIGNATURE_WIDTH / 2.0;
        let up = |y: f32| HEIGHT - y;
        let signature = [RIGHT_MIDDLE - half, up(signature_bottom), RIGHT_MIDDLE + half, up(signature_top)];
        // The seal's right edge stands a third of the signature's width inside it.
        let seal_middle = RIGHT_MIDDLE - half + SIGNATURE_WIDTH / 3.0 - SEAL / 2.0;
        let seal_top = (signature_top + signature_bottom - SEAL) / 2.0;
        let seal = [
            seal_middle - SEAL_WIDTH / 2.0,
            up(signature_bottom + NAME_HEIGHT + SEAL_TEXT_HEIGHT),
            seal_middle + SEAL_WIDTH / 2.0,
            up(seal_top),
        ];
        Ok((Place { page, rectangle: signature }, Place { page, rectangle: seal }))
    }

    fn recipients(&mut self, recipients: &[String], baseline: f32) -> Result<(), WriteError> {
        self.text(LEFT, baseline, Style::BoldItalic, 12.0, "Nơi nhận:")?;
        let mut baseline = baseline + 14.0;
        let last = recipients.len().saturating_sub(1);
        for (place, recipient) in recipients.iter().enumerate() {
            let stop = if place == last { "." } else { ";" };
            let line = composed(&format!("- {recipient}{stop}"));
            for line in self.typefaces.regular.wrap(&line, 11.0, RECIPIENTS_WIDTH) {
                self.text(LEFT, baseline, Style::Regular, 11.0, &line)?;
                baseline += 13.0;
            }
        }
        Ok(())
    }

    /// Centred in the upper margin, not on the first page (Appendix I, part I, I.7).
    fn page_numbers(&mut self) {
        let typeface = &self.typefaces.regular;
        for (place, page) in self.pages.iter_mut().enumerate().skip(1) {
            let text = (place + 1).to_string();
            let x = WIDTH / 2.0 - typeface.width(&text, 13.0) / 2.0;
            page.push(Mark::Text { x, baseline: TOP - 18.0, style: Style::Regular, size: 13.0, text, word_space: 0.0 });
        }
    }
}

/// Lines with the points each has to spare.
fn justified(typeface: &Typeface, text: &str) -> Vec<(String, f32)> {
    let mut lines: Vec<(String, f32)> = Vec::new();
    let space = typeface.width(" ", BODY);
    for word in text.split_whitespace() {
        let width = typeface.width(word, BODY);
        match lines.last_mut() {
            Some((line, spare)) if space + width <= *spare => {
                line.push(' ');
                line.push_str(word);
                *spare -= space + width;
            }
            _ => {
                let indent = if lines.is_empty() { INDENT } else { 0.0 };
                lines.push((word.to_owned(), RIGHT - LEFT - indent - width));
            }
        }
    }
    lines
}

const NATION: &str = "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM";
const MOTTO: &str = "Độc lập - Tự do - Hạnh phúc";

/// A4 in points.
pub(super) const WIDTH: f32 = 595.28;
pub(super) const HEIGHT: f32 = 841.89;
/// Margins: top and bottom 20–25 mm, left 30–35 mm, right 15–20 mm.
const TOP: f32 = 60.0;
const BOTTOM: f32 = HEIGHT - 58.0;
const LEFT: f32 = 86.0;
const RIGHT: f32 = WIDTH - 52.0;
/// Columns of header and closing.
const LEFT_WIDTH: f32 = 196.0;
const LEFT_MIDDLE: f32 = LEFT + LEFT_WIDTH / 2.0 - 8.0;
const RIGHT_WIDTH: f32 = 264.0;
const RIGHT_MIDDLE: f32 = RIGHT - RIGHT_WIDTH / 2.0 + 4.0;
const RECIPIENTS_WIDTH: f32 = 150.0;
/// Body text 13–14 points, single to one and a half lines, at least 6 points between paragraphs, first line 1–1.27 cm.
const BODY: f32 = 14.0;
const LEADING: f32 = 1.2;
const LINE: f32 = BODY * 1.32;
const PARAGRAPH_SPACE: f32 = 6.0;
const INDENT: f32 = 36.0;
/// Room between title and full name, and the width a signature's picture may take.
const SIGNATURE_HEIGHT: f32 = 88.0;
const SIGNATURE_WIDTH: f32 = 150.0;
/// A seal of 36 mm in its real size, and the lines of agency and time below it.
const SEAL: f32 = 102.0;
const SEAL_WIDTH: f32 = 190.0;
const SEAL_TEXT_HEIGHT: f32 = 27.0;
const NAME_HEIGHT: f32 = 20.0;
