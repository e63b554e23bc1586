//! A fresh database for each test: a SQLite file, or a database in one PostgreSQL cluster that the whole run shares and that ends
//! with it. `sql` speaks to it as a second real connection would: an administrator's, or an attacker's.

use chuky::store::Store;
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// An open store with what is needed to open it again or to reach it from outside.
pub struct Database {
    pub store: Store,
    pub url: String,
    /// Removed with the test.
    _directory: Option<tempfile::TempDir>,
}

impl Database {
    /// A fresh SQLite file.
    pub async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("chuky.db").display());
        Self { store: Store::open(&url).await.unwrap(), url, _directory: Some(directory) }
    }

    /// A fresh database in the run's PostgreSQL cluster.
    pub async fn postgres() -> Self {
        let url = fresh_postgres();
        Self { store: Store::open(&url).await.unwrap(), url, _directory: None }
    }

    /// Runs SQL as another connection, through the database's own command line; returns what it prints, columns separated by `|`.
    pub fn sql(&self, statement: &str) -> String {
        run(&self.url, statement).unwrap_or_else(|message| panic!("{statement}: {message}"))
    }

    /// Runs SQL that the database must refuse; returns what it said.
    pub fn refuses(&self, statement: &str) -> String {
        run(&self.url, statement).err().unwrap_or_else(|| panic!("{statement}: was not refused"))
    }
}

/// A PostgreSQL cluster of one test's own, which may be stopped and restarted under its clients; it ends with this value.
pub struct OwnCluster(Cluster, PathBuf);

#[allow(dead_code)] // each test uses what it needs
impl OwnCluster {
    /// Starts one.
    pub fn start() -> Self {
        Self::over(start_cluster())
    }

    /// Starts one in that directory, which may be there, at that port; `None` where it is taken by now.
    pub fn start_in(directory: PathBuf, port: u16) -> Option<Self> {
        Some(Self::over((try_cluster(&directory, port)?, directory)))
    }

    fn over((cluster, directory): (Cluster, PathBuf)) -> Self {
        psql(&cluster.url("postgres"), "CREATE DATABASE own").unwrap();
        Self(cluster, directory)
    }

    /// The address of its database.
    pub fn url(&self) -> String {
        self.0.url("own")
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Stops it at once, as a power cut would, and starts it over the same data; starts one that is stopped.
    pub fn restart(&self) {
        assert!(self.does("restart"), "PostgreSQL did not restart");
    }

    /// Stops it at once, as a power cut would.
    pub fn stop(&self) {
        assert!(self.does("stop"), "PostgreSQL did not stop");
    }

    fn does(&self, what: &str) -> bool {
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres-cluster");
        Command::new(script).arg(what).arg(&self.1).status().unwrap().success()
    }

    /// Its server processes, the first of which started the others; none while it is stopped.
    pub fn processes(&self) -> Vec<u32> {
        let file = std::fs::read_to_string(self.1.join("data/postmaster.pid")).unwrap_or_default();
        let Some(first) = file.lines().next().and_then(|line| line.trim().parse::<u32>().ok()) else {
            return Vec::new();
        };
        let children = std::fs::read_to_string(format!("/proc/{first}/task/{first}/children")).unwrap_or_default();
        std::iter::once(first).chain(children.split_whitespace().filter_map(|child| child.parse().ok())).collect()
    }
}

impl Drop for OwnCluster {
    /// Stopped here and not only by whom it is lent: what it lies on may go next.
    fn drop(&mut self) {
        self.does("stop");
    }
}

/// A directory and a port that nobody uses.
pub fn free_directory() -> (PathBuf, u16) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    (std::env::temp_dir().join(format!("chuky-postgres-{}-{port}", std::process::id())), port)
}

/// The address of a fresh, empty database in the run's PostgreSQL cluster.
pub fn fresh_postgres() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let cluster = cluster();
    psql(&cluster.url("postgres"), &format!("CREATE DATABASE {name}")).unwrap();
    cluster.url(&name)
}

/// Runs SQL on the database of that address, as a connection of its own.
pub fn run(url: &str, statement: &str) -> Result<String, String> {
    match url.strip_prefix("sqlite://") {
        Some(file) => {
            output(Command::new("sqlite3").args(["-cmd", ".timeout 60000", "-bail"]).arg(file).arg(statement))
        }
        None => psql(url, statement),
    }
}

fn psql(url: &str, statement: &str) -> Result<String, String> {
    output(Command::new("psql").args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url, "-c", statement]))
}

fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

struct Cluster {
    port: u16,
    /// While this is open the cluster lives; the operating system closes it with the test process, however that ends.
    _lent: (Child, ChildStdin),
}

impl Cluster {
    fn url(&self, database: &str) -> String {
        format!("postgres://chuky@127.0.0.1:{}/{database}", self.port)
    }
}

fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| start_cluster().0)
}

/// Between looking for a free port and taking it somebody else may have it: then another one is tried.
fn start_cluster() -> (Cluster, PathBuf) {
    let started = (0..3).find_map(|_| {
        let (directory, port) = free_directory();
        Some((try_cluster(&directory, port)?, directory))
    });
    started.expect("PostgreSQL did not start: its message stands above")
}

fn try_cluster(directory: &Path, port: u16) -> Option<Cluster> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres-cluster");
    let mut child = Command::new(script)
        .arg("lend")
        .arg(directory)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lent = child.stdin.take().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if line.trim() == "ready" {
        return Some(Cluster { port, _lent: (child, lent) });
    }
    child.wait().unwrap();
    None
}
