//! SVG, written anew from what is allowed.
//!
//! The file is read as XML and never edited: what is not in the tables below is not written. A value is written where
//! every character of it is one that its kind has, so that no function, scheme, entity or style can hide in it.
//!
//! Specification: SVG 2; XML 1.0 without document types, but for the bare one of SVG 1.1, which is skipped.

use std::{borrow::Cow, collections::HashSet};

use roxmltree::{Document, Node, NodeType};

use crate::icon::{IconError, IconType};
use crate::xml::{self, XmlError};

const NAMESPACE: &str = "http://www.w3.org/2000/svg";
const XLINK: &str = "http://www.w3.org/1999/xlink";

/// How deep elements are nested; no icon is.
const DEPTH: usize = 64;
/// As in pictures of pixels.
const PIXELS: f64 = 25_000_000.0;
/// Elements and texts of a file.
const NODES: u32 = 50_000;
/// References to shapes, each of which draws what it names once more.
const REFERENCES: usize = 500;
/// Shapes that are drawn, references followed: no element names one that names another.
const SHAPES: usize = 200_000;

/// What is written. Not among them: `a`, `animate`, `filter`, `foreignObject`, `image`, `script`, `set`, `style`.
const ELEMENTS: &[&str] = &[
    "circle",
    "clipPath",
    "defs",
    "desc",
    "ellipse",
    "g",
    "line",
    "linearGradient",
    "mask",
    "path",
    "polygon",
    "polyline",
    "radialGradient",
    "rect",
    "stop",
    "svg",
    "symbol",
    "text",
    "title",
    "tspan",
    "use",
];

/// Elements whose text is shown.
const TEXTS: &[&str] = &["desc", "text", "title", "tspan"];

/// What the value of an attribute may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Numbers, lengths, paths, lists of points and transforms.
    Numbers,
    /// One keyword.
    Word,
    /// A name within the file.
    Id,
    /// A colour, or `url(#id)` of a gradient.
    Paint,
    /// `url(#id)`, or a keyword.
    Clip,
}

const ATTRIBUTES: &[(&str, Kind)] = &[
    ("clip-path", Kind::Clip),
    ("clip-rule", Kind::Word),
    ("clipPathUnits", Kind::Word),
    ("color", Kind::Paint),
    ("cx", Kind::Numbers),
    ("cy", Kind::Numbers),
    ("d", Kind::Numbers),
    ("display", Kind::Word),
    ("dominant-baseline", Kind::Word),
    ("dx", Kind::Numbers),
    ("dy", Kind::Numbers),
    ("fill", Kind::Paint),
    ("fill-opacity", Kind::Numbers),
    ("fill-rule", Kind::Word),
    ("font-size", Kind::Numbers),
    ("font-style", Kind::Word),
    ("font-weight", Kind::Word),
    ("fx", Kind::Numbers),
    ("fy", Kind::Numbers),
    ("gradientTransform", Kind::Numbers),
    ("gradientUnits", Kind::Word),
    ("height", Kind::Numbers),
    ("id", Kind::Id),
    ("mask", Kind::Clip),
    ("maskContentUnits", Kind::Word),
    ("maskUnits", Kind::Word),
    ("offset", Kind::Numbers),
    ("opacity", Kind::Numbers),
    ("overflow", Kind::Word),
    ("pathLength", Kind::Numbers),
    ("points", Kind::Numbers),
    ("preserveAspectRatio", Kind::Numbers),
    ("r", Kind::Numbers),
    ("rx", Kind::Numbers),
    ("ry", Kind::Numbers),
    ("shape-rendering", Kind::Word),
    ("spreadMethod", Kind::Word),
    ("stop-color", Kind::Paint),
    ("stop-opacity", Kind::Numbers),
    ("stroke", Kind::Paint),
    ("stroke-dasharray", Kind::Numbers),
    ("stroke-dashoffset", Kind::Numbers),
    ("stroke-linecap", Kind::Word),
    ("stroke-linejoin", Kind::Word),
    ("stroke-miterlimit", Kind::Numbers),
    ("stroke-opacity", Kind::Numbers),
    ("stroke-width", Kind::Numbers),
    ("text-anchor", Kind::Word),
    ("transform", Kind::Numbers),
    ("vector-effect", Kind::Word),
    ("viewBox", Kind::Numbers),
    ("visibility", Kind::Word),
    ("width", Kind::Numbers),
    ("x", Kind::Numbers),
    ("x1", Kind::Numbers),
    ("x2", Kind::Numbers),
    ("y", Kind::Numbers),
    ("y1", Kind::Numbers),
    ("y2", Kind::Numbers),
];

