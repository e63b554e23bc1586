//! Where a request comes from, for quotas only: the address of the connection or, where that is a proxy which the settings name, the
//! address that the proxy tells. What a stranger writes into a header is never believed.

use crate::{app::App, config::Network};
use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use std::{
    convert::Infallible,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Once,
};

/// The caller's address as quotas count it: an IPv4 address, or an IPv6 network of 64 bits, which is what one customer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote(String);

impl Remote {
    /// The text under which it is counted.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[Network]) -> Self {
        let Some(peer) = peer.map(|address| address.to_canonical()) else { return Self("unknown".to_owned()) };
        let is_proxy = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
        let mut address = peer;
        if !is_proxy(peer) && headers.contains_key(FORWARDED_FOR) {
            // A proxy that the settings do not name makes all its callers one; said once, for anybody can send the header.
            static SAID: Once = Once::new();
            SAID.call_once(|| tracing::warn!(event = "proxy_not_trusted", %peer, setting = "server.trusted_proxies"));
        }
        if is_proxy(peer) {
            // Each proxy appends whom it heard from: read from the end, the first that is no proxy of ours is the caller.
            let told = headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok());
            let told: Vec<&str> = told.flat_map(|value| value.split(',')).collect();
            for text in told.iter().rev() {
                let Some(next) = read(text.trim()) else { break };
                address = next;
                if !is_proxy(next) {
                    break;
                }
            }
        }
        Self::counted(address)
    }

    fn counted(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self(address.to_string()),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0)))
            }
        }
    }
}

impl FromRequestParts<App> for Remote {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
        Ok(Self::of(peer, &parts.headers, &app.settings.trusted_proxies))
    }
}

/// An address, perhaps with a port, as proxies write it.
fn read(text: &str) -> Option<IpAddr> {
    let address = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    let address = address.or_else(|_| text.trim_matches(['[', ']']).parse());
    address.ok().map(|address| address.to_canonical())
}

const FORWARDED_FOR: &str = "x-forwarded-for";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn remote(peer: &str, told: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in told {
            headers.append(FORWARDED_FOR, value.parse().unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| Network::parse(text).unwrap()).collect();
        Remote::of(Some(peer.parse().unwrap()), &headers, &trusted).0
    }

    #[test]
    fn only_named_proxies_are_believed() {
        assert_eq!(remote("203.0.113.9", &["198.51.100.7"], &[]), "203.0.113.9");
        assert_eq!(remote("203.0.113.9", &["198.51.100.7"], &["10.0.0.0/8"]), "203.0.113.9");
        assert_eq!(remote("10.1.2.3", &["198.51.100.7"], &["10.0.0.0/8"]), "198.51.100.7");
        // What the caller wrote itself stands before what the proxy appended.
        assert_eq!(remote("10.1.2.3", &["1.1.1.1, 198.51.100.7"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(remote("10.1.2.3", &["1.1.1.1", "198.51.100.7, 10.9.9.9"], &["10.0.0.0/8"]), "198.51.100.7");
        assert_eq!(remote("10.1.2.3", &["nonsense"], &["10.0.0.0/8"]), "10.1.2.3");
        assert_eq!(remote("10.1.2.3", &[], &["10.0.0.0/8"]), "10.1.2.3");
        assert_eq!(remote("::1", &["[2001:db8:1:2:3::4]:443"], &["::1"]), "2001:db8:1:2::/64");
        assert_eq!(remote("::ffff:203.0.113.9", &[], &[]), "203.0.113.9");
    }

    #[test]
    fn networks_are_read_strictly() {
        for wrong in ["", "10.0.0.0/33", "10.0.0.0/x", "10.0.0", "::/129", "10.0.0.1/8 "] {
            assert!(Network::parse(wrong).is_none(), "{wrong}");
        }
        let network = Network::parse("2001:db8::/32").unwrap();
        assert!(network.contains("2001:db8:ffff::1".parse().unwrap()));
        assert!(!network.contains("2001:db9::1".parse().unwrap()) && !network.contains("1.2.3.4".parse().unwrap()));
        assert!(Network::parse("0.0.0.0/0").unwrap().contains("9.9.9.9".parse().unwrap()));
    }
}
