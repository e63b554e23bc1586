//! A small mail server (RFC 5321) for tests: it greylists, refuses, is busy, slow or hangs up as it is told, one act a connection, and keeps what it
//! was given. In clear, with TLS at once, or after STARTTLS.

use openssl::{
    base64,
    ssl::{SslAcceptor, SslMethod},
};
use rcgen::{CertificateParams, KeyPair};
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// What it does with one connection.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Take,
    /// 421 in the place of a greeting.
    Busy,
    /// 450 for the recipient.
    Greylist,
    /// 550 for the recipient.
    Refuse,
    /// 554 for the text.
    RefuseText,
    WrongPassword,
    /// It has the text, and says nothing.
    HangUpAfterData,
    /// It takes the text, says so, and is gone.
    TakeAndHangUp,
    TakeSlowly(Duration),
}

/// How one talks to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Plain,
    Tls,
    Starttls,
}

/// What it was given, whatever it answered.
#[derive(Clone, Debug)]
pub struct Letter {
    pub to: Vec<String>,
    /// With CRLF and without the dots of the transport.
    pub raw: String,
}

#[derive(Default)]
struct Kept {
    letters: Mutex<Vec<Letter>>,
    log_ins: Mutex<Vec<String>>,
    acts: Mutex<VecDeque<Act>>,
    connections: AtomicUsize,
    encrypted: AtomicBool,
}

pub struct Server {
    pub port: u16,
    pub way: Way,
    /// The certificate by which it is known.
    pub roots: Option<PathBuf>,
    kept: Arc<Kept>,
    _directory: tempfile::TempDir,
}

trait Both: Read + Write + Send {}
impl<T: Read + Write + Send> Both for T {}

impl Server {
    /// Its acts, one a connection; the last one stays.
    pub fn start(way: Way, acts: &[Act]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let kept = Arc::new(Kept::default());
        let (roots, acceptor) = match way {
            Way::Plain => (None, None),
            Way::Tls | Way::Starttls => {
                let key = KeyPair::generate().unwrap();
                let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
                let certificate = params.self_signed(&key).unwrap();
                let (pem, key_pem) = (directory.path().join("mail.pem"), directory.path().join("mail.key"));
                std::fs::write(&pem, certificate.pem()).unwrap();
                std::fs::write(&key_pem, key.serialize_pem()).unwrap();
                let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls()).unwrap();
                acceptor.set_private_key_file(&key_pem, openssl::ssl::SslFiletype::PEM).unwrap();
                acceptor.set_certificate_chain_file(&pem).unwrap();
                (Some(pem), Some(acceptor.build()))
            }
        };
        let server = Self { port, way, roots, kept, _directory: directory };
        server.answers(acts);
        let kept = server.kept.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (kept, acceptor) = (kept.clone(), acceptor.clone());
                std::thread::spawn(move || drop(serve(stream.unwrap(), &kept, way, acceptor.as_ref())));
            }
        });
        server
    }

    pub fn answers(&self, acts: &[Act]) {
        *self.kept.acts.lock().unwrap() = acts.iter().copied().collect();
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.kept.letters.lock().unwrap().clone()
    }

    /// What was said to log in, as PLAIN says it.
    pub fn log_ins(&self) -> Vec<String> {
        self.kept.log_ins.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.kept.connections.load(Ordering::SeqCst)
    }

    /// Whether the last log-in came through TLS.
    pub fn was_encrypted(&self) -> bool {
        self.kept.encrypted.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, kept: &Kept, way: Way, acceptor: Option<&SslAcceptor>) -> std::io::Result<()> {
    kept.connections.fetch_add(1, Ordering::SeqCst);
    let act = {
        let mut acts = kept.acts.lock().unwrap();
        if acts.len() > 1 { acts.pop_front().unwrap() } else { acts[0] }
    };
    if way == Way::Plain && matches!(act, Act::Busy) {
        return (&stream).write_all(b"421 4.3.2 try later\r\n");
    }
    let wrapped = |stream: TcpStream| acceptor.unwrap().accept(stream).map_err(std::io::Error::other);
    if way == Way::Tls {
        let mut stream = wrapped(stream)?;
        stream.write_all(GREETING)?;
        return talk(BufReader::new(Box::new(stream)), kept, act, (true, false)).map(drop);
    }
    let under = stream.try_clone()?;
    (&stream).write_all(GREETING)?;
    if talk(BufReader::new(Box::new(stream)), kept, act, (false, way == Way::Starttls))? {
        talk(BufReader::new(Box::new(wrapped(under)?)), kept, act, (true, false))?;
    }
    Ok(())
}

