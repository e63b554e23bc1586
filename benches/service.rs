//! The whole service in this process, its HSM workers beside it, and a client that does little: prepared requests over
//! connections that stay open. It may write below `target/` only.

use crate::fixtures::target;
use chuky::{
    accounts::{self, NewAccount, Password},
    app::App,
    audit::Actor,
    bootstrap,
    clock::Clock,
    config::Settings,
    http, worker,
};
use chuky_model::{instant::Instant, role::Role};
use std::{
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

#[path = "../tests/harness/database.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::panic)] // the integration tests use the rest
mod database;
#[path = "../tests/harness/payer.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::panic)] // the integration tests use the rest
pub mod payer;

/// The binary whose workers the service runs.
const EXECUTABLE: &str = env!("CARGO_BIN_EXE_chuky");

/// Which database.
#[derive(Clone, Copy)]
pub enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    /// The address of an empty database; SQLite's file lies on the disk that `target/` is on.
    pub fn fresh_database(self, name: &str) -> Result<String, String> {
        match self {
            Self::Sqlite => Ok(format!("sqlite://{}", fresh(&format!("bench-{name}"))?.join("bench.db").display())),
            Self::Postgres => Ok(database::fresh_postgres()),
        }
    }
}

/// Runs SQL on the service's database as another connection.
pub fn sql(url: &str, statement: &str) -> Result<String, String> {
    database::run(url, statement)
}

fn fresh(name: &str) -> Result<std::path::PathBuf, String> {
    let directory = target().join(name);
    for path in [directory.clone(), target().join(format!("{name}.secrets"))] {
        if path.exists() {
            std::fs::remove_dir_all(&path).map_err(|error| error.to_string())?;
        }
    }
    std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
    Ok(directory)
}

/// A running service with a payer.
pub struct Service {
    pub address: SocketAddr,
    pub app: App,
    payer: payer::Payer,
}

impl Service {
    pub fn start(runtime: &Runtime, kind: Kind) -> Result<Self, String> {
        let directory = fresh("bench-service")?;
        let mut settings = Settings::load(None, &directory).map_err(|error| error.to_string())?;
        bootstrap::relax_second_factor(&mut settings);
        settings.hsm.rsa_stock = 0;
        // What is measured comes from one account.
        settings.rates.verify = chuky::rates::Quota { count: 1_000_000, seconds: 1 };
        if matches!(kind, Kind::Postgres) {
            settings.database_url = kind.fresh_database("service")?;
        }
        runtime.block_on(async {
            let app = bootstrap::open(settings, Clock::default(), Path::new(EXECUTABLE)).await.map_err(text)?;
            bootstrap::demo_authority(&app).await.map_err(text)?;
            worker::prepare(&app).await.map_err(text)?;
            let payer = payer::Authority::enter(&app).await.payer(&app, payer::p256()).await;
            let listener = TcpListener::bind("127.0.0.1:0").await.map_err(text)?;
            let address = listener.local_addr().map_err(text)?;
            tokio::spawn(http::serve(app.clone(), listener, std::future::pending()));
            Ok(Self { address, app, payer })
        })
    }

    /// An API key of an account with that role.
    pub fn key(&self, runtime: &Runtime, role: Role) -> Result<String, String> {
        runtime.block_on(async {
            let new = NewAccount {
                login: "bench".to_owned(),
                password: Password::choose("một mật khẩu dài").map_err(text)?,
                roles: vec![role],
                display_name: "Bench".to_owned(),
                unit: String::new(),
                person_lookup: None,
            };
            let account = accounts::create_account(&self.app, Actor::Service, new).await.map_err(text)?;
            let end = Instant(self.app.clock.now().0.saturating_add(86_400_000_000));
            let key = accounts::create_api_key(&self.app, Actor::Service, account, "bench", end).await.map_err(text)?;
            Ok(key.to_string())
        })
    }

    /// Signed payments with ids of their own.
    pub fn messages(&self, count: usize, prefix: &str) -> Vec<String> {
        (0..count).map(|number| self.payer.sign(&self.payer.order(&self.app, &format!("{prefix}-{number}")))).collect()
    }
}

/// A request as it goes over the wire.
pub fn post(path: &str, key: &str, body: &[u8]) -> Vec<u8> {
    post_with("HTTP/1.1", path, key, body)
}

