//! Who looks at a page and in which language, and what they post. A form of somebody who is logged in carries a token that only
//! their own session knows (beside the check of the request's origin); a form that cannot be read is the caller's error.

use crate::{
    accounts::Principal,
    app::App,
    error::{Error, RequestError, RequestErrorKind, Result},
    http::{Caller, pages::Frame},
};
use axum::{
    extract::{Form, FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use serde::{Deserialize, de::DeserializeOwned};
use subtle::ConstantTimeEq;

/// A look at a page: its frame, filled for whoever is logged in.
pub struct Visit {
    pub frame: Frame,
    /// `None` on public pages without a log-in.
    pub principal: Option<Principal>,
}

/// The token of a form that has nothing else.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct TokenForm {
    pub csrf: String,
}

impl Visit {
    /// The frame filled for that principal.
    pub fn of(app: &App, frame: Frame, principal: Option<Principal>) -> Self {
        let frame = match &principal {
            Some(principal) => {
                let token = app.vault.lookup("form_token", &principal.client);
                frame.with_visitor(&principal.display_name).with_csrf(hex::encode(token))
            }
            None => frame,
        };
        Self { frame, principal }
    }

    /// The principal, where the route demands one.
    pub fn required(&self) -> Result<&Principal> {
        Ok(self.principal.as_ref().ok_or_else(RequestError::unauthenticated)?)
    }

    /// The principal of a form that carries that token. Programs with an API key need none: no browser sends their key unasked.
    pub fn posting(&self, token: &str) -> Result<&Principal> {
        let principal = self.required()?;
        if principal.client.starts_with("session:") && !bool::from(token.as_bytes().ct_eq(self.frame.csrf.as_bytes())) {
            return Err(stale_form().into());
        }
        Ok(principal)
    }
}

impl FromRequestParts<App> for Visit {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Ok(frame) = Frame::from_request_parts(parts, app).await;
        let Caller(principal) = Caller::from_request_parts(parts, app).await?;
        Ok(Self::of(app, frame, principal))
    }
}

/// A posted form, `application/x-www-form-urlencoded`.
pub struct PageForm<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for PageForm<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self> {
        let form = Form::<T>::from_request(request, state).await.map_err(|_| {
            RequestError::new(
                RequestErrorKind::Invalid,
                "form_invalid",
                "Trình duyệt gửi biểu mẫu không đầy đủ. Hãy quay lại trang trước và thử lại.",
                "The browser sent an incomplete form. Go back to the page before and try again.",
            )
        })?;
        Ok(Self(form.0))
    }
}

/// The page was open longer than the session it came from.
fn stale_form() -> RequestError {
    RequestError::conflict(
        "form_stale",
        "Trang này đã mở từ một phiên trước. Hãy mở lại trang, kiểm tra nội dung và gửi lại.",
        "This page was opened in an earlier session. Open it again, check what it says, and send it once more.",
    )
}
