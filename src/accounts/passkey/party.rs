//! Who asks for passkeys: the relying party's identifier and its one origin, both from `server.public_url`. Browsers give passkeys to host
//! names over TLS only, and to `localhost`.

use crate::{
    app::App,
    error::{RequestError, Result},
};
use std::net::IpAddr;

/// The relying party (WebAuthn Level 3 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// The host name.
    pub id: String,
    /// Scheme, host and port, as a browser writes them.
    pub origin: String,
}

impl RelyingParty {
    /// That of this service, where its address is one that browsers give passkeys to.
    pub fn of(app: &App) -> Result<Self> {
        Ok(Self::at(&app.settings.public_url).ok_or_else(unavailable)?)
    }

    /// That of a service at this address; `None` where there are no passkeys.
    pub fn at(public_url: &str) -> Option<Self> {
        let (scheme, rest) = public_url.split_once("://")?;
        let (scheme, authority) = (scheme.to_lowercase(), rest.split('/').next()?.to_lowercase());
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => (host, Some(port)),
            _ => (authority.as_str(), None),
        };
        let local = host == "localhost" || host.ends_with(".localhost");
        let is_name = !host.is_empty()
            && host.parse::<IpAddr>().is_err()
            && host.bytes().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'-'));
        if !is_name || !(scheme == "https" || (scheme == "http" && local)) {
            return None;
        }
        let usual = if scheme == "https" { "443" } else { "80" };
        let port = port.filter(|port| !port.is_empty() && *port != usual);
        let origin = port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}"));
        Some(Self { id: host.to_owned(), origin })
    }
}

fn unavailable() -> RequestError {
    RequestError::conflict(
        "passkeys_unavailable",
        "Địa chỉ của dịch vụ (server.public_url) không dùng được khóa truy cập: cần https và tên miền. Hãy báo quản trị viên.",
        "The service's address (server.public_url) is not one for passkeys, which need https and a host name. Tell the administrator.",
    )
}

#[cfg(test)]
mod tests {
    use super::RelyingParty;

    #[test]
    fn only_names_over_tls_and_localhost_have_passkeys() {
        let of = |url| RelyingParty::at(url).map(|party| (party.id, party.origin));
        let pair = |id: &str, origin: &str| Some((id.to_owned(), origin.to_owned()));
        assert_eq!(of("https://Chuky.Hanoi.example/so"), pair("chuky.hanoi.example", "https://chuky.hanoi.example"));
        assert_eq!(of("https://chuky.example:443"), pair("chuky.example", "https://chuky.example"));
        assert_eq!(of("https://chuky.example:8443"), pair("chuky.example", "https://chuky.example:8443"));
        assert_eq!(of("http://localhost:8080"), pair("localhost", "http://localhost:8080"));
        for url in ["http://chuky.example", "https://10.0.0.1", "http://127.0.0.1:8080", "https://[::1]:1", "https://"]
        {
            assert_eq!(of(url), None, "{url}");
        }
    }
}