fn post_with(version: &str, path: &str, key: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} {version}\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Processes that this one started: their CPU time counts.
pub fn children() -> Vec<u32> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("children")).ok())
        .flat_map(|text| text.split_whitespace().filter_map(|process| process.parse().ok()).collect::<Vec<u32>>())
        .collect()
}

/// Connections that stay open.
pub struct Client {
    connections: Vec<BufReader<TcpStream>>,
    /// What an answer must be like.
    accepts: fn(&[u8]) -> Result<(), String>,
}

impl Client {
    pub fn new(runtime: &Runtime, address: SocketAddr, count: usize) -> Result<Self, String> {
        runtime.block_on(async {
            let mut connections = Vec::with_capacity(count);
            for _ in 0..count {
                let connection = TcpStream::connect(address).await.map_err(text)?;
                connection.set_nodelay(true).map_err(text)?;
                connections.push(BufReader::new(connection));
            }
            Ok(Self { connections, accepts: accepted })
        })
    }

    /// The same, with another idea of what an answer must be like.
    pub fn accepting(self, accepts: fn(&[u8]) -> Result<(), String>) -> Self {
        Self { accepts, ..self }
    }

    /// Sends requests over all connections at once, round and round from one of them on.
    pub async fn send(&mut self, requests: Arc<Vec<Vec<u8>>>, from: usize, count: usize) -> Result<(), String> {
        let next = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = std::mem::take(&mut self.connections)
            .into_iter()
            .map(|mut connection| {
                let (requests, next, accepts) = (Arc::clone(&requests), Arc::clone(&next), self.accepts);
                tokio::spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= count {
                            return Ok::<_, String>(connection);
                        }
                        let request = &requests[(from + number) % requests.len()];
                        connection.get_mut().write_all(request).await.map_err(text)?;
                        let answer = answer(&mut connection).await?;
                        accepts(&answer)?;
                    }
                })
            })
            .collect();
        for task in tasks {
            self.connections.push(task.await.map_err(text)??);
        }
        Ok(())
    }

    /// Sends a stream of lines and reads as many.
    pub async fn stream(&mut self, path: &str, key: &str, lines: Vec<u8>, count: u32) -> Result<(), String> {
        let connection = self.connections.pop().ok_or("no connection")?;
        let address = connection.get_ref().peer_addr().map_err(text)?;
        let (mut reading, mut writing) = connection.into_inner().into_split();
        // HTTP/1.0: the answer ends with the connection and is not cut into chunks in the middle of a word.
        let request = post_with("HTTP/1.0", path, key, &lines);
        let sent = tokio::spawn(async move { writing.write_all(&request).await.map(|()| writing) });
        let mut answers = Vec::new();
        reading.read_to_end(&mut answers).await.map_err(text)?;
        let _writing = sent.await.map_err(text)?.map_err(text)?;
        let accepted = answers.windows(ACCEPTED.len()).filter(|window| *window == ACCEPTED).count();
        if u32::try_from(accepted) != Ok(count) {
            return Err(format!("{accepted} of {count} payments of the stream were accepted"));
        }
        // A new connection for the next stream.
        let fresh = TcpStream::connect(address).await.map_err(text)?;
        fresh.set_nodelay(true).map_err(text)?;
        self.connections.push(BufReader::new(fresh));
        Ok(())
    }
}

/// One answer's body, by its content length.
async fn answer(connection: &mut BufReader<TcpStream>) -> Result<Vec<u8>, String> {
    use tokio::io::AsyncBufReadExt;
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        if connection.read_line(&mut line).await.map_err(text)? == 0 {
            return Err("the connection was closed".to_owned());
        }
        let header = line.trim_end();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(text)?;
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.map_err(text)?;
    Ok(body)
}

fn accepted(answer: &[u8]) -> Result<(), String> {
    let found = answer == b"accepted" || answer.windows(ACCEPTED.len()).any(|window| window == ACCEPTED);
    if found { Ok(()) } else { Err(String::from_utf8_lossy(answer).into_owned()) }
}

/// In every answer that accepts, once.
const ACCEPTED: &[u8] = b"\"verdict\":\"accepted\"";

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
