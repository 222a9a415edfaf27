//! Icons are of six types, bounded, and what an SVG says is on a list.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a mistake fails the test"
)]

mod support;

use core::time::Duration;

use support::processor_time;

use otp_vault::{Icon, IconError, IconType, limits};

/// Chunks of a PNG, whose checksums nobody looks at here.
fn png(width: u32, height: u32, frames: &[(u32, u32)]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], content: &[u8]| {
        file.extend((content.len() as u32).to_be_bytes());
        file.extend(name);
        file.extend(content);
        file.extend([0; 4]);
    };
    let sides = |(width, height): (u32, u32)| [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(
        b"IHDR",
        &[sides((width, height)), vec![8, 0, 0, 0, 0]].concat(),
    );
    for frame in frames {
        chunk(b"fcTL", &[vec![0; 4], sides(*frame), vec![0; 14]].concat());
    }
    chunk(b"IDAT", &[1, 2, 3]);
    chunk(b"IEND", &[]);
    file
}

/// A start, tables that hold the end's own bytes, a frame, a scan with a stuffed byte and a restart, an end.
fn jpeg(width: u16, height: u16) -> Vec<u8> {
    let [w, h] = [width, height].map(u16::to_be_bytes);
    let mut file = vec![0xff, 0xd8, 0xff, 0xe0, 0, 6, 0xff, 0xd9, 0xff, 0xd9];
    file.extend([
        0xff, 0xff, 0xc0, 0, 11, 8, h[0], h[1], w[0], w[1], 1, 0, 0, 0,
    ]);
    file.extend([
        0xff, 0xda, 0, 4, 1, 2, 7, 0xff, 0x00, 8, 0xff, 0xd0, 9, 0xff, 0xd9,
    ]);
    file
}

fn gif(screen: u16, frames: &[u16]) -> Vec<u8> {
    let side = screen.to_le_bytes();
    let mut file = [&b"GIF89a"[..], &side, &side, &[0x80, 0, 0], &[0; 6]].concat();
    file.extend([0x21, 0xfe, 3, b';', b';', b';', 0]);
    for frame in frames {
        let side = frame.to_le_bytes();
        file.extend([&[0x2c, 0, 0, 0, 0][..], &side, &side, &[0, 2, 2, 1, 1, 0]].concat());
    }
    file.push(0x3b);
    file
}

fn bmp(width: i32, height: i32) -> Vec<u8> {
    let mut file = [
        &b"BM"[..],
        &58_u32.to_le_bytes(),
        &[0; 4],
        &54_u32.to_le_bytes(),
    ]
    .concat();
    file.extend(40_u32.to_le_bytes());
    file.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
    file.extend([0; 28]);
    file.extend([1, 2, 3, 4]);
    file
}

fn webp(chunks: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut content = b"WEBP".to_vec();
    for (name, bytes) in chunks {
        content.extend(*name);
        content.extend((bytes.len() as u32).to_le_bytes());
        content.extend(bytes);
        content.extend(vec![0; bytes.len() % 2]);
    }
    [
        &b"RIFF"[..],
        &(content.len() as u32).to_le_bytes(),
        &content,
    ]
    .concat()
}

fn lossy(width: u16, height: u16) -> (&'static [u8; 4], Vec<u8>) {
    let [w, h] = [width, height].map(u16::to_le_bytes);
    (
        b"VP8 ",
        vec![0, 0, 0, 0x9d, 0x01, 0x2a, w[0], w[1], h[0], h[1], 7],
    )
}

fn svg(inside: &str) -> String {
    format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\">{inside}</svg>")
}

fn pictures() -> [(IconType, Vec<u8>); 7] {
    let lossless = (b"VP8L", vec![0x2f, 7, 0xc0, 1, 0, 0]);
    [
        (IconType::Png, png(8, 8, &[(8, 8)])),
        (IconType::Jpeg, jpeg(8, 8)),
        (IconType::Gif, gif(8, &[8, 4])),
        (IconType::Bmp, bmp(8, -8)),
        (IconType::Webp, webp(&[lossy(8, 8)])),
        (IconType::Webp, webp(&[(b"ICCP", vec![1]), lossless])),
        (
            IconType::Svg,
            svg("<path d=\"M0 0h8v8z\"></path>").into_bytes(),
        ),
    ]
}

