//! `chuky bridge`: lets the pages of one site have documents signed with the token in this machine. The PIN is asked for here and never by a page,
//! and whoever sits here agrees to each document by name and digest.

use super::{
    Common, runtime,
    secret::PinSource,
    sign::{Failure, OpenToken, TokenArguments},
};
use crate::http::bridge::{self, Ask, Asked, Declined, Event};
use chuky_model::text::{Language, turns_direction};
use clap::Args;
use rustix::termios::{QueueSelector, tcflush};
use std::{
    io::{self, BufRead, IsTerminal, Write},
    net::Ipv4Addr,
    process::ExitCode,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};

/// Cầu nối cho trình duyệt / Let one site's pages sign with your token, through 127.0.0.1
///
/// Shows a code to type on the site's page; then asks here, for each document, whether to sign. Ends with Ctrl-C.
#[derive(Debug, Args)]
pub struct Bridge {
    /// The site whose pages may ask, e.g. https://chuky.example: its origin, and no other
    #[arg(long, value_name = "URL")]
    site: String,
    /// Port on 127.0.0.1; 0 takes any that is free. The page is told of another than the usual one (/sign/own?port=PORT)
    #[arg(long, value_name = "PORT", default_value_t = bridge::PORT)]
    port: u16,
    #[command(flatten)]
    pin: PinSource,
    #[command(flatten)]
    token: TokenArguments,
}

impl Bridge {
    /// Runs until it is ended, or until too many wrong codes were typed.
    pub fn run(self, common: &Common) -> ExitCode {
        match self.work(common) {
            Ok(code) => ExitCode::from(code),
            Err(failure) => {
                eprintln!("chuky bridge: {}", failure.said);
                ExitCode::from(failure.code)
            }
        }
    }

    fn work(&self, common: &Common) -> Result<u8, Failure> {
        let language = common.language;
        let site = origin(&self.site).ok_or_else(|| Failure::stop(site_wanted(language), 2))?;
        if self.token.module().is_none() {
            return Err(Failure::stop(module_wanted(language), 2));
        }
        // The port before the PIN: a PIN that is typed in vain is one too many.
        let runtime = runtime().map_err(|error| Failure::stop(error, 2))?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)));
        let listener = listener.map_err(|error| Failure::stop(format!("127.0.0.1:{}: {error}", self.port), 2))?;
        let mut token = OpenToken::open(&self.token, &self.pin, language)?;
        let (events, happens) = mpsc::channel(bridge::MOST_EVENTS);
        let (end, ended) = oneshot::channel();
        let address = listener.local_addr().map_err(|error| Failure::stop(error, 2))?;
        let door = {
            let _inside = runtime.enter();
            bridge::open(&site, token.chosen(), listener, events, ended)
        };
        let (code, serving) = door.map_err(|error| Failure::stop(error, 2))?;
        let serving = runtime.spawn(serving);
        println!("http://{address}  ⇄  {site}");
        let port = if address.port() == bridge::PORT { String::new() } else { format!("?port={}", address.port()) };
        println!("{site}/sign/own{port}");
        println!("{}", token.holder());
        shown_code(&code, language);
        let done = converse(happens, &mut token, language);
        drop(end);
        // What the page is told last goes out before the process ends; nobody waits longer than that.
        let _ = runtime.block_on(async { tokio::time::timeout(LAST_ANSWER, serving).await });
        done.map(|()| 0)
    }
}

/// One event after another, until something ends it.
fn converse(mut happens: mpsc::Receiver<Event>, token: &mut OpenToken, language: Language) -> Result<(), Failure> {
    while let Some(event) = happens.blocking_recv() {
        match event {
            Event::Paired { next_code } => {
                println!("{}", if language == Language::Vi { "Đã ghép nối." } else { "Paired." });
                shown_code(&next_code, language);
            }
            Event::Closed => {
                let said = match language {
                    Language::Vi => "mã ghép nối bị nhập sai quá nhiều lần, cầu nối đóng lại",
                    Language::En => "too many wrong pairing codes, the bridge closes",
                };
                return Err(Failure::stop(said, 1));
            }
            Event::Ask(ask) => answer(ask, token, language)?,
        }
    }
    Ok(())
}

