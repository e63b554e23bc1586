//! `/sign/own`: a PDF signed with a token at the reader's computer. The page's script speaks with the service and with the bridge on this machine
//! (`chuky bridge`), and with nobody else: its policy names the bridge's address beside the service's.

use super::{Frame, rendered, texts};
use crate::http::bridge;
use askama::Template;

/// The page.
#[derive(Clone, Template)]
#[template(path = "sign_own.html")]
pub struct OwnPage {
    pub frame: Frame,
    /// The origin that the bridge is told.
    pub site: String,
    /// Where the bridge listens on 127.0.0.1.
    pub port: u16,
    /// Largest file taken, in bytes.
    pub largest_bytes: u64,
    /// Whether the reader is an official: their look is offered for a certificate that is theirs.
    pub official: bool,
}

impl OwnPage {
    /// The page as HTML.
    pub fn html(&self) -> String {
        rendered(self)
    }

    fn bridge(&self) -> String {
        address(self.port)
    }

    /// What is typed on a terminal.
    fn command(&self) -> String {
        let port = if self.port == bridge::PORT { String::new() } else { format!(" --port {}", self.port) };
        format!("chuky bridge --module /usr/lib/libvgca_pkcs11.so --site {}{port}", self.site)
    }

    fn hint(&self) -> String {
        self.frame.fill("sign-file-hint", &[("megabytes", &texts::grouped(self.largest_bytes / 1_000_000))])
    }
}

/// What this page may load and do: as every page, and ask the bridge at its one address.
pub fn content_security_policy(port: u16) -> String {
    super::CONTENT_SECURITY_POLICY.replace("connect-src 'self'", &format!("connect-src 'self' {}", address(port)))
}

/// RFC 8252 §8.3: the address itself, not `localhost`, which may lead elsewhere.
pub(super) fn address(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

#[cfg(test)]
mod tests {
    use super::content_security_policy;

    /// CSP 3 §6.1.2: one address more than other pages, and nothing else loosened.
    #[test]
    fn the_page_asks_its_own_site_and_one_bridge() {
        let policy = content_security_policy(17_345);
        let connect: Vec<_> = policy.split("; ").filter(|part| part.starts_with("connect-src")).collect();
        assert_eq!(connect, ["connect-src 'self' http://127.0.0.1:17345"]);
        assert_eq!(policy.replace(" http://127.0.0.1:17345", ""), super::super::CONTENT_SECURITY_POLICY);
    }
}