#[track_caller]
fn sanitised(inside: &str) -> String {
    let icon = Icon::read(svg(inside).as_bytes()).expect("an SVG");
    assert_eq!(icon.kind(), IconType::Svg);
    let text = String::from_utf8(icon.bytes().to_vec()).expect("UTF-8");
    let start = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 8 8\">";
    let rest = text.strip_prefix(start).unwrap_or_else(|| panic!("{text}"));
    rest.strip_suffix("</svg>\n").expect("an end").to_owned()
}

/// Each of the six types is recognised by its content, and has its own name and media type.
#[test]
fn six_types_are_recognised() {
    for (kind, file) in pictures() {
        let icon = Icon::read(&file).unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        assert_eq!(icon.kind(), kind);
        assert!(icon.bytes().starts_with(&file[..4]));
        assert!(icon.kind().media_type().starts_with("image/"));
        assert!(!icon.kind().extension().is_empty());
    }
    let drawn = otp_vault::qr::Code::new("x").expect("short");
    assert_eq!(
        Icon::read(&drawn.to_png()).expect("a PNG").kind(),
        IconType::Png
    );
    assert_eq!(
        Icon::read(drawn.to_svg().as_bytes())
            .expect("an SVG")
            .kind(),
        IconType::Svg
    );
}

/// What is no picture is refused, whatever it is called.
#[test]
fn other_content_is_no_icon() {
    for file in [
        &b""[..],
        b"<html><body>x</body></html>",
        b"<!DOCTYPE html><svg></svg>",
        b"GIF",
        b"%PDF-1.7",
        b"RIFF\x04\0\0\0WAVE",
        b"\x1f\x8b\x08\0",
        b"II*\0",
        b"\0\0\x01\0",
        b"{}",
        b"\xff\xfe<\0s\0v\0g\0/\0>\0",
        b"<x:svg xmlns:x=\"urn:other\"/>",
    ] {
        let error = Icon::read(file).expect_err("no icon");
        let said = format!("{error} {}", String::from_utf8_lossy(file));
        assert!(
            matches!(
                error,
                IconError::Unrecognised | IconError::Damaged(IconType::Svg)
            ),
            "{said}"
        );
    }
}

/// A picture that is cut off anywhere is damaged, and what stands behind its end is cut off.
#[test]
fn pictures_end_where_they_say() {
    for (kind, file) in pictures() {
        for length in 4..file.len() {
            assert!(
                Icon::read(&file[..length]).is_err(),
                "{kind:?} of {length} bytes"
            );
        }
        if kind != IconType::Svg {
            let behind = [&file[..], b"<script>alert(1)</script>"].concat();
            assert_eq!(
                Icon::read(&behind).expect("a picture").bytes(),
                file,
                "{kind:?}"
            );
        }
    }
}

/// More than 25 million pixels are too many, also of all frames together.
#[test]
fn icon_pixels_are_capped() {
    let frames = webp(&[
        (b"VP8X", vec![2, 0, 0, 0, 0xff, 0x0f, 0, 0xff, 0x0f, 0]),
        (
            b"ANMF",
            [vec![0; 6], vec![0xff, 0x0f, 0, 0xff, 0x0f, 0], vec![0; 4]].concat(),
        ),
    ]);
    for file in [
        png(5001, 5000, &[]),
        png(8, 8, &[(4000, 4000), (4000, 4000)]),
        png(u32::MAX, u32::MAX, &[]),
        jpeg(65_535, 65_535),
        gif(65_535, &[1]),
        gif(3000, &[1, 1, 1]),
        bmp(i32::MAX, i32::MIN),
        webp(&[lossy(16_383, 16_383)]),
        webp(&[(b"VP8L", vec![0x2f, 0xff, 0xff, 0xff, 0x0f, 0])]),
        frames,
        b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100000\" height=\"1e5px\"/>".to_vec(),
    ] {
        assert_eq!(
            Icon::read(&file).expect_err("large"),
            IconError::TooMuchWork
        );
    }
    for file in [
        png(0, 8, &[]),
        jpeg(8, 0),
        gif(0, &[8]),
        bmp(-8, 8),
        webp(&[lossy(0, 8)]),
    ] {
        assert!(matches!(Icon::read(&file), Err(IconError::Damaged(_))));
    }
}

