//! What pages load: the style sheet, the icon, the scripts. Compressed, and asked for again only when changed.
//!
//! Pages are not compressed: they hold secrets beside what a stranger may have put into an address, and the
//! length of what is compressed would tell of both (BREACH).

use std::{io::Write as _, sync::LazyLock};

use axum::{
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

/// The script that takes a link's token out of the address bar.
pub(crate) const LINK_SCRIPT: &str = "/link.js";
/// The script that goes on once somebody decided elsewhere.
pub(crate) const WAITING_SCRIPT: &str = "/waiting.js";
/// The script that makes a device's key, and signs with it.
pub(crate) const DEVICE_SCRIPT: &str = "/device.js";
/// The worker that shows what was pushed.
pub(crate) const PUSH_SCRIPT: &str = "/push.js";
/// The script that copies recovery codes.
pub(crate) const COPY_SCRIPT: &str = "/copy.js";

struct Asset {
    kind: &'static str,
    plain: &'static str,
    packed: Vec<u8>,
    /// As it stands in the header, in quotes.
    tag: String,
}

impl Asset {
    fn new(kind: &'static str, plain: &'static str) -> Self {
        let hash = Sha256::digest(plain);
        let tag: String = hash
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let mut packing = GzEncoder::new(Vec::new(), Compression::best());
        // Writing to memory never fails; were it to, the plain text is sent.
        let packed = packing
            .write_all(plain.as_bytes())
            .and_then(|()| packing.finish());
        Self {
            kind,
            plain,
            packed: packed.unwrap_or_default(),
            tag: format!("\"{tag}\""),
        }
    }

    fn answer(&self, asked: &HeaderMap) -> Response {
        let text = |name| {
            asked
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or("")
        };
        let lasting = [
            (header::CACHE_CONTROL, "public, max-age=300"),
            (header::ETAG, &self.tag),
            (header::VARY, "accept-encoding"),
        ];
        let mut known = text(header::IF_NONE_MATCH).split(',').map(str::trim);
        if known.any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == self.tag) {
            return (StatusCode::NOT_MODIFIED, lasting).into_response();
        }
        let kind = [(header::CONTENT_TYPE, self.kind)];
        if takes_gzip(text(header::ACCEPT_ENCODING)) && !self.packed.is_empty() {
            let packed = [(header::CONTENT_ENCODING, "gzip")];
            return (lasting, kind, packed, self.packed.clone()).into_response();
        }
        (lasting, kind, self.plain).into_response()
    }
}

/// Whether the list names gzip and does not rule it out: RFC 9110 section 12.5.3.
fn takes_gzip(accepted: &str) -> bool {
    let mut names = accepted.split(',').map(str::trim);
    names.any(|name| match name.split_once(';') {
        None => name == "gzip",
        Some((name, quality)) => {
            let zero = quality
                .trim()
                .strip_prefix("q=")
                .and_then(|q| q.parse().ok())
                == Some(0.0);
            name.trim() == "gzip" && !zero
        }
    })
}

static STYLE: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("text/css; charset=utf-8", include_str!("assets/style.css")));
static ICON: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("image/svg+xml", include_str!("assets/icon.svg")));
static LINK: LazyLock<Asset> = LazyLock::new(|| script(include_str!("assets/link.js")));
static COPY: LazyLock<Asset> = LazyLock::new(|| script(include_str!("assets/copy.js")));

static WAITING: LazyLock<Asset> = LazyLock::new(|| script(include_str!("assets/waiting.js")));
static DEVICE: LazyLock<Asset> = LazyLock::new(|| script(include_str!("assets/device.js")));
static PUSH: LazyLock<Asset> = LazyLock::new(|| script(include_str!("assets/push.js")));

fn script(text: &'static str) -> Asset {
    Asset::new("text/javascript; charset=utf-8", text)
}

pub(crate) async fn style(asked: HeaderMap) -> Response {
    STYLE.answer(&asked)
}

pub(crate) async fn icon(asked: HeaderMap) -> Response {
    ICON.answer(&asked)
}

pub(crate) async fn link_script(asked: HeaderMap) -> Response {
    LINK.answer(&asked)
}

pub(crate) async fn waiting_script(asked: HeaderMap) -> Response {
    WAITING.answer(&asked)
}

pub(crate) async fn device_script(asked: HeaderMap) -> Response {
    DEVICE.answer(&asked)
}

pub(crate) async fn push_script(asked: HeaderMap) -> Response {
    PUSH.answer(&asked)
}

pub(crate) async fn copy_script(asked: HeaderMap) -> Response {
    COPY.answer(&asked)
}

#[cfg(test)]
mod tests {
    use super::takes_gzip;

    /// Gzip is sent to who names it and to nobody else.
    #[test]
    fn gzip_goes_to_who_takes_it() {
        for accepted in ["gzip", "br, gzip", "deflate,gzip;q=0.5", "gzip; q=1"] {
            assert!(takes_gzip(accepted), "{accepted}");
        }
        for other in ["", "br", "gzip;q=0", "gzip; q=0.0", "x-gzip", "identity"] {
            assert!(!takes_gzip(other), "{other}");
        }
    }
}
