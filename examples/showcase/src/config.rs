//! What an operator may set.

use core::net::SocketAddr;
use std::{path::PathBuf, sync::Arc};

use twofa_providers::token_store::{Clock, SystemClock};

/// How the showcase runs. The default serves on loopback and keeps its data in the current folder.
#[derive(Clone)]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The folder of the database.
    pub data: PathBuf,
    /// The key file: outside of the data folder, so that a copy of the data is worth nothing.
    pub keys: PathBuf,
    /// The origin that people type, such as `https://login.example.org`, behind a proxy. Links and
    /// checks use it, never a request's `Host`.
    pub origin: Option<String>,
    /// Whether the outbox, which holds every code that was sent, may be opened from elsewhere than
    /// this machine.
    pub show_outbox: bool,
    /// The clock: another one in tests.
    pub clock: Arc<dyn Clock>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 3000)),
            data: "showcase-data".into(),
            keys: "showcase-keys".into(),
            origin: None,
            show_outbox: false,
            clock: Arc::new(SystemClock),
        }
    }
}

impl Config {
    /// What `--help` prints.
    pub const HELP: &str = "\
Sign in with a second factor, end to end, on an embedded store.

    cargo run -p showcase -- [--listen ADDRESS:PORT] [--data FOLDER] [--keys FILE] [--origin URL]
                            [--show-outbox]

    --listen  where to serve          (127.0.0.1:3000; port 0 takes a free one)
    --data    the database's folder   (showcase-data)
    --keys    the key file            (showcase-keys; made with mode 0600 if there is none)
    --origin  the origin people type  (http:// and the address; with https:// cookies are Secure)
              behind a proxy on this machine: limits per network address are then the proxy's part
    --show-outbox  let others than this machine read the codes that were sent (for a demonstration)
";

    /// Reads the arguments.
    ///
    /// # Errors
    /// A sentence for the person who typed them.
    pub fn from_args(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut config = Self::default();
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or_else(|| format!("{name} needs a value"));
            match name.as_str() {
                "--listen" => {
                    config.listen = value()?
                        .parse()
                        .map_err(|_| "--listen needs an address such as 127.0.0.1:3000")?;
                }
                "--data" => config.data = value()?.into(),
                "--keys" => config.keys = value()?.into(),
                "--show-outbox" => config.show_outbox = true,
                "--origin" => config.origin = Some(check_origin(value()?)?),
                _ => return Err(format!("unknown argument {name}\n\n{}", Self::HELP)),
            }
        }
        Ok(config)
    }
}

fn check_origin(origin: String) -> Result<String, String> {
    // Browsers say it in lower case, and it is compared exactly.
    let origin = origin.to_ascii_lowercase();
    let host = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    let plain = |host: &str| {
        !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte))
    };
    match host {
        Some(host) if plain(host) => Ok(origin),
        _ => Err(
            "--origin needs a scheme and a host, nothing after it: https://login.example.org"
                .into(),
        ),
    }
}

impl core::fmt::Debug for Config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}
