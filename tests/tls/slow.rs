//! Clients that take their time, come in crowds, or open streams only to reset them; and a service that stops while somebody is served.

use super::{Authority, by_tls, curl, port, streams::frame};
use crate::harness::app::TestApp;
use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const SLOW: Duration = Duration::from_secs(2);

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Sends an octet each half second until the other side has had enough; how long that took, and what it said.
fn dribble(mut stream: TcpStream, first: &[u8], each: &[u8]) -> (Duration, String) {
    let began = Instant::now();
    let _ = stream.write_all(first);
    let mut reading = stream.try_clone().unwrap();
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        let _ = reading.read_to_end(&mut said);
        (Instant::now(), said)
    });
    while !reader.is_finished() && began.elapsed() < Duration::from_secs(60) {
        if !each.is_empty() && stream.write_all(each).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    let (ended, said) = reader.join().unwrap();
    (ended.duration_since(began), String::from_utf8_lossy(&said).into_owned())
}

fn slow_settings(settings: &mut chuky::config::Settings) {
    settings.connections.slow = SLOW;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_clients_are_let_go_and_hold_up_nobody() {
    let test = TestApp::with(slow_settings).await;
    let address: SocketAddr = test.url.trim_start_matches("http://").parse().unwrap();
    let long = "content-length: 1000\r\ncontent-type: application/json\r\n\r\n{";
    let body = format!("POST /api/v1/session HTTP/1.1\r\nhost: x\r\n{long}");
    let attacks: [(&str, Vec<u8>, &[u8]); 4] = [
        ("says nothing", Vec::new(), b""),
        ("never ends its header", b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-a: ".to_vec(), b"a"),
        ("sends half a body", body.into_bytes(), b""),
        ("keeps its connection", b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), b""),
    ];
    let crowd: Vec<_> = attacks
        .into_iter()
        .flat_map(|attack| std::iter::repeat_n(attack, 25))
        .map(|(name, first, each)| (name, std::thread::spawn(move || dribble(connect(address), &first, each))))
        .collect();
    // Whoever is at work is served meanwhile.
    let began = Instant::now();
    while began.elapsed() < SLOW {
        assert_eq!(test.get("/readyz", "").await.0, 200);
    }
    for (name, attacker) in crowd {
        let (took, said) = attacker.join().unwrap();
        assert!(took < SLOW * 25, "{name}: {took:?} {said}");
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 "), "{name}: {said}");
    }
    let began = Instant::now();
    while test.app.connections.count() > 0 {
        assert!(began.elapsed() < Duration::from_secs(90), "{} stay", test.app.connections.count());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Writes a whole upload before it reads; what it is told.
fn upload(address: SocketAddr, path: &str, octets: usize) -> String {
    let mut stream = connect(address);
    let header = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {octets}\r\n");
    stream.write_all(format!("{header}content-type: application/pdf\r\n\r\n").as_bytes()).unwrap();
    let piece = [b'x'; 1 << 16];
    let mut left = octets;
    while left > 0 {
        let written = stream.write(&piece[..left.min(piece.len())]).expect("the connection is open until all is sent");
        left -= written;
    }
    let mut said = String::new();
    stream.read_to_string(&mut said).unwrap();
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upload_is_told_why() {
    let test = TestApp::with(|settings| settings.largest_upload = 1 << 20).await;
    let address: SocketAddr = test.url.trim_start_matches("http://").parse().unwrap();
    // More than sockets hold: refused before its body is read, while it is read, and where there is no such page.
    for (path, status) in [("/api/v1/documents", 401), ("/api/v1/documents/verify", 413), ("/no/such/page", 404)] {
        let said = tokio::task::spawn_blocking(move || upload(address, path, 32 << 20)).await.unwrap();
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {said}");
    }
    // Who asks first is refused before it sends anything, and is not waited for.
    let asked = tokio::task::spawn_blocking(move || {
        let mut stream = connect(address);
        let header = "POST /api/v1/documents HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n";
        stream.write_all(format!("{header}expect: 100-continue\r\n\r\n").as_bytes()).unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    });
    let said = asked.await.unwrap();
    assert!(said.starts_with("HTTP/1.1 401 "), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_handshakes_are_let_go() {
    let authority = Authority::new("Servers");
    let test = TestApp::with(|settings| {
        by_tls(settings, &authority);
        slow_settings(settings);
    })
    .await;
    let address: SocketAddr = format!("127.0.0.1:{}", port(&test)).parse().unwrap();
    // A record of 512 octets that comes one by one, and one that is no TLS.
    for (first, each) in [(&[0x16, 3, 1, 2, 0][..], &[0x01][..]), (&[], &[]), (b"GET / HTTP/1.1\r\n\r\n", &[])] {
        let (took, said) = tokio::task::spawn_blocking(move || dribble(connect(address), first, each)).await.unwrap();
        assert!(took < SLOW * 25, "{took:?}");
        assert!(!said.starts_with("HTTP"), "nothing is served in clear there: {said}");
    }
    assert!(curl(&test, &authority, "/healthz", &[]).await.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_one_address_finds_no_more_places() {
    let test = TestApp::with(|settings| settings.connections.most_per_address = 8).await;
    let address: SocketAddr = test.url.trim_start_matches("http://").parse().unwrap();
    let held: Vec<TcpStream> = (0..8).map(|_| connect(address)).collect();
    let began = Instant::now();
    while test.app.connections.count() < 8 {
        assert!(began.elapsed() < Duration::from_secs(90));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut ninth = connect(address);
    let _ = ninth.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
    let mut said = Vec::new();
    match ninth.read_to_end(&mut said) {
        Ok(_) => assert!(said.is_empty()),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert!(test.app.connections.refused() >= 1);
    drop(held);
    let began = Instant::now();
    while test.app.connections.count() > 0 {
        assert!(began.elapsed() < Duration::from_secs(90));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (_, figures) = test.raw("GET", "/metrics", "", "", Vec::new()).await;
    let figures = String::from_utf8(figures).unwrap();
    assert!(
        figures.contains("\nchuky_connections_refused ") && figures.contains("\nchuky_connections 1\n"),
        "{figures}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rapid_reset_ends_the_connection() {
    let authority = Authority::new("Servers");
    let test = TestApp::with(|settings| by_tls(settings, &authority)).await;
    let at = format!("127.0.0.1:{}", port(&test));
    // `:method: GET`, `:scheme: https`, `:path: /`, `:authority: localhost` (RFC 7541, appendix A).
    let request = [&[0x82, 0x87, 0x84, 0x41, 9][..], b"localhost"].concat();
    let mut octets = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    octets.extend(frame(4, 0, 0, &[]));
    for number in 0..2_000_u32 {
        let stream = 2 * number + 1;
        octets.extend(frame(1, 5, stream, &request));
        octets.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let (said, held) = tokio::task::spawn_blocking(move || {
        let mut client = Command::new("openssl")
            .args(["s_client", "-quiet", "-alpn", "h2", "-connect", &at])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = client.stdin.take().unwrap();
        let writer = std::thread::spawn(move || {
            let _ = input.write_all(&octets);
            // Held open: it is the service that ends it.
            std::thread::sleep(Duration::from_secs(20));
        });
        let mut said = Vec::new();
        let _ = client.stdout.take().unwrap().read_to_end(&mut said);
        let _ = client.kill();
        let _ = client.wait();
        (said, !writer.is_finished())
    })
    .await
    .unwrap();
    assert!(held, "the service ends it");
    // Its last words are GOAWAY (7) with ENHANCE_YOUR_CALM (11), RFC 9113 §6.8 and §7; where requests lie unread by then, a reset may take
    // them from the client.
    let mut rest = said.as_slice();
    let mut reasons = Vec::new();
    while rest.len() >= 9 {
        let length = (usize::from(rest[0]) << 16) | (usize::from(rest[1]) << 8) | usize::from(rest[2]);
        if rest[3] == 7 && rest.len() >= 17 {
            reasons.push(rest[16]);
        }
        rest = rest.get(9 + length..).unwrap_or_default();
    }
    assert!(reasons.last().is_none_or(|reason| *reason == 11), "{reasons:?}");
    assert!(curl(&test, &authority, "/healthz", &["--http2"]).await.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_finished_before_the_service_ends() {
    let authority = Authority::new("Servers");
    let test = TestApp::with(|settings| by_tls(settings, &authority)).await;
    let file = test.directory.path().join("large.pdf");
    std::fs::write(&file, vec![b'%'; 2 << 20]).unwrap();
    // Two megabytes at a quarter of one a second, while the service is told to stop.
    let to = format!("localhost:{}:127.0.0.1:{}", port(&test), port(&test));
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--include", "--max-time", "60", "--limit-rate", "256k"]);
    command.args(["--connect-to", &to, "--cacert"]).arg(authority.file());
    command.args(["--header", "Content-Type: application/pdf", "--data-binary", &format!("@{}", file.display())]);
    command.arg(format!("https://localhost:{}/api/v1/documents/verify", port(&test)));
    let idle = connect(format!("127.0.0.1:{}", port(&test)).parse().unwrap());
    let upload = tokio::task::spawn_blocking(move || command.output().unwrap());
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(!upload.is_finished());
    let began = Instant::now();
    let app = test.app.clone();
    drop(idle);
    test.stop().await;
    assert!(began.elapsed() > Duration::from_millis(500), "it waited for the upload: {:?}", began.elapsed());
    assert_eq!(app.connections.count(), 0);
    let output = upload.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("HTTP/2 "), "{said} {}", String::from_utf8_lossy(&output.stderr));
}
