//! What every page shares: language, address, account and the form token; and the words a template asks it for.
//! Plain data only; must never hold a secret other than the form token.

use super::{assets, texts};
use chuky_model::text::{Bilingual, Language};

/// Whoever is logged in, as the page's head shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visitor {
    /// The account's display name.
    pub name: String,
}

/// The frame around a page. Every page has one in its field `frame`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    pub language: Language,
    /// Path of the page, e.g. `/verify`, with its query only where the page is nothing without: where the language switch leads back to.
    pub path: String,
    /// Value of the hidden field `csrf` of every form that posts.
    pub csrf: String,
    pub visitor: Option<Visitor>,
}

impl Frame {
    /// A frame for somebody who is not logged in.
    pub fn new(language: Language, path: &str) -> Self {
        Self { language, path: path.to_owned(), csrf: String::new(), visitor: None }
    }

    /// The same frame with that form token.
    #[must_use]
    pub fn with_csrf(self, csrf: impl Into<String>) -> Self {
        Self { csrf: csrf.into(), ..self }
    }

    /// The same frame for that account.
    #[must_use]
    pub fn with_visitor(self, name: impl Into<String>) -> Self {
        Self { visitor: Some(Visitor { name: name.into() }), ..self }
    }

    /// The text of that key in the page's language.
    pub fn say(&self, key: &str) -> String {
        texts::text_or_key(self.language, key, &[])
    }

    /// The text of that key with its arguments filled in.
    pub fn fill(&self, key: &str, arguments: &[(&str, &str)]) -> String {
        texts::text_or_key(self.language, key, arguments)
    }

    /// The hint under a form field's label, empty where the field has none.
    pub fn hint(&self, field: &str) -> String {
        let key = format!("field-{}-hint", field.replace('_', "-"));
        texts::text(self.language, &key, &[]).unwrap_or_default()
    }

    /// The text of `prefix-name`, or `name` itself where no text has that key: for names that other layers may add.
    pub fn name_of(&self, prefix: &str, name: &str) -> String {
        let key = format!("{prefix}-{}", name.replace(['_', ' '], "-").to_lowercase());
        texts::text(self.language, &key, &[]).unwrap_or_else(|| name.to_owned())
    }

    /// That sentence in the page's language.
    pub fn of<'a>(&self, sentence: &'a Bilingual) -> &'a str {
        sentence.in_language(self.language)
    }

    /// The address of an embedded file, with its content's hash in it.
    pub fn asset(&self, path: &str) -> String {
        assets::address(path)
    }

    /// The code of the page's language.
    pub fn code(&self) -> &'static str {
        self.language.code()
    }

    /// The same page in the other language.
    pub fn other_language(&self) -> String {
        let other = match self.language {
            Language::Vi => Language::En,
            Language::En => Language::Vi,
        };
        let join = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{join}lang={}", self.path, other.code())
    }
}