/// What a style may state instead of an attribute. The other attributes are no properties.
const PROPERTIES: &[&str] = &[
    "clip-path",
    "clip-rule",
    "color",
    "display",
    "fill",
    "fill-opacity",
    "fill-rule",
    "font-size",
    "font-style",
    "font-weight",
    "mask",
    "opacity",
    "stop-color",
    "stop-opacity",
    "stroke",
    "stroke-dasharray",
    "stroke-dashoffset",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-miterlimit",
    "stroke-opacity",
    "stroke-width",
    "text-anchor",
    "visibility",
];

/// The same picture, of allowed parts alone.
pub(super) fn sanitise(bytes: &[u8]) -> Result<String, IconError> {
    let text = core::str::from_utf8(bytes).map_err(|_| IconError::Unrecognised)?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with('<') {
        return Err(IconError::Unrecognised);
    }
    let text = &*without_type(text);
    let document = xml::parse(text, NODES).map_err(|error| match error {
        XmlError::TooMuchWork => IconError::TooMuchWork,
        XmlError::Malformed if text.contains("<svg") => IconError::Damaged(IconType::Svg),
        XmlError::Malformed => IconError::Unrecognised,
    })?;
    let root = document.root_element();
    // A prefix says on purpose that it is something else. A default namespace that is not SVG's is misspelt.
    let namespace = root.tag_name().namespace();
    let default = namespace == root.lookup_namespace_uri(None);
    if root.tag_name().name() != "svg" || !(default || namespace == Some(NAMESPACE)) {
        return Err(IconError::Unrecognised);
    }
    // What names a size of its own is drawn at it.
    if let (Some(width), Some(height)) = (pixels(root, "width"), pixels(root, "height"))
        && width * height > PIXELS
    {
        return Err(IconError::TooMuchWork);
    }
    let mut writer = Writer {
        named: named(&document),
        ids: HashSet::new(),
        references: 0,
        shapes: 0,
        out: String::with_capacity(text.len().min(1 << 16)),
    };
    writer.element(root, 0, false)?;
    // Each reference draws at most all there is.
    if writer.references.saturating_mul(writer.shapes) > SHAPES {
        return Err(IconError::TooMuchWork);
    }
    writer.out.push('\n');
    Ok(writer.out)
}

/// The text without the document type that SVG 1.1 asks for. One that declares something stays, and is refused.
fn without_type(text: &str) -> Cow<'_, str> {
    let Some((before, behind)) = text.split_once("<!DOCTYPE svg") else {
        return text.into();
    };
    let Some((types, behind)) = behind.split_once('>') else {
        return text.into();
    };
    if before.contains("<svg") || types.contains('[') {
        return text.into();
    }
    format!("{before}{behind}").into()
}

fn is_svg(node: Node<'_, '_>) -> bool {
    // Files without a namespace are common, and are given one; so are those whose root misspells it.
    let namespace = node.tag_name().namespace();
    let root = node.document().root_element().tag_name().namespace();
    matches!(namespace, None | Some(NAMESPACE)) || namespace == root
}

/// A length in pixels, or in a unit that is about as long or longer.
fn pixels(root: Node<'_, '_>, name: &str) -> Option<f64> {
    let text = root.attribute(name)?.trim();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    (!text.ends_with('%'))
        .then(|| number.parse::<f64>().ok())
        .flatten()
        .map(f64::abs)
}

/// The ids that shapes are named by, from `use`, clips and masks.
fn named<'a>(document: &'a Document<'_>) -> HashSet<&'a str> {
    let mut named = HashSet::new();
    for node in document.descendants().filter(Node::is_element) {
        if node.tag_name().name() == "use" {
            named.extend(href(node).and_then(fragment));
        }
        for (name, value) in declarations(node) {
            if matches!(name, "clip-path" | "mask") {
                named.extend(url(value));
            }
        }
    }
    named
}

/// The attributes without a namespace, and behind them what the style states.
fn declarations<'a>(node: Node<'a, '_>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let attributes = node
        .attributes()
        .filter(|attribute| attribute.namespace().is_none())
        .map(|attribute| (attribute.name(), attribute.value()));
    let style = node.attribute("style").unwrap_or_default();
    let style = style.split(';').filter_map(|declaration| {
        let (name, value) = declaration.split_once(':')?;
        let value = value.trim();
        let value = value.strip_suffix("!important").unwrap_or(value);
        PROPERTIES
            .contains(&name.trim())
            .then(|| (name.trim(), value.trim()))
    });
    attributes.chain(style)
}

fn href<'a>(node: Node<'a, '_>) -> Option<&'a str> {
    node.attribute("href")
        .or_else(|| node.attribute((XLINK, "href")))
}

/// The id of `#id`.
fn fragment(reference: &str) -> Option<&str> {
    reference.trim().strip_prefix('#').filter(|id| is_id(id))
}

/// The id of `url(#id)`.
fn url(value: &str) -> Option<&str> {
    let inside = value.trim().strip_prefix("url(")?.strip_suffix(')')?.trim();
    let quoted = |quote| inside.strip_prefix(quote)?.strip_suffix(quote);
    fragment(quoted('"').or_else(|| quoted('\'')).unwrap_or(inside))
}

