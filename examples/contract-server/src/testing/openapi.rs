//! Answers, held against an OpenAPI file.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Response;

/// An OpenAPI 3.1 file. Of JSON Schema it knows `$ref`, `type`, `const`, `enum`, `oneOf`, `properties`, `required`,
/// `additionalProperties`, `items` and the lengths; another keyword fails the test that meets it.
#[derive(Clone, Debug)]
pub struct OpenApi(Arc<Value>);

/// What is said about a value beside its shape, and a pattern, which the tests check where it matters.
const WORDS: [&str; 2] = ["description", "pattern"];

impl OpenApi {
    /// Reads the file.
    ///
    /// # Panics
    /// If it is no JSON.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::new(serde_json::from_str(text).expect("JSON")))
    }

    /// Every operation, as method and path.
    #[must_use]
    pub fn operations(&self) -> Vec<(String, String)> {
        let paths = self.0["paths"].as_object().expect("paths");
        let of = |(path, operations): (&String, &Value)| -> Vec<_> {
            let operations = operations.as_object().expect("operations");
            operations
                .keys()
                .map(|method| (method.to_uppercase(), path.clone()))
                .collect()
        };
        paths.iter().flat_map(of).collect()
    }

    /// Holds an answer against its operation. An operation that is not in the file may only be refused.
    ///
    /// # Panics
    /// If the file has no such answer.
    #[track_caller]
    pub fn check(&self, method: &str, path: &str, response: &Response) {
        let path = path.split('?').next().unwrap_or_default();
        let what = format!("{method} {path}: {}", response.status);
        let Some(operation) = self.operation(method, path) else {
            assert!(
                response.status >= 400,
                "{what}: it is not in the OpenAPI file"
            );
            return;
        };
        let status = response.status.to_string();
        let told = operation["responses"].get(&status);
        let told = self.follow(told.unwrap_or_else(|| panic!("{what} is not in the OpenAPI file")));
        let kind = response.header("content-type").unwrap_or_default();
        match told.get("content").and_then(Value::as_object) {
            None => assert!(response.body.is_empty(), "{what} has a body"),
            Some(content) => {
                let content = content.get(kind);
                let content = content.unwrap_or_else(|| panic!("{what} is no {kind}"));
                // A page, or a text: its type alone.
                if kind != "application/json" {
                    return;
                }
                let body = serde_json::from_slice(&response.body).expect("JSON");
                if let Err(why) = self.fits(&content["schema"], &body) {
                    panic!("{what}: {why}: {body}");
                }
            }
        }
    }

    fn operation(&self, method: &str, path: &str) -> Option<&Value> {
        let paths = self.0["paths"].as_object()?;
        let fits = |template: &str| {
            let mut parts = path.split('/');
            let named = template.split('/').all(|wanted| {
                let part = parts.next();
                part.is_some_and(|part| part == wanted || wanted.starts_with('{'))
            });
            named && parts.next().is_none()
        };
        let mut found = paths.iter().filter(|(template, _)| fits(template));
        found.next()?.1.get(method.to_lowercase())
    }

    fn follow<'v>(&'v self, value: &'v Value) -> &'v Value {
        match value.get("$ref").and_then(Value::as_str) {
            Some(reference) => {
                let pointer = reference.trim_start_matches('#');
                self.0.pointer(pointer).expect("a reference to something")
            }
            None => value,
        }
    }

    fn fits(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = self.follow(schema).as_object().expect("a schema");
        for (keyword, wanted) in schema {
            let fits = match keyword.as_str() {
                known if WORDS.contains(&known) => true,
                "type" => is_a(wanted.as_str().expect("a type"), value),
                "const" => wanted == value,
                "enum" => wanted.as_array().expect("a list").contains(value),
                "oneOf" => {
                    let any = wanted.as_array().expect("a list").iter();
                    any.filter(|one| self.fits(one, value).is_ok()).count() == 1
                }
                "minItems" => length(value, Value::as_array, Vec::len) >= wanted.as_u64(),
                "maxItems" => length(value, Value::as_array, Vec::len) <= wanted.as_u64(),
                "minLength" => length(value, Value::as_str, str::len) >= wanted.as_u64(),
                "maxLength" => length(value, Value::as_str, str::len) <= wanted.as_u64(),
                "items" => {
                    for item in value.as_array().into_iter().flatten() {
                        self.fits(wanted, item)?;
                    }
                    true
                }
                "required" => {
                    let names = wanted.as_array().expect("a list").iter();
                    names
                        .filter_map(Value::as_str)
                        .all(|name| value.get(name).is_some())
                }
                "properties" => {
                    for (name, wanted) in wanted.as_object().expect("an object") {
                        if let Some(value) = value.get(name) {
                            self.fits(wanted, value)?;
                        }
                    }
                    true
                }
                "additionalProperties" => no_others(schema, value),
                other => panic!("the keyword {other} is not known here"),
            };
            if !fits {
                return Err(format!("{keyword} is not {wanted}"));
            }
        }
        Ok(())
    }
}

fn length<T: ?Sized>(
    value: &Value,
    read: fn(&Value) -> Option<&T>,
    length: fn(&T) -> usize,
) -> Option<u64> {
    let length = read(value).map(length)?;
    u64::try_from(length).ok()
}

fn no_others(schema: &Map<String, Value>, value: &Value) -> bool {
    let known = schema.get("properties").and_then(Value::as_object);
    let mut names = value.as_object().into_iter().flat_map(Map::keys);
    names.all(|name| known.is_some_and(|known| known.contains_key(name)))
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        "string" => value.is_string(),
        _ => false,
    }
}
