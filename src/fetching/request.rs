//! One request: the name is looked up once, every address that it has is checked, and the connection goes to an address that was checked. No
//! proxy, no redirect, no connection used twice.

use super::address::{is_private, is_public};
use std::{
    fmt,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, mpsc},
    time::Duration,
};
use ureq::{
    Agent,
    config::Config,
    http::Uri,
    tls::TlsConfig,
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{DefaultConnector, NextTimeout},
    },
};
use zeroize::Zeroizing;

/// Looks a host's addresses up.
pub type Lookup = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// Which addresses may be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Those of the public internet.
    Public,
    /// Those, and private networks.
    Private,
    /// This machine's own: for development alone.
    Loopback,
    /// Any, this machine's own among them: for tests alone.
    DangerAnyAddress,
}

impl Reach {
    fn admits(self, address: IpAddr) -> bool {
        match self {
            Self::Public => is_public(address),
            Self::Private => is_public(address) || is_private(address),
            Self::Loopback => address.is_loopback(),
            Self::DangerAnyAddress => true,
        }
    }
}

/// By the system's resolver.
pub(super) fn system_lookup() -> Lookup {
    Arc::new(|host, port| Ok((host, port).to_socket_addrs()?.collect()))
}

/// What asks; cheap to clone.
#[derive(Clone)]
pub(super) struct Client(Agent);

impl Client {
    pub(super) fn new(lookup: Lookup, reach: Reach, patience: Duration) -> Self {
        Self::with_tls(lookup, reach, patience, TlsConfig::default())
    }

    /// The same with what is to be known of TLS.
    pub(super) fn with_tls(lookup: Lookup, reach: Reach, patience: Duration, tls: TlsConfig) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // None, whatever the environment says: a proxy would connect where it likes.
            .proxy(None)
            .max_idle_connections(0)
            .max_response_header_size(LONGEST_HEAD)
            .user_agent("chuky")
            .tls_config(tls)
            .timeout_global(Some(patience))
            .build();
        Self(Agent::with_parts(config, DefaultConnector::default(), Checked { lookup, reach, patience }))
    }

    /// GET, or POST with an OCSP request (RFC 6960 appendix A). The body of a 200, within the bound.
    pub(super) fn ask(&self, uri: &Uri, request: Option<&[u8]>, left: Duration) -> Result<Vec<u8>, String> {
        let failed = |error: ureq::Error| error.to_string();
        let answer = match request {
            None => self.0.get(uri.clone()).config().timeout_global(Some(left)).build().call(),
            Some(request) => {
                let post = self.0.post(uri.clone()).content_type("application/ocsp-request");
                post.config().timeout_global(Some(left)).build().send(request)
            }
        };
        let mut answer = answer.map_err(failed)?;
        match answer.status().as_u16() {
            200 => answer.body_mut().with_config().limit(LARGEST).read_to_vec().map_err(failed),
            status @ 300..=399 => Err(format!("it answers {status}, and redirects are not followed")),
            status => Err(format!("it answers {status}")),
        }
    }
}

impl Client {
    /// POST of something that whoever is told acknowledges by a status; what else the answer says is not read.
    pub(super) fn post(&self, uri: &Uri, post: &Post, left: Duration) -> Result<Answered, String> {
        let mut asked = self.0.post(uri.clone()).content_type(post.kind);
        for (name, value) in &post.headers {
            asked = asked.header(*name, value.as_str());
        }
        let asked = asked.config().timeout_global(Some(left)).build();
        let answer = asked.send(post.body.as_bytes()).map_err(|error| error.to_string())?;
        let wait = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
        Ok(Answered { status: answer.status().as_u16(), retry_after: wait })
    }
}

/// What is posted.
pub struct Post {
    pub kind: &'static str,
    pub headers: Vec<(&'static str, Zeroizing<String>)>,
    pub body: Zeroizing<String>,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    pub status: u16,
    /// Seconds after which whoever was asked wants to be asked again (RFC 9110 §10.2.3), where the answer names them.
    pub retry_after: Option<i64>,
}

impl Answered {
    /// Passes where it was taken.
    pub fn taken(self) -> Result<(), String> {
        match self.status {
            200..=299 => Ok(()),
            status @ 300..=399 => Err(format!("it answers {status}, and redirects are not followed")),
            status => Err(format!("it answers {status}")),
        }
    }
}

/// Resolves a name to addresses that all may be connected to.
struct Checked {
    lookup: Lookup,
    reach: Reach,
    patience: Duration,
}

impl fmt::Debug for Checked {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Checked({:?})", self.reach)
    }
}

impl Resolver for Checked {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let authority = uri.authority().ok_or(ureq::Error::HostNotFound)?;
        let port = authority.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
        // An IPv6 address stands in brackets.
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        // The system's resolver waits as long as it likes; nobody else does.
        let (answer, waiting) = mpsc::channel();
        let lookup = Arc::clone(&self.lookup);
        std::thread::Builder::new().spawn(move || drop(answer.send(lookup(&host, port))))?;
        let late = |_| ureq::Error::Io(ErrorKind::TimedOut.into());
        let found = waiting.recv_timeout(self.patience).map_err(late)??;
        // One address that is not public among them is enough: a name that points inside is not to be trusted with the rest.
        if found.iter().any(|found| !self.reach.admits(found.ip())) {
            return Err(ureq::Error::Other(Box::new(io::Error::other(
                "its name leads to an address that may not be connected to",
            ))));
        }
        let mut addresses = self.empty();
        found.into_iter().take(MOST_ADDRESSES).for_each(|found| addresses.push(found));
        if addresses.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(addresses) }
    }
}

/// Bytes of one answer: the largest lists of nations have some tens of MiB; those of document signers stay below this.
const LARGEST: u64 = 8 << 20;
/// Bytes of an answer's head.
const LONGEST_HEAD: usize = 16 << 10;
/// Addresses of one host that are tried.
const MOST_ADDRESSES: usize = 4;
