//! `/credentials/{id}/picture`: the picture of handwriting or seal that is kept with a credential. Posts `csrf` and the file `picture` to the same
//! address, or to `…/remove`.

use super::{Frame, Problems, rendered};
use askama::Template;
use chuky_model::id::CredentialId;

/// The page.
#[derive(Clone, Template)]
#[template(path = "picture.html")]
pub struct PicturePage {
    pub frame: Frame,
    pub credential: CredentialId,
    /// The certificate's holder, with title and agency where it has them.
    pub holder: String,
    pub is_kept: bool,
    /// Of `picture`.
    pub problems: Problems,
}

impl PicturePage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(&Self { problems: self.problems.among(&["picture"]), ..self.clone() })
    }

    fn description(&self) -> String {
        self.frame.fill("picture-of", &[("holder", &self.holder)])
    }
}
