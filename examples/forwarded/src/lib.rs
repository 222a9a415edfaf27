//! What proxies say of the visitor: `Forwarded` (RFC 7239) and `X-Forwarded-For`.

use core::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::{HeaderMap, HeaderName, header};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address that the outermost of `count` trusted proxies saw: each adds one hop at the end.
/// `None` if that proxy says that it does not know, or hides it.
///
/// A visitor can write whichever header the proxies do not. So where both are there, both must say
/// the same.
///
/// # Errors
/// Why the proxies did not say what they were trusted to say, for who runs them.
pub fn hop(headers: &HeaderMap, count: usize) -> Result<Option<IpAddr>, &'static str> {
    let standard = value(headers, &header::FORWARDED)?.map(|value| {
        let hops = Hops::of_forwarded(&value).ok_or("Forwarded is not what RFC 7239 says")?;
        hops.nth_last(count)
            .ok_or("Forwarded has fewer hops than there are proxies")
    });
    let usual = value(headers, &X_FORWARDED_FOR)?.map(|value| {
        let hop = count
            .checked_sub(1)
            .and_then(|at| value.rsplit(',').nth(at));
        let hop = hop.ok_or("X-Forwarded-For has fewer hops than there are proxies")?;
        node(hop.trim()).ok_or("X-Forwarded-For names no address")
    });
    match (standard.transpose(), usual.transpose()) {
        (Ok(Some(one)), Ok(Some(other))) if one != other => {
            Err("Forwarded and X-Forwarded-For name two visitors")
        }
        (Ok(None), Ok(None)) => Err("there is neither Forwarded nor X-Forwarded-For"),
        (Ok(Some(hop)), Ok(_)) | (Ok(None), Ok(Some(hop))) => Ok(hop),
        (Err(why), _) | (_, Err(why)) => Err(why),
    }
}

/// All lines of a header as one list (RFC 9110 section 5.3).
fn value(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, &'static str> {
    let lines: Result<Vec<_>, _> = headers
        .get_all(name)
        .iter()
        .map(|line| line.to_str())
        .collect();
    let lines = lines.map_err(|_| "a proxy's header is not text")?;
    Ok((!lines.is_empty()).then(|| lines.join(",")))
}

/// An address, with or without its port; `Some(None)` for one that is unknown or hidden (RFC 7239
/// sections 6.2 and 6.3).
fn node(text: &str) -> Option<Option<IpAddr>> {
    let name = text.rsplit_once(':').map_or(text, |(name, port)| {
        // What follows the last colon of a bare IPv6 address is no port.
        if name.contains(':') || port.is_empty() {
            text
        } else {
            name
        }
    });
    if name.eq_ignore_ascii_case("unknown") || name.starts_with('_') {
        return Some(None);
    }
    let bracketed = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let bracketed = bracketed.and_then(|text| text.parse::<Ipv6Addr>().ok());
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let bare = || text.parse().ok();
    bracketed
        .map(IpAddr::V6)
        .or_else(with_port)
        .or_else(bare)
        .map(Some)
}

/// What each proxy saw, the last one's last.
struct Hops(Vec<Option<IpAddr>>);

impl Hops {
    fn nth_last(&self, count: usize) -> Option<Option<IpAddr>> {
        let at = self.0.len().checked_sub(count)?;
        self.0.get(at).copied()
    }

    /// Reads a `Forwarded` header (RFC 7239 section 4), or says that it is none.
    ///
    /// Quotes are minded: a proxy that writes down the visitor's `Host` writes a comma in it too, and
    /// what follows that comma is no hop.
    fn of_forwarded(value: &str) -> Option<Self> {
        let mut hops = Vec::new();
        let mut rest = value;
        loop {
            // Empty elements of a list count for nothing (RFC 9110 section 5.6.1.2).
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                return Some(Self(hops));
            }
            let mut hop = None;
            loop {
                let (name, after) = token(rest)?;
                let (value, after) = pair_value(after.strip_prefix('=')?)?;
                if name.eq_ignore_ascii_case("for") {
                    if hop.is_some() {
                        return None;
                    }
                    hop = Some(node(&value)?);
                }
                rest = after.trim_start_matches([' ', '\t']);
                match rest.strip_prefix(';') {
                    Some(next) => rest = next.trim_start_matches([' ', '\t']),
                    None => break,
                }
            }
            // A hop that names nobody is one all the same.
            hops.push(hop.flatten());
            if !(rest.is_empty() || rest.starts_with(',')) {
                return None;
            }
        }
    }
}

/// A token (RFC 9110 section 5.6.2), and what follows it.
fn token(text: &str) -> Option<(&str, &str)> {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    let end = text.find(|c| !is_token(c)).unwrap_or(text.len());
    let (token, rest) = text.split_at_checked(end)?;
    (!token.is_empty()).then_some((token, rest))
}

