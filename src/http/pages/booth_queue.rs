//! `/booth/queue`, the waiting room's screen, and `/booth/queue/desk`, where numbers are given and called. Numbers alone: nothing of persons.

use super::{Frame, Problems, rendered, texts};
use crate::registration::numbers::Numbers;
use askama::Template;

/// The screen of the waiting room: what was called, in type that is read across a room.
#[derive(Clone, Template)]
#[template(path = "booth_queue.html")]
pub struct QueuePage {
    pub frame: Frame,
    pub numbers: Numbers,
}

impl QueuePage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    /// By which the page knows that something has changed.
    fn state(&self) -> String {
        format!("{}-{}", self.numbers.given, self.numbers.called)
    }
}

/// Where numbers are given and called.
#[derive(Clone, Template)]
#[template(path = "booth_desk.html")]
pub struct DeskPage {
    pub frame: Frame,
    pub numbers: Numbers,
    /// The number that was given just now, to hand over or to print.
    pub given: Option<i64>,
    /// The number that was called just now.
    pub called: Option<i64>,
    /// Called, and nobody waited.
    pub nobody: bool,
    /// As typed.
    pub desk: String,
    pub problems: Problems,
}

impl DeskPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let mut page = self.clone();
        page.problems = page.problems.among(&["desk"]);
        rendered(&page)
    }

    fn waiting(&self) -> String {
        let waiting = texts::grouped(u64::try_from(self.numbers.waiting()).unwrap_or_default());
        self.frame.fill("desk-waiting", &[("count", &waiting)])
    }

    fn today(&self) -> String {
        let grouped = |number: i64| texts::grouped(u64::try_from(number).unwrap_or_default());
        let (given, called) = (grouped(self.numbers.given), grouped(self.numbers.called));
        self.frame.fill("desk-today", &[("given", &given), ("called", &called)])
    }
}
