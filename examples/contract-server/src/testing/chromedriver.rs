//! The process of chromedriver.

use core::{net::SocketAddr, time::Duration};
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::fs::MetadataExt as _,
    process::{Child, Command, Stdio},
    thread::sleep,
};

use tempfile::TempDir;

/// Said where there is no browser.
pub const NO_CHROMIUM: &str = "install the Debian packages `chromium` and `chromium-driver`";
const PAUSE: Duration = Duration::from_millis(50);

/// A chromedriver. It ends with this value, and its browsers with it.
#[derive(Debug)]
pub struct Chromedriver {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
}

impl Chromedriver {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// If there is none, or it does not answer within half a minute.
    #[must_use]
    pub fn start() -> Self {
        // Free a moment ago: the driver refuses to start if somebody was faster.
        let free = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr());
        let address = free.expect("a free port");
        let child = Command::new("chromedriver")
            .arg(format!("--port={}", address.port()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver does not start ({error}): {NO_CHROMIUM}"));
        let driver = Self {
            child,
            address,
            folder: tempfile::tempdir().expect("a folder"),
        };
        for _ in 0..600 {
            if TcpStream::connect(address).is_ok() {
                return driver;
            }
            sleep(PAUSE);
        }
        panic!("chromedriver does not answer: {NO_CHROMIUM}");
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The command line of a browser without a window, whose profile has this name.
    #[must_use]
    pub fn arguments(&self, profile: &str) -> Vec<String> {
        let profile = self.folder.path().join(profile);
        let mut arguments = vec![
            format!("--user-data-dir={}", profile.display()),
            "--headless=new".into(),
            "--disable-gpu".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--disable-dev-shm-usage".into(),
            "--hide-scrollbars".into(),
        ];
        // As root there is no sandbox.
        if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
            arguments.push("--no-sandbox".into());
        }
        arguments
    }
}

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // Asked to, it ends its browsers too; killed, it would leave them behind.
        if let Ok(mut stream) = TcpStream::connect(self.address) {
            let host = self.address;
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = write!(stream, "GET /shutdown HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let _ = stream.read(&mut [0; 1_024]);
            for _ in 0..200 {
                if !matches!(self.child.try_wait(), Ok(None)) {
                    return;
                }
                sleep(PAUSE);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