/// Answers until the end of the connection; whether TLS is to follow.
fn talk(
    mut reader: BufReader<Box<dyn Both>>,
    kept: &Kept,
    act: Act,
    (encrypted, offers_tls): (bool, bool),
) -> std::io::Result<bool> {
    let mut to = Vec::new();
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(false);
        }
        let command = line.trim_end().to_owned();
        let answer = match command.split(' ').next().unwrap_or_default() {
            "EHLO" if offers_tls => "250-thu.example.vn\r\n250 STARTTLS",
            "EHLO" => "250-thu.example.vn\r\n250 AUTH PLAIN LOGIN",
            "AUTH" => {
                let said = base64::decode_block(command.rsplit(' ').next().unwrap()).unwrap();
                kept.log_ins.lock().unwrap().push(String::from_utf8(said).unwrap());
                kept.encrypted.store(encrypted, Ordering::SeqCst);
                if matches!(act, Act::WrongPassword) { "535 5.7.8 no" } else { "235 2.7.0 ok" }
            }
            "MAIL" => "250 ok",
            "RCPT" => {
                to.push(command.split(['<', '>']).nth(1).unwrap_or_default().to_owned());
                match act {
                    Act::Greylist => "450 4.7.1 greylisted",
                    Act::Refuse => "550 5.1.1 nobody",
                    _ => "250 ok",
                }
            }
            "DATA" => {
                reader.get_mut().write_all(b"354 go on\r\n")?;
                let raw = data(&mut reader)?;
                if !matches!(act, Act::RefuseText) {
                    kept.letters.lock().unwrap().push(Letter { to: std::mem::take(&mut to), raw });
                }
                match act {
                    Act::RefuseText => "554 5.7.1 no",
                    Act::HangUpAfterData => return Ok(false),
                    Act::TakeAndHangUp => {
                        reader.get_mut().write_all(b"250 2.0.0 taken\r\n")?;
                        return Ok(false);
                    }
                    Act::TakeSlowly(pause) => {
                        std::thread::sleep(pause);
                        "250 2.0.0 taken"
                    }
                    _ => "250 2.0.0 taken",
                }
            }
            "STARTTLS" if offers_tls => {
                reader.get_mut().write_all(b"220 go on\r\n")?;
                return Ok(true);
            }
            "QUIT" => "221 bye",
            _ => "502 5.5.1 unknown",
        };
        reader.get_mut().write_all(format!("{answer}\r\n").as_bytes())?;
        if command == "QUIT" {
            return Ok(false);
        }
    }
}

/// The text up to the line with a dot alone (RFC 5321 §4.5.2).
fn data(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

impl Letter {
    /// A header of one line, as it stands there; a folded one as one line.
    pub fn header(&self, name: &str) -> String {
        let head = self.raw.split("\r\n\r\n").next().unwrap().replace("\r\n ", " ");
        let start = format!("{name}: ");
        let mut found = head.lines().filter_map(|line| line.strip_prefix(&start));
        let value = found.next().unwrap_or_default().to_owned();
        assert_eq!(found.next(), None, "{name} twice: {head}");
        value
    }

    /// The subject, decoded (RFC 2047).
    pub fn subject(&self) -> String {
        let mut octets = Vec::new();
        for word in self.header("Subject").split(' ') {
            let inner = word.strip_prefix("=?utf-8?b?").and_then(|rest| rest.strip_suffix("?="));
            octets.extend(base64::decode_block(inner.unwrap_or_else(|| panic!("{word}"))).unwrap());
        }
        String::from_utf8(octets).unwrap()
    }

    /// The text, decoded (RFC 2045).
    pub fn text(&self) -> String {
        let body = self.raw.split_once("\r\n\r\n").unwrap().1;
        let octets = match self.header("Content-Transfer-Encoding").as_str() {
            "base64" => base64::decode_block(&body.replace("\r\n", "")).unwrap(),
            "quoted-printable" => quoted_printable(body),
            _ => body.as_bytes().to_vec(),
        };
        String::from_utf8(octets).unwrap().trim_end_matches("\r\n").to_owned()
    }
}

fn quoted_printable(body: &str) -> Vec<u8> {
    let body = body.replace("=\r\n", "");
    let mut octets = Vec::new();
    let mut rest = body.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = (*first == b'=').then(|| after.get(..2)).flatten();
        match code {
            Some(code) => {
                octets.push(u8::from_str_radix(std::str::from_utf8(code).unwrap(), 16).unwrap());
                rest = &after[2..];
            }
            None => {
                octets.push(*first);
                rest = after;
            }
        }
    }
    octets
}

const GREETING: &[u8] = b"220 thu.example.vn ESMTP\r\n";
