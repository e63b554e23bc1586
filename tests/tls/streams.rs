//! HTTP/2 clients that give signs of life and take no answer.

use super::{Authority, by_tls, curl, port};
use crate::harness::app::TestApp;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, pki_types::pem::PemObject};
use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

type Secure = StreamOwned<ClientConnection, TcpStream>;

/// A frame (RFC 9113 §4.1).
pub fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), content].concat()
}

/// Asks for `path` in so many streams whose window is `window` octets.
fn asking(test: &TestApp, authority: &Authority, (path, streams, window): (&str, u32, u32)) -> Secure {
    let mut roots = RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_file(authority.file()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(("127.0.0.1", port(test))).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut secure = StreamOwned::new(connection, stream);
    let mut octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    // SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 §6.5.2).
    octets.extend(frame(4, 0, 0, &[&4_u16.to_be_bytes()[..], &window.to_be_bytes()].concat()));
    // `:method: GET`, `:scheme: https`, `:authority: localhost`, `:path` (RFC 7541, appendix A).
    let mut request = [&[0x82, 0x87, 0x41, 9][..], b"localhost", &[0x44]].concat();
    request.push(u8::try_from(path.len()).unwrap());
    request.extend(path.as_bytes());
    (0..streams).for_each(|number| octets.extend(frame(1, 5, 2 * number + 1, &request)));
    secure.write_all(&octets).unwrap();
    secure
}

/// Answers PING and SETTINGS, takes what fits and opens no window, until the other side ends it; how many answers began.
fn alive(mut secure: Secure) -> usize {
    let mut begun = 0;
    let mut head = [0; 9];
    while secure.read_exact(&mut head).is_ok() {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut content = vec![0; usize::try_from(length).unwrap()];
        if secure.read_exact(&mut content).is_err() {
            break;
        }
        let answer = match (head[3], head[4]) {
            (1, _) => {
                begun += 1;
                continue;
            }
            (6, 0) => frame(6, 1, 0, &content),
            (4, 0) => frame(4, 1, 0, &[]),
            _ => continue,
        };
        if secure.write_all(&answer).is_err() {
            break;
        }
    }
    begun
}

async fn service(authority: &Authority) -> TestApp {
    TestApp::with(|settings| {
        by_tls(settings, authority);
        settings.connections.slow = Duration::from_secs(2);
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_takes_end_their_connection() {
    let authority = Authority::new("Servers");
    let test = service(&authority).await;
    // Nothing is taken; a few octets are, of each; nothing is asked.
    for (streams, window) in [(5, 0), (5, 100), (0, 65_535)] {
        let secure = asking(&test, &authority, ("/api/v1/openapi.json", streams, window));
        let begun = tokio::task::spawn_blocking(move || alive(secure)).await.unwrap();
        assert_eq!(begun, usize::try_from(streams).unwrap(), "ended by the service, with {window}");
    }
    assert!(curl(&test, &authority, "/healthz", &["--http2"]).await.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_does_not_wait_for_who_takes_nothing() {
    let authority = Authority::new("Servers");
    let test = service(&authority).await;
    let secure = asking(&test, &authority, ("/api/v1/openapi.json", 5, 0));
    let client = tokio::task::spawn_blocking(move || alive(secure));
    while test.app.connections.count() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let app = test.app.clone();
    tokio::time::timeout(Duration::from_secs(60), test.stop()).await.expect("it ends");
    assert_eq!(app.connections.count(), 0);
    client.await.unwrap();
}
