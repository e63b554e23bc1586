//! Which language a request's pages are in: `?lang=` wins and is remembered in a cookie, then the cookie, then Vietnamese.
//! Reads only the request's address and cookies.

use super::frame::Frame;
use axum::{
    extract::{FromRequestParts, Request},
    http::{HeaderValue, header, request::Parts},
    middleware::Next,
    response::Response,
};
use axum_extra::extract::cookie::CookieJar;
use chuky_model::text::Language;
use std::convert::Infallible;

/// The cookie that remembers the language; it says nothing else about anybody.
pub const LANGUAGE_COOKIE: &str = "chuky_language";

/// A year in seconds: as long as the choice is remembered.
const REMEMBERED_SECONDS: u32 = 31_536_000;

/// The language of a request's pages. An extractor that never refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageLanguage(pub Language);

impl PageLanguage {
    /// The language that a request's head asks for.
    pub fn of(parts: &Parts) -> Self {
        let from_cookie = || CookieJar::from_headers(&parts.headers).get(LANGUAGE_COOKIE)?.value().parse().ok();
        Self(asked_in_query(parts.uri.query()).or_else(from_cookie).unwrap_or_default())
    }

    /// A frame in this language for the page at that path.
    pub fn frame(self, path: &str) -> Frame {
        Frame::new(self.0, path)
    }
}

/// `/booth` of `/booth/requests/1/withdraw`.
fn section(path: &str) -> &str {
    let end = path.char_indices().skip(1).find(|(_, letter)| *letter == '/').map_or(path.len(), |(at, _)| at);
    path.get(..end).unwrap_or("/")
}

fn asked_in_query(query: Option<&str>) -> Option<Language> {
    query?.split('&').find_map(|pair| pair.strip_prefix("lang=")?.parse().ok())
}

impl<S: Send + Sync> FromRequestParts<S> for PageLanguage {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

/// A frame for nobody in particular: language and path of the request. An extractor that never refuses; handlers behind a
/// log-in add account and form token.
impl<S: Send + Sync> FromRequestParts<S> for Frame {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let path = parts.uri.path();
        // The language switch asks for a page again: what answers a form is left by the first page of its section.
        let page = if parts.method.is_safe() { path } else { section(path) };
        Ok(PageLanguage::of(parts).frame(page))
    }
}

/// Middleware: remembers the language that `?lang=` asked for.
pub async fn remember(request: Request, next: Next) -> Response {
    let asked = asked_in_query(request.uri().query());
    let mut response = next.run(request).await;
    if let Some(language) = asked {
        let cookie = format!(
            "{LANGUAGE_COOKIE}={}; Path=/; Max-Age={REMEMBERED_SECONDS}; SameSite=Lax; HttpOnly",
            language.code()
        );
        if let Ok(value) = HeaderValue::from_str(&cookie) {
            response.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn language_of(uri: &str, cookie: &str) -> Language {
        let request = Request::builder().uri(uri).header(header::COOKIE, cookie).body(()).unwrap();
        PageLanguage::of(&request.into_parts().0).0
    }

    #[test]
    fn a_form_belongs_to_its_section() {
        assert_eq!(["/booth/requests/1/withdraw", "/verify", "/", ""].map(section), ["/booth", "/verify", "/", ""]);
    }

    #[test]
    fn query_before_cookie_before_vietnamese() {
        assert_eq!(language_of("/", ""), Language::Vi);
        assert_eq!(language_of("/", "a=b; chuky_language=en"), Language::En);
        assert_eq!(language_of("/?x=1&lang=vi", "chuky_language=en"), Language::Vi);
        assert_eq!(language_of("/?lang=fr", "chuky_language=en"), Language::En);
    }
}
