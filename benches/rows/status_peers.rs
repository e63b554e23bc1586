//! OpenSSL's command line as the peer of status and time: its responder as a server, its timestamps one process each, and the
//! authority in files that both sides use. Only the peer's own CPU time is counted.

use crate::fixtures::target;
use crate::harness::{Cost, Side, process_cpu};
use chuky_pki::certificate::Certificate;
use openssl::pkey::{PKey, Private};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// An authority that signs its own answers and tokens, in files.
pub struct Files {
    pub folder: PathBuf,
    pub certificate: Certificate,
    pub key: PKey<Private>,
}

impl Files {
    /// Makes it anew.
    pub fn fresh() -> Result<Self, String> {
        let folder = target().join("bench-status");
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(text)?;
        }
        std::fs::create_dir_all(&folder).map_err(text)?;
        std::fs::write(folder.join("openssl.cnf"), CONFIGURATION).map_err(text)?;
        std::fs::write(folder.join("serial"), "01\n").map_err(text)?;
        std::fs::write(folder.join("data"), "data\n").map_err(text)?;
        // One valid certificate of serial number 0x4142434445464748.
        std::fs::write(folder.join("index.txt"), "V\t350101000000Z\t\t4142434445464748\tunknown\t/CN=one\n")
            .map_err(text)?;
        let made = Self::run(
            &folder,
            "openssl ecparam -genkey -name prime256v1 -noout -out key.pem && openssl req -x509 -config openssl.cnf -key key.pem \
             -out ca.pem -days 30 -subj /CN=bench -extensions authority && \
             openssl req -x509 -config openssl.cnf -key key.pem -out tsa.pem -days 30 -subj /CN=stamping -extensions stamping && \
             openssl ts -query -data data -sha256 -cert -out ask.tsq && openssl x509 -in ca.pem -outform DER -out ca.der && \
             openssl x509 -in tsa.pem -outform DER -out tsa.der",
        )?;
        if !folder.join("tsa.der").exists() {
            return Err(made);
        }
        let der = std::fs::read(folder.join("ca.der")).map_err(text)?;
        let key = PKey::private_key_from_pem(&std::fs::read(folder.join("key.pem")).map_err(text)?).map_err(text)?;
        Ok(Self { certificate: Certificate::from_der(&der).map_err(text)?, key, folder })
    }

    fn run(folder: &std::path::Path, line: &str) -> Result<String, String> {
        let output = Command::new("sh").arg("-c").arg(line).current_dir(folder).output().map_err(text)?;
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// `openssl ocsp -port`: a server, one connection a request.
pub struct Responder {
    child: Child,
    port: u16,
    request: Vec<u8>,
}

impl Responder {
    /// Starts it; it ends when this is dropped.
    pub fn start(files: &Files, request: &[u8]) -> Result<Box<Self>, String> {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(text)?.port();
        let child = Command::new("openssl")
            .args([
                "ocsp",
                "-index",
                "index.txt",
                "-CA",
                "ca.pem",
                "-rsigner",
                "ca.pem",
                "-rkey",
                "key.pem",
                "-nmin",
                "5",
            ])
            .args(["-port", &port.to_string()])
            .current_dir(&files.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(text)?;
        let head = format!(
            "POST / HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/ocsp-request\r\nContent-Length: {}\r\n\r\n",
            request.len()
        );
        let responder = Box::new(Self { child, port, request: [head.as_bytes(), request].concat() });
        for _ in 0..100 {
            if responder.ask().is_ok() {
                return Ok(responder);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("openssl ocsp does not answer".to_owned())
    }

    fn ask(&self) -> Result<(), String> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).map_err(text)?;
        connection.write_all(&self.request).map_err(text)?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).map_err(text)?;
        let good = answer.windows(4).any(|window| window == [0x0a, 1, 0, 0xa0]);
        if good { Ok(()) } else { Err(format!("openssl ocsp: {}", String::from_utf8_lossy(&answer))) }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Side for Responder {
    fn name(&self) -> String {
        "openssl ocsp".to_owned()
    }

    fn run(&mut self, count: u32) -> Result<Cost, String> {
        let (before, since) = (process_cpu(self.child.id()), Instant::now());
        for _ in 0..count {
            self.ask()?;
        }
        Ok(Cost { cpu: process_cpu(self.child.id()) - before, wall: since.elapsed().as_secs_f64() })
    }
}

/// `openssl ts -reply`: a process for each token.
pub struct Stamping(pub PathBuf);

impl Side for Stamping {
    fn name(&self) -> String {
        "openssl ts -reply".to_owned()
    }

    fn run(&mut self, count: u32) -> Result<Cost, String> {
        let (before, since) = (ended_children_cpu(), Instant::now());
        for _ in 0..count {
            let status = Command::new("openssl")
                .args(["ts", "-reply", "-config", "openssl.cnf", "-queryfile", "ask.tsq", "-out", "answer.tsr"])
                .current_dir(&self.0)
                .stderr(Stdio::null())
                .status()
                .map_err(text)?;
            if !status.success() {
                return Err(format!("openssl ts -reply: {status}"));
            }
        }
        Ok(Cost { cpu: ended_children_cpu() - before, wall: since.elapsed().as_secs_f64() })
    }
}

/// CPU seconds of child processes that have ended and were waited for.
fn ended_children_cpu() -> f64 {
    // SAFETY: all-zero is a value of this plain C struct; the pointer is to a live, writable one, which the call fills.
    #[allow(unsafe_code)]
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

const CONFIGURATION: &str = "\
[req]
distinguished_name = name
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, digitalSignature, keyCertSign, cRLSign
[stamping]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = one
[one]
serial = serial
signer_cert = tsa.pem
signer_key = key.pem
signer_digest = sha256
default_policy = 1.3.6.1.4.1.32473.1.3
digests = sha256
accuracy = secs:1
ess_cert_id_alg = sha256
";
