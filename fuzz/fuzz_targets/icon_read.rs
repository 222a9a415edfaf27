//! Whatever a picture is, it is an icon or refused. An SVG that is written anew is left as it is the next time, and
//! holds no element, attribute or reference that could run or load anything.
#![cfg_attr(feature = "libfuzzer", no_main)]

use otp_vault::{Icon, IconType};

/// A second list, kept apart from the one that is tried.
const ELEMENTS: &str = " circle clipPath defs desc ellipse g line linearGradient mask path polygon polyline \
    radialGradient rect stop svg symbol text title tspan use ";

fuzz::fuzz_target!(|bytes: &[u8]| {
    let Ok(icon) = Icon::read(bytes) else {
        return;
    };
    let again = Icon::read(icon.bytes()).expect("what is an icon is one again");
    assert_eq!(again.bytes(), icon.bytes());
    if icon.kind() != IconType::Svg {
        assert!(bytes.starts_with(icon.bytes()));
        return;
    }
    let text = core::str::from_utf8(icon.bytes()).expect("UTF-8");
    let mut pieces = text.split('<');
    assert_eq!(pieces.next(), Some(""));
    for piece in pieces {
        // Both brackets are escaped everywhere else.
        let (tag, content) = piece.split_once('>').expect("a tag");
        assert!(!content.contains('>'), "{text}");
        let tag = tag.strip_prefix('/').unwrap_or(tag);
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(ELEMENTS.contains(&format!(" {name} ")), "{text}");
        let mut parts = attributes.split('"');
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            let name = name.trim_start().strip_suffix('=').expect("a name");
            if name == "xmlns" {
                assert_eq!(value, "http://www.w3.org/2000/svg");
                continue;
            }
            assert!(
                name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-'),
                "{text}"
            );
            assert!(
                !name.starts_with("on") && !matches!(name, "style" | "class" | "src"),
                "{text}"
            );
            // An id may have the letters of a reference.
            let value = value.replace("url(#", "").to_ascii_lowercase();
            assert!(
                !value.contains("url(") && !value.contains([':', '/', '\\', ';', '<', '\'']),
                "{text}"
            );
            assert!(name != "href" || value.starts_with('#'), "{text}");
        }
    }
});