/// A token or a quoted string (RFC 9110 section 5.6.4), and what follows it.
fn pair_value(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        // Some proxies write a port or an IPv6 address without the quotes that it needs.
        let end = text.find([',', ';', ' ', '\t', '"']).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end)?;
        return (!value.is_empty()).then(|| (value.to_owned(), rest));
    };
    let mut value = String::new();
    loop {
        let mut chars = rest.chars();
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(chars.next()?),
            other => value.push(other),
        }
        rest = chars.as_str();
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, header};

    use super::{X_FORWARDED_FOR, hop};

    fn headers(lines: &[(HeaderName, &str)]) -> HeaderMap {
        let line = |(name, value): &(HeaderName, &str)| {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
            (name.clone(), value)
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines.iter().map(line) {
            headers.append(name, value);
        }
        headers
    }

    /// What a number of proxies say: an address, `-` where they say that it is hidden, or `!`.
    fn seen(lines: &[(HeaderName, &str)], count: usize) -> String {
        match hop(&headers(lines), count) {
            Ok(Some(address)) => address.to_string(),
            Ok(None) => "-".into(),
            Err(_) => "!".into(),
        }
    }

    /// The hop that the outermost trusted proxy wrote counts, and nothing before it.
    #[test]
    fn hops_count_from_the_end() {
        for (value, count, is) in [
            ("192.0.2.1", 1, "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1", 1, "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1, 10.0.0.1", 2, "192.0.2.1"),
            ("nonsense, ;;, 192.0.2.1", 1, "192.0.2.1"),
            ("192.0.2.1,", 1, "!"),
            ("192.0.2.1", 2, "!"),
            ("", 1, "!"),
            ("192.0.2.1:4711", 1, "192.0.2.1"),
            ("2001:db8::1", 1, "2001:db8::1"),
            ("[2001:db8::1]", 1, "2001:db8::1"),
            ("[2001:db8::1]:4711", 1, "2001:db8::1"),
            ("unknown", 1, "-"),
            ("localhost", 1, "!"),
            ("192.0.2.1:", 1, "!"),
            ("192.0.2.256", 1, "!"),
            ("\"192.0.2.1\"", 1, "!"),
        ] {
            assert_eq!(seen(&[(X_FORWARDED_FOR, value)], count), is, "{value}");
        }
        for (value, count, is) in [
            // RFC 7239 section 4 has these.
            ("for=\"_gazonk\"", 1, "-"),
            ("For=\"[2001:db8:cafe::17]:4711\"", 1, "2001:db8:cafe::17"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", 1, "192.0.2.60"),
            ("for=192.0.2.43, for=198.51.100.17", 1, "198.51.100.17"),
            ("for=192.0.2.43, for=198.51.100.17", 2, "192.0.2.43"),
            ("for=192.0.2.43, for=198.51.100.17", 3, "!"),
            ("for=\"192.0.2.43:47011\"", 1, "192.0.2.43"),
            ("for=unknown", 1, "-"),
            ("for=\"unknown:80\"", 1, "-"),
            ("for=_hidden;by=_secret", 1, "-"),
            // Of a quoted host, what follows a comma is no hop.
            ("for=192.0.2.1;host=\"x,for=6.6.6.6\"", 1, "192.0.2.1"),
            ("for=192.0.2.1;host=\"x\\\",for=6.6.6.6\"", 1, "192.0.2.1"),
            // A quote that a visitor left open hides nothing of what follows.
            ("for=\"6.6.6.6, for=192.0.2.1", 1, "!"),
            ("for=\"6.6.6.6, for=\"192.0.2.1\"", 1, "!"),
            ("proto=https", 1, "-"),
            (",, for=192.0.2.1 ,,", 1, "192.0.2.1"),
            ("for=192.0.2.1 ; proto=http", 1, "192.0.2.1"),
            ("for=6.6.6.6;for=192.0.2.1", 1, "!"),
            ("for", 1, "!"),
            ("for=", 1, "!"),
            ("=192.0.2.1", 1, "!"),
            ("for=192.0.2.1 x", 1, "!"),
            ("for=192.0.2.1;", 1, "!"),
            ("", 1, "!"),
        ] {
            assert_eq!(seen(&[(header::FORWARDED, value)], count), is, "{value}");
        }
    }

    /// Lines of one header are one list, in their order.
    #[test]
    fn lines_of_a_header_are_one_list() {
        for name in [X_FORWARDED_FOR, header::FORWARDED] {
            let prefix = if name == header::FORWARDED {
                "for="
            } else {
                ""
            };
            let (one, two) = (format!("{prefix}6.6.6.6"), format!("{prefix}192.0.2.1"));
            let lines = [(name.clone(), one.as_str()), (name.clone(), two.as_str())];
            assert_eq!(seen(&lines, 1), "192.0.2.1");
            assert_eq!(seen(&lines, 2), "6.6.6.6");
            assert_eq!(seen(&lines, 3), "!");
        }
    }

    /// A visitor who writes the header that the proxies do not write is refused.
    #[test]
    fn header_that_no_proxy_wrote_is_refused() {
        let both = |standard, usual| {
            let lines = [(header::FORWARDED, standard), (X_FORWARDED_FOR, usual)];
            seen(&lines, 1)
        };
        assert_eq!(both("for=6.6.6.6", "192.0.2.1"), "!");
        assert_eq!(both("for=192.0.2.1", "6.6.6.6"), "!");
        assert_eq!(both("for=unknown", "192.0.2.1"), "!");
        assert_eq!(both("nonsense", "192.0.2.1"), "!");
        assert_eq!(both("for=192.0.2.1", "6.6.6.6, 192.0.2.1"), "192.0.2.1");
        assert_eq!(seen(&[], 1), "!");
        let bytes = headers(&[(X_FORWARDED_FOR, "192.0.2.1\u{e9}")]);
        assert!(hop(&bytes, 1).is_err());
    }
}
