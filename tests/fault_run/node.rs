//! A node of the service in a process of its own, which can be killed, stopped and given a wrong clock. One that ends by itself after it was
//! ready fails the run.

use super::namespace::Namespace;
use crate::{faults, harness::app::EXECUTABLE, issuance::kill_loop::hsm_workers};
use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// What all nodes have in common.
pub struct Common {
    pub data: PathBuf,
    pub config: PathBuf,
    /// What the certificates and the log are named by.
    pub public_url: String,
    /// Of the fault module before the tokens.
    pub control: PathBuf,
}

impl Common {
    /// Writes the settings of the nodes into that directory: every token behind the fault module, no quota that the load would meet.
    pub fn write(directory: &Path, data: PathBuf, public_url: String) -> Self {
        let control = directory.join("fault-control");
        let mut text = "[hsm]\nrsa_stock = 0\nworkers_per_token = 2\n".to_owned();
        for role in faults::ROLES {
            let token = faults::faulty_token(role, &control);
            let environment: Vec<String> =
                token.environment.iter().map(|(name, value)| format!("{name} = {value:?}")).collect();
            let role = serde_json::to_string(&role).unwrap();
            let module = token.module.unwrap();
            text += &format!(
                "[[hsm.tokens]]\nrole = {role}\nmodule = {module:?}\nenvironment = {{ {} }}\n",
                environment.join(", ")
            );
        }
        // The longest: a clock that is set back says of a session that was used just now that it was not used for hours.
        text += "[accounts]\nidle_minutes = 720\n[rates]\n";
        for name in ["login", "login_day", "login_address", "activation_address", "pin", "pin_address", "verify"] {
            text += &format!("{name} = {{ count = 1000000, seconds = 1 }}\n");
        }
        let config = directory.join("fault-run.toml");
        fs::write(&config, text).unwrap();
        Self { data, config, public_url, control }
    }
}

/// One node.
pub struct Node {
    pub address: SocketAddr,
    /// Seconds by which its wall clock is wrong.
    pub clock: PathBuf,
    log: PathBuf,
    database_url: String,
    process: Option<Child>,
    was_ready: bool,
    namespace: Option<Namespace>,
}

impl Node {
    /// Of that number, not started.
    pub fn new(common: &Common, number: usize, (database_url, namespace): (String, Option<Namespace>)) -> Self {
        let own = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        Self {
            // Nobody else listens in there.
            address: namespace.as_ref().map_or_else(own, |namespace| SocketAddr::from((namespace.inside, 8_080))),
            clock: common.config.with_file_name(format!("clock-error-{number}")),
            log: common.config.with_file_name(format!("node-{number}.log")),
            database_url,
            process: None,
            was_ready: false,
            namespace,
        }
    }

    pub fn start(&mut self, common: &Common) {
        let log = fs::File::options().create(true).append(true).open(&self.log).unwrap();
        // A limit of the size of files is met as an error, as a full disk is, and not as a signal (setrlimit(2), RLIMIT_FSIZE).
        let mut command = match &self.namespace {
            Some(namespace) => {
                let mut command = namespace.command();
                command.arg("sh");
                command
            }
            None => Command::new("sh"),
        };
        let process = command
            .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\"", EXECUTABLE, "--config"])
            .arg(&common.config)
            .args(["serve", "--no-demo", "--data-dir"])
            .arg(&common.data)
            .env("CHUKY__ACCOUNTS__SECOND_FACTOR", "where_enrolled")
            .env("CHUKY__SERVER__LISTEN", self.address.to_string())
            .env("CHUKY__SERVER__PUBLIC_URL", &common.public_url)
            .env("CHUKY__DATABASE__URL", &self.database_url)
            .env("CHUKY_CLOCK_ERROR", &self.clock)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        self.process = Some(process.unwrap());
        self.was_ready = false;
    }

    pub fn id(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Its HSM workers.
    pub fn workers(&self) -> Vec<u32> {
        hsm_workers(self.id())
    }

    /// Kills it; whether it lived.
    pub fn kill(&mut self) -> bool {
        let Some(mut process) = self.process.take() else { return false };
        let lived = process.try_wait().unwrap().is_none();
        assert!(lived || !self.was_ready, "the node ended by itself:\n{}", self.last_words());
        process.kill().unwrap();
        process.wait().unwrap();
        lived
    }

    /// Whether it says that it is ready. One that ended before it ever was, because the database was away, is started again.
    pub fn ready(&mut self, common: &Common) -> bool {
        if let Some(ended) = self.process.as_mut().unwrap().try_wait().unwrap() {
            assert!(!self.was_ready, "the node ended by itself, {ended}:\n{}", self.last_words());
            self.start(common);
            return false;
        }
        let agent: ureq::Agent =
            ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(5))).build().into();
        let ready = agent.get(format!("http://{}/readyz", self.address)).call().is_ok();
        self.was_ready |= ready;
        ready
    }

    /// The end of what it logged.
    pub fn last_words(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(4_000)..]).into_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Sends a signal; whether the process was there.
pub fn signal(process: u32, name: &str) -> bool {
    Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}
