//! A token behind the fault module (`examples/fault_module`) and copies of it, for the tests of what fails.

use crate::world::World;
use chuky_hsm::{Hsm, PinSource, Settings, Standing, Supervised, TokenAddress, TokenKind};
use chuky_model::algorithm::KeyAlgorithm;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// A token behind the fault module, with its control file; the second one behind the real module alone.
pub struct Rig {
    pub hsm: Arc<Supervised>,
    control: PathBuf,
    over: Arc<AtomicBool>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// SoftHSM cuts a token's file to nothing before it writes it anew at a log-in: a worker that is killed just then leaves a token that
/// nobody finds. What the service does about it (`src/softhsm.rs`) is done here too, as these tests are about tokens, not about SoftHSM.
fn mend(tokens: PathBuf) -> Arc<AtomicBool> {
    let over = Arc::new(AtomicBool::new(false));
    let until = Arc::clone(&over);
    std::thread::spawn(move || {
        let mut kept: HashMap<PathBuf, Vec<u8>> = HashMap::new();
        while !until.load(Ordering::Relaxed) {
            for token in std::fs::read_dir(&tokens).into_iter().flatten().flatten() {
                let file = token.path().join("token.object");
                let whole = || std::fs::read(&file).ok().filter(|content| !content.is_empty());
                if let Some(content) = whole() {
                    kept.insert(file, content);
                    continue;
                }
                // Whoever is writing it just now takes far less.
                std::thread::sleep(Duration::from_millis(100));
                if let (None, Some(content)) = (whole(), kept.get(&file)) {
                    let beside = file.with_extension("new");
                    drop(std::fs::write(&beside, content).and_then(|()| std::fs::rename(&beside, &file)));
                }
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    over
}

pub fn fault_module() -> PathBuf {
    let executable = std::env::current_exe().unwrap();
    let module = executable.parent().unwrap().parent().unwrap().join("examples/libfault_module.so");
    assert!(module.is_file(), "{} is built with the tests", module.display());
    module
}

impl Rig {
    pub fn new(world: &World, kind: TokenKind, second: bool, change: impl FnOnce(&mut Settings)) -> Self {
        world.prepare(kind);
        if kind != TokenKind::Subscribers {
            let mut settings = world.settings("chuky-test", kind);
            settings.worker_arguments = vec!["worker".to_owned()];
            settings.environment = world.environment();
            world.wait(async {
                let hsm = Supervised::start(settings);
                // Every worker: one that ends while it logs in leaves a token of SoftHSM that nobody finds again.
                hsm.wait_ready().await.unwrap();
                let hsm: &dyn Hsm = &hsm;
                hsm.generate_service_key("key", KeyAlgorithm::P256).await.unwrap();
            });
        }
        let over = mend(world.configuration.with_file_name("tokens"));
        let (mut settings, control) = Self::settings(world, kind);
        if second {
            settings.standby.push(clone_of(world, "clone"));
        }
        change(&mut settings);
        let hsm = world.wait(async { Arc::new(Supervised::start(settings)) });
        world.wait(hsm.wait_ready()).unwrap();
        Self { hsm, control, over }
    }

    pub fn settings(world: &World, kind: TokenKind) -> (Settings, PathBuf) {
        let control = world.configuration.with_file_name("control");
        let mut settings = world.settings("chuky-test", kind);
        settings.module = fault_module();
        settings.workers = 2;
        settings.worker_arguments = vec!["worker".to_owned()];
        settings.environment = world.environment();
        settings.environment.extend([
            ("CHUKY_FAULT_TARGET".to_owned(), world.module.to_str().unwrap().to_owned()),
            ("CHUKY_FAULT_CONTROL".to_owned(), control.to_str().unwrap().to_owned()),
        ]);
        (settings, control)
    }

    /// What calls meet from now on. Counts start anew.
    pub fn fail(&self, lines: &str) {
        static SEED: LazyLock<AtomicUsize> = LazyLock::new(|| {
            let told = std::env::var("CHUKY_SOAK_SEED").ok().and_then(|text| text.parse().ok());
            AtomicUsize::new(told.unwrap_or(1))
        });
        let seed = SEED.fetch_add(1, Ordering::Relaxed);
        write(&self.control, &format!("seed {seed}\n{lines}\n"));
    }

    pub fn dynamic(&self) -> &dyn Hsm {
        &*self.hsm
    }

    pub fn standings(&self) -> Vec<Standing> {
        self.hsm.health().tokens.iter().map(|token| token.standing).collect()
    }
}

/// The file appears whole: a worker may read it at any moment.
fn write(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

/// A copy of the token directory as it is now, as a vendor's means clone a token.
pub fn clone_of(world: &World, name: &str) -> TokenAddress {
    let directory = world.configuration.with_file_name(name);
    std::fs::create_dir(&directory).unwrap();
    let tokens = world.configuration.with_file_name("tokens");
    assert!(Command::new("cp").arg("-a").arg(&tokens).arg(&directory).status().unwrap().success());
    address_in(world, &directory)
}

pub fn address_in(world: &World, directory: &Path) -> TokenAddress {
    let configuration = directory.join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
        directory.join("tokens").display()
    );
    std::fs::write(&configuration, text).unwrap();
    TokenAddress {
        module: world.module.clone(),
        token_label: "chuky-test".to_owned(),
        serial: None,
        pin: PinSource::Value(world.user_pin.clone()),
        environment: vec![("SOFTHSM2_CONF".to_owned(), configuration.to_str().unwrap().to_owned())],
    }
}

pub fn within(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < limit, "{what} did not happen within {limit:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
