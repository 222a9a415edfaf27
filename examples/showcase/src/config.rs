//! What an operator may set.

use core::net::SocketAddr;
use std::{path::PathBuf, sync::Arc};

use twofa_providers::{
    token_delivery::PushOptions,
    token_store::{Clock, SystemClock},
};

use crate::{mail::Smtp, push::Push};

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
    /// How many proxies stand in front, each of which adds a hop to `Forwarded` or `X-Forwarded-For`: where a
    /// request comes from is read there. Nobody but the last one of them may reach the server. 0: none says so.
    pub trusted_proxies: usize,
    /// How mail leaves. Without one it is kept in the outbox, in a build that has that.
    pub smtp: Option<Smtp>,
    /// How browsers that approve are woken. Without it, they list what waits while their page is open.
    pub push: Option<Push>,
    /// Whether the outbox, which holds every code that was sent, may be opened from elsewhere than
    /// this machine.
    pub show_outbox: bool,
    /// Whether people may have a device trusted, on which no second step is asked for.
    pub trust_devices: bool,
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
            trusted_proxies: 0,
            smtp: None,
            push: None,
            show_outbox: false,
            trust_devices: false,
            clock: Arc::new(SystemClock),
        }
    }
}

impl Config {
    /// What `--help` prints.
    pub const HELP: &str = "\
Sign in with a second factor, end to end, on an embedded store.

    cargo run -p showcase --features outbox -- [--listen ADDRESS:PORT] [--data FOLDER] [--keys FILE] [--origin URL]
                            [--trusted-proxies N] [--trust-devices] [--show-outbox]
                            [--smtp HOST --mail-from ADDRESS [--smtp-user NAME --smtp-password FILE]]
                            [--push CONTACT [--push-key FILE]]

    --listen  where to serve          (127.0.0.1:3000; port 0 takes a free one)
    --data    the database's folder   (showcase-data)
    --keys    the key file            (showcase-keys; made with mode 0600 if there is none)
    --origin  the origin people type  (http:// and the address; with https:// cookies are Secure)
              behind a proxy: limits per network are the proxy's part, or of --trusted-proxies
    --trusted-proxies  how many proxies stand in front of this server, each of which adds to Forwarded or to
              X-Forwarded-For who connected to it; let nobody but the last one of them reach the server
    --trust-devices  let people have devices trusted: their password alone signs in there for 30 days
    --smtp    the server that takes mail over, with STARTTLS on port 587, and as whom. Without it, mail stays in
              the outbox, which only a build with `--features outbox` has
    --push    wake browsers that approve, over their own push services. CONTACT, mailto: or https:, is where those
              reach you; --push-key is the file of the key that they know this server by (showcase-push-key; made
              with mode 0600 if there is none: another key ends every browser's notifications)
    --show-outbox  let others than this machine read the codes that were sent (for a demonstration)
";

    /// Reads the arguments.
    ///
    /// # Errors
    /// A sentence for the person who typed them.
    pub fn from_args(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut config = Self::default();
        let (mut contact, mut push_key) = (None, None);
        let (mut smtp, mut from, mut user, mut password) = (None, None, None, None);
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
                "--smtp" => smtp = Some(value()?),
                "--mail-from" => from = Some(value()?),
                "--smtp-user" => user = Some(value()?),
                "--smtp-password" => password = Some(value()?.into()),
                "--push" => contact = Some(value()?),
                "--push-key" => push_key = Some(value()?.into()),
                "--trust-devices" => config.trust_devices = true,
                "--show-outbox" => config.show_outbox = true,
                "--trusted-proxies" => config.trusted_proxies = proxies(&value()?)?,
                "--origin" => config.origin = Some(check_origin(&value()?)?),
                _ => return Err(format!("unknown argument {name}\n\n{}", Self::HELP)),
            }
        }
        let user = match (user, password) {
            (Some(user), Some(file)) => Some((user, file)),
            (None, None) => None,
            _ => return Err("--smtp-user and --smtp-password go together".into()),
        };
        config.smtp = match (smtp, from) {
            (Some(host), Some(from)) => Some(Smtp { host, from, user }),
            (None, None) if user.is_none() => None,
            _ => return Err("--smtp and --mail-from go together".into()),
        };
        config.push = match (contact, push_key) {
            (Some(contact), key) => Some(Push {
                contact,
                key: key.unwrap_or_else(|| "showcase-push-key".into()),
                options: PushOptions::default(),
            }),
            (None, None) => None,
            (None, Some(_)) => return Err("--push-key goes with --push".into()),
        };
        if config.trusted_proxies > 0 && config.origin.is_none() {
            return Err(
                "--trusted-proxies takes --origin too: the name under which people open the pages"
                    .into(),
            );
        }
        Ok(config)
    }
}

fn proxies(count: &str) -> Result<usize, String> {
    let count = count.parse().ok().filter(|count| (1..=16).contains(count));
    count.ok_or_else(|| {
        "--trusted-proxies needs how many there are in a row, 1 to 16: 1 for one nginx in front"
            .into()
    })
}

/// As browsers write it (RFC 6454 section 6.2), since it is compared exactly with what they send.
fn check_origin(origin: &str) -> Result<String, String> {
    let words = "--origin needs a scheme and a host, nothing after it: https://login.example.org";
    // The parser drops some of what nobody means.
    let blank = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    if origin.contains(blank) || !origin.contains("://") {
        return Err(words.into());
    }
    let url = url::Url::parse(origin).map_err(|_| words)?;
    let bare = ["http", "https"].contains(&url.scheme())
        && url.username().is_empty()
        && url.password().is_none()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && !origin.ends_with('/');
    let written = url.origin().ascii_serialization();
    if bare { Ok(written) } else { Err(words.into()) }
}

impl core::fmt::Debug for Config {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::check_origin;
    use crate::news;

    /// What is taken is what a browser sends, and links can begin with it.
    #[test]
    fn origin_is_taken_as_browsers_write_it() {
        for (typed, written) in [
            ("https://login.example.org", "https://login.example.org"),
            ("HTTPS://Login.Example.org", "https://login.example.org"),
            ("https://login.example.org:443", "https://login.example.org"),
            (
                "https://login.example.org:8443",
                "https://login.example.org:8443",
            ),
            (
                "https://b\u{fc}cher.example",
                "https://xn--bcher-kva.example",
            ),
            ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
            ("http://intranet:80", "http://intranet"),
            ("http://intranet:8080", "http://intranet:8080"),
        ] {
            assert_eq!(check_origin(typed).as_deref(), Ok(written), "{typed}");
            let written = written.to_owned();
            let links = written.starts_with("https://").then_some(&written);
            news::templates(links).expect("links that begin with it");
        }
        for refused in [
            "",
            "login.example.org",
            "https://",
            "https://login.example.org/",
            "https://login.example.org/path",
            "https://login.example.org?",
            "https://login.example.org#",
            "https://user@login.example.org",
            "https://:::",
            "https://[",
            "https://login.example.org:99999",
            "ftp://login.example.org",
            "https:login.example.org",
            "https://login.example.org\\",
            " https://login.example.org",
            "https://login.exa\tmple.org",
        ] {
            assert!(check_origin(refused).is_err(), "{refused:?}");
        }
    }
}