/// Asks, and signs where the answer is yes. What the token says of a PIN ends the bridge.
fn answer(ask: Ask, token: &mut OpenToken, language: Language) -> Result<(), Failure> {
    let Ask { what, digest, answer } = ask;
    if answer.is_closed() {
        return Ok(());
    }
    shown(&what, &digest, language);
    forget_typed();
    print!("{}", if language == Language::Vi { "Ký? [c/K] " } else { "Sign? [y/N] " });
    let agreed = io::stdout().flush().and_then(|()| {
        let mut line = String::new();
        // Nothing more to read: nobody is there to agree.
        io::Read::take(io::stdin().lock(), LONGEST_ANSWER).read_line(&mut line)?;
        Ok(["c", "có", "y", "yes"].contains(&line.trim().to_lowercase().as_str()))
    });
    if !agreed.unwrap_or(false) || answer.is_closed() {
        println!("{}", if language == Language::Vi { "Không ký." } else { "Not signed." });
        // A page that has gone needs no answer.
        let _ = answer.send(Err(Declined::ByHolder));
        return Ok(());
    }
    match token.sign(&digest, language) {
        Ok(value) => {
            println!("{}", if language == Language::Vi { "Đã ký." } else { "Signed." });
            let _ = answer.send(Ok(value));
            Ok(())
        }
        Err(failure) => {
            let _ = answer.send(Err(Declined::ByToken(failure.said.clone())));
            Err(failure)
        }
    }
}

/// What would be signed, on the terminal.
fn shown(what: &Asked, digest: &[u8], language: Language) {
    let digest = hex::encode(digest);
    match (what, language) {
        (Asked::Document { name, sha256 }, Language::Vi) => {
            println!("\nVăn bản: {}\n  SHA-256 của tệp: {sha256}\n  Giá trị ký:      {digest}", clean(name));
        }
        (Asked::Document { name, sha256 }, Language::En) => {
            println!("\nDocument: {}\n  SHA-256 of the file: {sha256}\n  Digest to sign:      {digest}", clean(name));
        }
        (Asked::Proof(proof), Language::Vi) => println!(
            "\nChứng minh giữ khóa, không phải văn bản:\n  Đăng ký chứng thư của token này cho tài khoản {} tại {}\n  Giá trị ký: {digest}",
            clean(&proof.account),
            clean(&proof.service)
        ),
        (Asked::Proof(proof), Language::En) => println!(
            "\nProof of possession, no document:\n  Registers this token's certificate for the account {} at {}\n  Digest to sign: {digest}",
            clean(&proof.account),
            clean(&proof.service)
        ),
    }
}

/// What was typed before the question is no answer to it.
fn forget_typed() {
    let stdin = io::stdin();
    if stdin.is_terminal()
        && let Err(error) = tcflush(&stdin, QueueSelector::IFlush)
    {
        eprintln!("chuky bridge: {error}");
    }
}

fn shown_code(code: &str, language: Language) {
    match language {
        Language::Vi => println!("Mã ghép nối: {code}"),
        Language::En => println!("Pairing code: {code}"),
    }
}

/// A site's words without what moves a cursor or turns letters around.
fn clean(text: &str) -> String {
    let mut letters = text.chars().filter(|letter| !letter.is_control() && !turns_direction(*letter));
    let mut shown: String = letters.by_ref().take(LONGEST_SHOWN).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Scheme, host and port (RFC 6454 §6.2), in small letters; `http` only of this machine.
pub(super) fn origin(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/').to_ascii_lowercase();
    let (scheme, authority) = text.split_once("://")?;
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let is_here = ["127.0.0.1", "localhost"].contains(&host);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    let is_good = !host.is_empty() && authority.bytes().all(plain);
    // Browsers leave the usual port out.
    let authority = authority.strip_suffix(if scheme == "https" { ":443" } else { ":80" }).unwrap_or(authority);
    (is_good && (scheme == "https" || (scheme == "http" && is_here))).then(|| format!("{scheme}://{authority}"))
}

pub(super) fn site_wanted(language: Language) -> &'static str {
    match language {
        Language::Vi => "--site là địa chỉ https của hệ thống, ví dụ https://chuky.example, không có đường dẫn",
        Language::En => "--site is the https address of the service, e.g. https://chuky.example, without a path",
    }
}

fn module_wanted(language: Language) -> &'static str {
    match language {
        Language::Vi => "hãy đưa thư viện PKCS#11 của token bằng --module",
        Language::En => "name the token's PKCS#11 library with --module",
    }
}

/// Bytes of an answer: longer than a terminal's line, so that no rest of one answers the next question.
const LONGEST_ANSWER: u64 = 8 << 10;
/// What the last answer may take on its way to the page.
const LAST_ANSWER: Duration = Duration::from_secs(2);
/// Letters of a document's name that are shown.
const LONGEST_SHOWN: usize = 200;

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn a_site_is_an_origin() {
        assert_eq!(origin("https://Chuky.example/").as_deref(), Some("https://chuky.example"));
        assert_eq!(origin("https://chuky.example:443").as_deref(), Some("https://chuky.example"));
        assert_eq!(origin("https://chuky.example:8443").as_deref(), Some("https://chuky.example:8443"));
        assert_eq!(origin("http://127.0.0.1:8080").as_deref(), Some("http://127.0.0.1:8080"));
        for bad in ["chuky.example", "http://chuky.example", "https://", "https://a/b", "https://a@b", "null", "*"] {
            assert_eq!(origin(bad), None, "{bad}");
        }
    }
}
