//! Files of JSON, read strictly.

use std::path::Path;

use serde::de::DeserializeOwned;

use crate::{Fault, objects::Objects};

/// Reads a file of JSON. The type says what is unknown: give it `deny_unknown_fields`. Where it has a struct, the file
/// has an object, and no array.
///
/// # Errors
/// A sentence that names the file, the line, and a field that is unknown or missing. What the file holds is not quoted:
/// accounts have passwords.
pub fn read_json<T: DeserializeOwned>(what: &str, path: &Path) -> Result<T, Fault> {
    let told = |why: &dyn core::fmt::Display| format!("{what} {}: {why}", path.display());
    let bytes = std::fs::read(path).map_err(|error| told(&error))?;
    let mut json = serde_json::Deserializer::from_slice(&bytes);
    let read = T::deserialize(Objects(&mut json)).and_then(|read| json.end().map(|()| read));
    Ok(read.map_err(|error| told(&unquoted(&error.to_string())))?)
}

/// JSON's words without the value that they quote: "invalid type: …, expected a string at line 3 column 9". A number
/// that is out of range stays: where a number belongs no password stands.
fn unquoted(words: &str) -> String {
    let quotes = [
        "invalid type: ",
        "invalid value: string ",
        "unknown variant ",
    ];
    let Some(quote) = quotes.iter().find(|quote| words.starts_with(*quote)) else {
        return words.into();
    };
    let expected = words.rfind(", expected ").and_then(|at| words.get(at..));
    format!("{quote}…{}", expected.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        #[expect(dead_code, reason = "only its type matters")]
        password: Vec<String>,
    }

    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Deep {
        rate: Rate,
        maybe: Option<Rate>,
        all: Vec<Rate>,
        texts: [String; 2],
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Rate {
        count: u32,
    }

    impl Default for Deep {
        fn default() -> Self {
            Self {
                rate: Rate { count: 1 },
                maybe: None,
                all: Vec::new(),
                texts: Default::default(),
            }
        }
    }

    /// An array is no object, at any depth, though it has as many values as the object has fields. Lists, nulls and texts
    /// stay what they are.
    #[test]
    fn arrays_are_no_objects() {
        let read = |text: &str| {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), text).expect("written");
            read_json::<Deep>("settings", file.path()).map_err(|error| error.to_string())
        };
        let whole =
            r#"{"rate":{"count":2},"maybe":{"count":3},"all":[{"count":4}],"texts":["a","b"]}"#;
        let expected = Deep {
            rate: Rate { count: 2 },
            maybe: Some(Rate { count: 3 }),
            all: vec![Rate { count: 4 }],
            texts: ["a".into(), "b".into()],
        };
        assert_eq!(read(whole), Ok(expected));
        assert_eq!(read(r#"{"maybe": null}"#), Ok(Deep::default()));
        for array in [
            r#"[{"count":1}, null, [], ["a","b"]]"#,
            "[]",
            r#"{"rate":[1]}"#,
            r#"{"maybe":[1]}"#,
            r#"{"all":[[1]]}"#,
        ] {
            let told = read(array).expect_err(array);
            assert!(told.contains("expected struct"), "{array}: {told}");
        }
        assert!(
            read(&format!("{whole} x"))
                .expect_err("more")
                .contains("trailing")
        );
        assert!(
            read(r#"{"rate":{"count":-1}}"#)
                .expect_err("-1")
                .contains("-1")
        );
    }

    /// A value of the wrong type is not said again; an unknown field is.
    #[test]
    fn errors_quote_no_value() {
        let told = |text: &str| {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), text).expect("written");
            let told = read_json::<File>("accounts", file.path());
            told.expect_err("refused").to_string()
        };
        let wrong = told(r#"{"password": "hunter2, expected nothing"}"#);
        assert!(!wrong.contains("hunter2"), "{wrong}");
        assert!(wrong.contains("expected a sequence at line 1"), "{wrong}");
        assert!(!told(r#"{"password": 31337}"#).contains("31337"));
        assert!(told(r#"{"pasword": []}"#).contains("unknown field `pasword`"));
    }
}