/// More than 2 MiB are too much.
#[test]
fn icon_bytes_are_capped() {
    let mut file = png(8, 8, &[]);
    file.resize(limits::ICON_BYTES, 0);
    assert!(Icon::read(&file).is_ok());
    file.push(0);
    assert_eq!(Icon::read(&file).expect_err("large"), IconError::TooLarge);
    // Escapes make it longer than it came.
    let quotes = svg(&format!(
        "<title>{}</title>",
        "\"".repeat(limits::ICON_BYTES / 4)
    ));
    assert_eq!(
        Icon::read(quotes.as_bytes()).expect_err("large"),
        IconError::TooLarge
    );
}

/// What an icon is drawn from stays as it is.
#[test]
fn svg_keeps_what_it_draws() {
    let drawn = concat!(
        "<title>Zoë &amp; &lt;Co&gt;</title>",
        "<defs><linearGradient id=\"a\" x1=\"0%\" gradientUnits=\"userSpaceOnUse\"><stop offset=\".5\" ",
        "stop-color=\"#f00\"></stop></linearGradient><clipPath id=\"c\"><rect width=\"4\" height=\"4\"></rect></clipPath>",
        "<g id=\"g\"><circle cx=\"1\" cy=\"2\" r=\"3\"></circle></g></defs>",
        "<g transform=\"translate(-1,2) rotate(45 1 1)\" clip-path=\"url(#c)\"><path d=\"M0,0 c.5-.5 1e-3 2 3 4z\" ",
        "fill=\"url(#a)\" stroke=\"rgb(1, 2, 3)\" stroke-width=\"1.5px\"></path></g>",
        "<use href=\"#g\" x=\"2\"></use><text x=\"1\" font-size=\"2\">A &amp; <tspan dx=\"1\">B</tspan></text>",
    );
    assert_eq!(sanitised(drawn), drawn);
    // Old spellings and styles become what is written today.
    assert_eq!(
        sanitised(
            "<path style=\"fill: #0f0 !important; stroke:none;; d:path('x')\" fill=\"red\" d=\"M0 0\"/>"
        ),
        "<path fill=\"#0f0\" d=\"M0 0\" stroke=\"none\"></path>"
    );
    assert_eq!(
        sanitised(
            "<g xmlns:xlink=\"http://www.w3.org/1999/xlink\"><path id=\"p\" fill='url(\"#p\")'/><use xlink:href=\" #p\"/></g>"
        ),
        "<g><path id=\"p\" fill=\"url(#p)\"></path><use href=\"#p\"></use></g>"
    );
    let bare = Icon::read(b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\n<!-- x --><svg><path d='M0 0'/></svg>");
    assert_eq!(
        bare.expect("no namespace").bytes(),
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><path d=\"M0 0\"></path></svg>\n"
    );
}

/// Elements that run, load, style, animate or embed are gone, with all that stands in them.
#[test]
fn svg_elements_are_on_a_list() {
    let xhtml = "xmlns:h=\"http://www.w3.org/1999/xhtml\"";
    for attack in [
        "<script>alert(1)</script>".to_owned(),
        "<SCRIPT>alert(1)</SCRIPT>".to_owned(),
        "<script href=\"data:text/javascript,alert(1)\"/>".to_owned(),
        "<script><![CDATA[alert(1)]]></script>".to_owned(),
        format!("<h:script {xhtml}>alert(1)</h:script>"),
        format!("<foreignObject><h:iframe {xhtml} src=\"javascript:alert(1)\"/></foreignObject>"),
        format!("<h:svg {xhtml}><path d=\"M0 0\"/></h:svg>"),
        "<a href=\"javascript:alert(1)\"><path d=\"M0 0\"/></a>".to_owned(),
        "<image href=\"https://example.org/a.png\"/>".to_owned(),
        "<image href=\"data:image/svg+xml;base64,PHN2Zz4=\"/>".to_owned(),
        "<feImage href=\"https://example.org\"/>".to_owned(),
        "<filter><feImage href=\"https://example.org\"/></filter>".to_owned(),
        "<style>@import url(https://example.org/a.css);</style>".to_owned(),
        "<animate attributeName=\"href\" values=\"javascript:alert(1)\"/>".to_owned(),
        "<set attributeName=\"onload\" to=\"alert(1)\"/>".to_owned(),
        "<animateTransform onbegin=\"alert(1)\"/>".to_owned(),
        "<handler>alert(1)</handler>".to_owned(),
        "<iframe src=\"https://example.org\"/>".to_owned(),
        "<metadata>x</metadata>".to_owned(),
        "<cursor href=\"https://example.org\"/>".to_owned(),
        "<pattern><image href=\"x\"/></pattern>".to_owned(),
        "<?xml-stylesheet href=\"https://example.org/a.css\"?>".to_owned(),
        "<!-- <script>alert(1)</script> -->".to_owned(),
        "<![CDATA[<script>alert(1)</script>]]>".to_owned(),
        "text outside".to_owned(),
    ] {
        assert_eq!(sanitised(&attack), "", "{attack}");
    }
}

/// Attributes that run, load, style or name something elsewhere are gone.
#[test]
fn svg_attributes_are_on_a_list() {
    for attack in [
        "onload=\"alert(1)\"",
        "ONCLICK=\"alert(1)\"",
        "on&#x6c;oad-x=\"alert(1)\"",
        "href=\"#a\"",
        "src=\"https://example.org\"",
        "class=\"x\"",
        "xml:base=\"https://example.org/\"",
        "xmlns:ev=\"http://www.w3.org/2001/xml-events\" ev:event=\"click\"",
        "fill=\"url(https://example.org/#a)\"",
        "fill=\"url(//example.org#a)\"",
        "fill=\"URL(#a)\"",
        "fill=\"u&#114;l(https://example.org)\"",
        "fill=\"ur\\6c(https://example.org)\"",
        "fill=\"url(#a) url(https://example.org)\"",
        "fill=\"red;background:url(x)\"",
        "fill=\"image(https://example.org)\"",
        "fill=\"javascript:alert(1)\"",
        "fill=\"\"",
        "filter=\"url(#a)\"",
        "clip-path=\"url('https://example.org/#a')\"",
        "clip-path=\"path('M0 0')\"",
        "mask=\"url(data:image/svg+xml,x#a)\"",
        "d=\"M0 0&quot;onload=&quot;alert(1)\"",
        "d=\"path(url(x))\"",
        "id=\"a&quot;b\"",
        "id=\"1 2\"",
        "transform=\"matrix(1)/**/\"",
        "width=\"expression(alert(1));\"",
        "font-family=\"x\"",
        "style=\"background:url(https://example.org)\"",
        "style=\"fill:url(https://example.org)\"",
        "style=\"fill:/**/red\"",
        "style=\"d:path('M0 0');-moz-binding:url(x)\"",
        "style=\"behavior:url(x)\"",
        "style=\"cursor:url(https://example.org),auto\"",
    ] {
        // An attribute's name with a reference is no XML at all.
        let text = svg(&format!("<path {attack}/>"));
        match Icon::read(text.as_bytes()) {
            Ok(icon) => {
                let text = String::from_utf8(icon.bytes().to_vec()).expect("UTF-8");
                assert!(text.contains("<path></path>"), "{attack}: {text}");
            }
            Err(error) => assert_eq!(error, IconError::Damaged(IconType::Svg), "{attack}"),
        }
    }
    for reference in [
        "https://example.org/a.svg#x",
        "data:,x",
        "#",
        "//x#y",
        "#a b",
        "javascript:alert(1)",
    ] {
        assert_eq!(
            sanitised(&format!("<use href=\"{reference}\"/>")),
            "",
            "{reference}"
        );
    }
}

/// The document type of SVG 1.1 and a misspelt namespace are common: the picture is read, and its script is not.
#[test]
fn svg_of_other_programs_is_read() {
    let types = "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">";
    let begin = "<svg width=\"9\" height=\"9\" xmlns=";
    for namespace in ["http://www.w3.org/2000/svg", "http://www..w3.org/2000/svg"] {
        for types in ["", "<!DOCTYPE svg>", types] {
            let text = format!(
                "<?xml version=\"1.0\" standalone=\"no\"?>{types}{begin}\"{namespace}\"><script>alert(1)</script><circle r=\"4\"/></svg>"
            );
            let icon = Icon::read(text.as_bytes()).expect("an SVG");
            let written = String::from_utf8(icon.bytes().to_vec()).expect("text");
            assert!(written.contains("<circle r=\"4\">"), "{written}");
            assert!(
                written.contains("\"http://www.w3.org/2000/svg\""),
                "{written}"
            );
            for gone in ["script", "alert", "DOCTYPE", "www..w3"] {
                assert!(!written.contains(gone), "{written}");
            }
        }
    }
}

/// A document type that declares something is refused, and so are its entities, those that grow included.
#[test]
fn svg_document_types_are_refused() {
    for types in [
        "<!DOCTYPE svg [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]>",
        "<!DOCTYPE svg [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>",
    ] {
        let text = format!("{types}{}", svg("<title>&b;</title>"));
        assert_eq!(
            Icon::read(text.as_bytes()).expect_err("a document type"),
            IconError::Damaged(IconType::Svg)
        );
    }
}

/// References that draw references would double with each: what is drawn again holds none.
#[test]
fn svg_references_do_not_multiply() {
    let chain: String = (1..30)
        .map(|at| {
            let before = at - 1;
            format!("<g id=\"a{at}\"><use href=\"#a{before}\"/><use href=\"#a{before}\"/></g>")
        })
        .collect();
    let drawn = sanitised(&format!("<path id=\"a0\"/>{chain}"));
    assert_eq!(drawn.matches("<use").count(), 2, "{drawn}");
    let masks: String = (1..30)
        .map(|at| {
            format!(
                "<mask id=\"m{at}\"><g style=\"mask:url(#m{})\"/></mask>",
                at - 1
            )
        })
        .collect();
    assert!(!sanitised(&masks).contains("url("));
    assert!(!sanitised("<clipPath id=\"c\" clip-path=\"url(#c)\"/>").contains("url("));
    let many = "<use href=\"#a\"/>".repeat(501);
    for inside in [
        many,
        format!(
            "{}{}",
            "<path/>".repeat(10_000),
            "<use href=\"#a\"/>".repeat(100)
        ),
        "<path/>".repeat(60_000),
        "<g>".repeat(100) + &"</g>".repeat(100),
    ] {
        assert_eq!(
            Icon::read(svg(&inside).as_bytes()).expect_err("much"),
            IconError::TooMuchWork
        );
    }
}

/// What an XML parser's work grows with by the square is capped before it parses.
#[test]
fn svg_parsing_is_capped() {
    let begun = processor_time();
    let attributes: String = (0..50_000).map(|at| format!(" a{at}=\"\"")).collect();
    let namespaces: String = (0..20_000)
        .map(|at| format!("<g xmlns:a{at}=\"{at}\"/>"))
        .collect();
    for inside in [
        "<g>".repeat(40_000) + &"</g>".repeat(40_000),
        format!("<path{attributes}/>"),
        namespaces,
        format!("<title>{}</title>", "a<![CDATA[b]]>".repeat(100_000)),
    ] {
        assert_eq!(
            Icon::read(svg(&inside).as_bytes()).expect_err("much"),
            IconError::TooMuchWork
        );
    }
    assert!(Icon::read("<svg>".repeat(100_000).as_bytes()).is_err());
    assert!(
        (processor_time() - begun) < Duration::from_secs(2),
        "{:?}",
        (processor_time() - begun)
    );
    // Brackets and equals signs in values and comments are none.
    let quoted = format!(
        "<!-- {0} --><title lang='{0}'>x</title>",
        "<a b=\"c\">=".repeat(1000).replace("'", "")
    );
    let quoted = quoted
        .replace("lang='<", "lang='&lt;")
        .replace("=<a", "=&lt;a");
    assert_eq!(sanitised(&quoted), "<title>x</title>");
}

/// What was sanitised is left as it is.
#[test]
fn svg_is_sanitised_once() {
    for inside in [
        "<g id='a'><path id='a' d='M0 0'/></g><use href='#a'/><text>a\r&#13;&#9;\"'&lt;</text>",
        "<mask id='m'><use href='#m'/></mask><g mask='url( #m )' clip-path='none' style='fill:url(\"#m\")'/>",
        "<path id='a' d='M0 0'/><path id=' a\n' d='M1 1'/><path id='url' d='M2 2'/>",
    ] {
        let once = Icon::read(svg(inside).as_bytes()).expect("an SVG");
        let twice = Icon::read(once.bytes()).expect("an SVG");
        assert_eq!(
            String::from_utf8_lossy(once.bytes()),
            String::from_utf8_lossy(twice.bytes())
        );
    }
}
