//! `/reports/definitions`: what every figure means, each under its own address.

use super::{Frame, rendered};
use crate::statistics::{DEFINITIONS, Definition};
use askama::Template;
use chuky_model::text::Language;

/// The page.
#[derive(Clone, Template)]
#[template(path = "report_definitions.html")]
pub struct DefinitionsPage {
    pub frame: Frame,
}

impl DefinitionsPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    fn all(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let shown = |one: &Definition| (one.name, title(one, self.frame.language), text(one, self.frame.language));
        DEFINITIONS.iter().map(shown).collect()
    }
}

/// The figure's name in a language.
pub(super) fn title(one: &Definition, language: Language) -> &'static str {
    match language {
        Language::Vi => one.title_vi,
        Language::En => one.title_en,
    }
}

fn text(one: &Definition, language: Language) -> &'static str {
    match language {
        Language::Vi => one.text_vi,
        Language::En => one.text_en,
    }
}