fn is_id(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.len() <= 255
        && text
            .bytes()
            .all(|c| c.is_ascii_alphanumeric() || b"_-.".contains(&c))
}

/// The value as it is written, if it is one.
fn value(kind: Kind, text: &str) -> Option<String> {
    let text = text.trim();
    // No value that is needed has any of these words, also where others would be needed to make use of it.
    let lower = text.to_ascii_lowercase();
    let is_plain = |allowed: &[u8]| {
        !lower.contains("url")
            && text
                .bytes()
                .all(|c| c.is_ascii_alphanumeric() || allowed.contains(&c))
    };
    let is_word = || is_plain(b"-");
    let written = match kind {
        Kind::Numbers => is_plain(b"+-.,%() \t\r\n").then(|| text.to_owned()),
        Kind::Word => is_word().then(|| text.to_owned()),
        Kind::Id => is_id(text).then(|| text.to_owned()),
        Kind::Clip if is_word() => Some(text.to_owned()),
        Kind::Clip => url(text).map(|id| format!("url(#{id})")),
        Kind::Paint if is_plain(b"#(),.%- ") => Some(text.to_owned()),
        Kind::Paint => url(text).map(|id| format!("url(#{id})")),
    }?;
    (!written.is_empty()).then_some(written)
}

struct Writer<'a> {
    /// The ids that `use`, clips and masks name.
    named: HashSet<&'a str>,
    /// The ids that were written.
    ids: HashSet<&'a str>,
    references: usize,
    shapes: usize,
    out: String,
}

impl<'a> Writer<'a> {
    /// `is_drawn_again`: whether a reference draws it, so that it holds none itself.
    fn element(
        &mut self,
        node: Node<'a, '_>,
        depth: usize,
        is_drawn_again: bool,
    ) -> Result<(), IconError> {
        if depth > DEPTH {
            return Err(IconError::TooMuchWork);
        }
        let name = node.tag_name().name();
        if !is_svg(node) || !ELEMENTS.contains(&name) {
            return Ok(());
        }
        let is_drawn_again = is_drawn_again
            || matches!(name, "clipPath" | "mask" | "symbol")
            || node
                .attribute("id")
                .is_some_and(|id| self.named.contains(id.trim()));
        let target = href(node).and_then(fragment);
        if name == "use" && (is_drawn_again || target.is_none()) {
            return Ok(());
        }
        self.shapes = self.shapes.saturating_add(1);
        self.out.push('<');
        self.out.push_str(name);
        if depth == 0 {
            self.attribute("xmlns", NAMESPACE);
        }
        if let (Some(id), "use" | "linearGradient" | "radialGradient") = (target, name) {
            if name == "use" {
                self.refer()?;
            }
            self.attribute("href", &format!("#{id}"));
        }
        self.attributes(node, is_drawn_again)?;
        self.out.push('>');
        for child in node.children() {
            match child.node_type() {
                NodeType::Element => {
                    self.element(child, depth.saturating_add(1), is_drawn_again)?
                }
                NodeType::Text if TEXTS.contains(&name) => {
                    self.escaped(child.text().unwrap_or_default());
                }
                _ => {}
            }
        }
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
        Ok(())
    }

    fn attributes(&mut self, node: Node<'a, '_>, is_drawn_again: bool) -> Result<(), IconError> {
        // A style wins over an attribute of the same name, and a later declaration over an earlier one.
        let mut written: Vec<(&str, String)> = Vec::new();
        for (name, text) in declarations(node) {
            let Some((name, kind)) = ATTRIBUTES.iter().find(|(known, _)| *known == name) else {
                continue;
            };
            let Some(value) = value(*kind, text) else {
                continue;
            };
            if *kind == Kind::Clip && value.starts_with("url(") {
                if is_drawn_again {
                    continue;
                }
                self.refer()?;
            }
            // Two elements of one id, as it is written, could be told apart by nobody.
            if *kind == Kind::Id && !self.ids.insert(text.trim()) {
                continue;
            }
            match written.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = value,
                None => written.push((name, value)),
            }
        }
        for (name, value) in written {
            self.attribute(name, &value);
        }
        Ok(())
    }

    fn refer(&mut self) -> Result<(), IconError> {
        self.references = self.references.saturating_add(1);
        if self.references > REFERENCES {
            return Err(IconError::TooMuchWork);
        }
        Ok(())
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        self.escaped(value);
        self.out.push('"');
    }

    fn escaped(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.out.push_str("&amp;"),
                '<' => self.out.push_str("&lt;"),
                '>' => self.out.push_str("&gt;"),
                '"' => self.out.push_str("&quot;"),
                '\r' => self.out.push_str("&#13;"),
                c => self.out.push(c),
            }
        }
    }
}
