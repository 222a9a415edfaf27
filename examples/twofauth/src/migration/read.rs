//! What the files of other programs have, each entry as far as it can be read.

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use otp_vault::{Icon, IconType, Import, ImportError, store::Draft, weigh_json};
use serde_json::{Map, Value, json};

use crate::{
    answer::ApiError,
    parameters::{Parameters, type_name},
    shape, uri,
};

/// What was read of one entry.
pub(super) struct Entry {
    pub(super) found: Result<Draft, String>,
    pub(super) said: Said,
    pub(super) icon: Option<Icon>,
}

/// What the file says of an entry, for one that could not be read.
#[derive(Default)]
pub(super) struct Said {
    pub(super) otp_type: Option<String>,
    pub(super) service: Option<String>,
    pub(super) account: Option<String>,
}

/// Entries of one file, those that cannot be read among them.
const MOST: usize = 20_000;
/// Bytes of memory that the values of a JSON file take at most.
const LARGEST: usize = 96 * 1_024 * 1_024;

const ENCRYPTED: &str = "Unreadable, the data seem encrypted";
const UNKNOWN: &str = "Data do not match any supported format";

fn broken(program: &str) -> ApiError {
    ApiError::bad(&format!("Invalid or unreadable {program} data"))
}

/// A field that an entry of a recognised file lacks.
fn lacks(field: &str) -> ApiError {
    ApiError::invalid("payload", &format!("An entry lacks the {field} key."))
}

/// The entries of a file, whatever wrote it.
pub(super) fn read(text: &str) -> Result<Vec<Entry>, ApiError> {
    if text.starts_with(['{', '[']) {
        let large = |_| ApiError::bad("The file is nested too deeply, or too large in memory");
        weigh_json(text.as_bytes(), LARGEST).map_err(large)?;
        return match serde_json::from_str::<Value>(text) {
            Ok(json) => read_json(&json),
            Err(_) => Err(broken_json(text)),
        };
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let google = "otpauth-migration://offline?data=";
    if text.starts_with(google) {
        return if lines.clone().count() == 1 {
            read_google(text)
        } else if lines.all(|line| line.starts_with(google)) {
            Err(broken("Google Authenticator"))
        } else {
            Err(ApiError::bad(UNKNOWN))
        };
    }
    let is_uri = |line: &str| uri::is_uri(line) || line.starts_with("otpauth://steam/");
    if text.is_empty() || !lines.clone().all(is_uri) {
        return Err(ApiError::bad(UNKNOWN));
    }
    few(lines.clone().count())?;
    Ok(lines.map(read_line).collect())
}

/// Refuses more entries than are read of one file.
fn few(entries: usize) -> Result<(), ApiError> {
    if entries > MOST {
        let most = format!("The file has more than {MOST} entries.");
        return Err(ApiError::invalid("payload", &most));
    }
    Ok(())
}

/// Which program's the text would be if it were JSON.
fn broken_json(text: &str) -> ApiError {
    let has = |words: &[&str]| words.iter().all(|word| text.contains(word));
    if has(&["\"2fauth_", "\"schema\""]) {
        broken("2FAuth")
    } else if has(&["\"db\"", "\"entries\""]) {
        broken("Aegis")
    } else if has(&["\"schemaVersion\"", "\"services\""]) {
        broken("2FAS Auth")
    } else if has(&["\"encrypted\"", "\"items\""]) {
        broken("Bitwarden")
    } else {
        ApiError::bad(UNKNOWN)
    }
}

fn read_json(json: &Value) -> Result<Vec<Entry>, ApiError> {
    let app = json["app"].as_str().unwrap_or_default();
    if json.get("schema").is_some() && app.starts_with("2fauth_") {
        return each(&json["data"], "2FAuth", of_2fauth);
    }
    if json.get("header").is_some() && json["db"].is_string() {
        return Err(ApiError::bad(ENCRYPTED));
    }
    if json.pointer("/db/entries").is_some() {
        return each(at(json, "/db/entries"), "Aegis", of_aegis);
    }
    let version = json.get("schemaVersion").and_then(Value::as_i64);
    if version.is_some_and(|version| version >= 2) && json.get("services").is_some() {
        if json
            .get("servicesEncrypted")
            .is_some_and(|sealed| !sealed.is_null())
        {
            return Err(ApiError::bad(ENCRYPTED));
        }
        return each(&json["services"], "2FAS Auth", of_2fas);
    }
    if json.get("encrypted").is_some() && json.get("items").is_some() {
        if json["encrypted"] == true {
            return Err(ApiError::bad(ENCRYPTED));
        }
        let items = json["items"]
            .as_array()
            .ok_or_else(|| broken("Bitwarden"))?;
        few(items.len())?;
        let with_totp = items.iter().filter(|item| {
            at(item, "/login/totp")
                .as_str()
                .is_some_and(|totp| !totp.trim().is_empty())
        });
        return with_totp.map(of_bitwarden).collect();
    }
    if json["encrypted"] == true {
        return Err(ApiError::bad(ENCRYPTED));
    }
    Err(ApiError::bad(UNKNOWN))
}

fn each(
    items: &Value,
    program: &str,
    read: fn(&Value) -> Result<Entry, ApiError>,
) -> Result<Vec<Entry>, ApiError> {
    let items = items.as_array().ok_or_else(|| broken(program))?;
    few(items.len())?;
    items.iter().map(read).collect()
}

/// An entry of single fields.
fn entry(mut raw: Map<String, Value>, icon: Option<Icon>) -> Entry {
    raw.values_mut().for_each(crate::fields::tidy);
    let found = Parameters::import(&raw).map(|read| read.draft);
    let text = |name: &str| raw.get(name).and_then(Value::as_str).map(str::to_owned);
    Entry {
        found: found.map_err(|error| error.text()),
        said: Said {
            otp_type: text("otp_type"),
            service: text("service"),
            account: text("account"),
        },
        icon,
    }
}

/// What stands there (RFC 6901); null where nothing does.
fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

fn needed<'v>(of: &'v Value, keys: &[&'static str]) -> Result<&'v Value, ApiError> {
    for key in keys {
        of.get(*key).ok_or_else(|| lacks(key))?;
    }
    Ok(of)
}

fn raw(fields: Value) -> Map<String, Value> {
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Base64 as these programs write it: with padding or without, with lines or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The picture of an icon, if it is and is called what this import knows; one that is damaged is left out.
fn icon(base64: &Value, mime: &Value, types: &[IconType]) -> Option<Icon> {
    let mime = match mime.as_str()? {
        "image/jpg" => "image/jpeg",
        "image/x-ms-bmp" | "image/x-bmp" => "image/bmp",
        mime => mime,
    };
    if !types.iter().any(|kind| kind.media_type() == mime) {
        return None;
    }
    let text: String = base64.as_str()?.split_whitespace().collect();
    let text = text.trim_end_matches('=');
    // One symbol holds no byte.
    let whole = text.len().saturating_sub(usize::from(text.len() % 4 == 1));
    let bytes = BASE64.decode(text.get(..whole)?).ok()?;
    let icon = Icon::read(&bytes).ok()?;
    types.contains(&icon.kind()).then_some(icon)
}

fn of_2fauth(item: &Value) -> Result<Entry, ApiError> {
    let item = needed(
        item,
        &[
            "otp_type",
            "account",
            "service",
            "secret",
            "digits",
            "algorithm",
        ],
    )?;
    let types = [
        IconType::Png,
        IconType::Jpeg,
        IconType::Svg,
        IconType::Webp,
        IconType::Bmp,
    ];
    let icon = icon(&item["icon_file"], &item["icon_mime"], &types);
    let fields = json!({
        "otp_type": item["otp_type"], "account": item["account"], "service": item["service"], "secret": item["secret"],
        "digits": item["digits"], "algorithm": item["algorithm"], "period": item["period"], "counter": item["counter"],
    });
    Ok(entry(raw(fields), icon))
}

fn of_aegis(item: &Value) -> Result<Entry, ApiError> {
    let info = &needed(item, &["type", "info"])?["info"];
    needed(info, &["secret"])?;
    let kind = match item["type"].as_str() {
        Some("steam") => json!("steamtotp"),
        _ => item["type"].clone(),
    };
    let name = match &item["name"] {
        Value::String(name) if !name.trim().is_empty() => &item["name"],
        _ => &item["issuer"],
    };
    let types = [IconType::Png, IconType::Jpeg, IconType::Svg];
    let icon = icon(&item["icon"], &item["icon_mime"], &types);
    let fields = json!({
        "otp_type": kind, "account": name, "service": item["issuer"], "secret": info["secret"],
        "digits": info["digits"], "algorithm": info["algo"], "period": info["period"], "counter": info["counter"],
    });
    Ok(entry(raw(fields), icon))
}

fn of_2fas(item: &Value) -> Result<Entry, ApiError> {
    let otp = &needed(item, &["secret", "otp"])?["otp"];
    let kind = otp["tokenType"].as_str().unwrap_or("TOTP");
    let (hotp, steam) = (
        kind.eq_ignore_ascii_case("hotp"),
        kind.eq_ignore_ascii_case("steam"),
    );
    let name = |value: &Value| {
        value
            .as_str()
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let service = name(&item["name"]).or_else(|| name(&otp["issuer"]));
    let label = name(&otp["label"]).map(|label| match label.split_once(':') {
        Some((_, account)) => account.trim().to_owned(),
        None => label,
    });
    let account = name(&otp["account"]).or(label).or_else(|| service.clone());
    let mut fields = json!({
        "otp_type": if steam { "steamtotp".into() } else { kind.to_lowercase() }, "account": account,
        "service": service, "secret": item["secret"], "digits": otp["digits"], "algorithm": otp["algorithm"],
    });
    let moving = if hotp { "counter" } else { "period" };
    shape::put(&mut fields, moving, otp[moving].clone());
    Ok(entry(raw(fields), None))
}

fn of_bitwarden(item: &Value) -> Result<Entry, ApiError> {
    let (service, account) = (
        &needed(item, &["name"])?["name"],
        at(item, "/login/username"),
    );
    let totp = at(item, "/login/totp").as_str().unwrap_or_default().trim();
    let text = |value: &Value| value.as_str().map(str::trim).unwrap_or_default().to_owned();
    if uri::is_uri(totp) {
        let mut read = read_line(totp);
        if let Ok(draft) = &mut read.found
            && draft.entry.issuer.is_empty()
        {
            draft.entry.issuer = text(service);
        }
        let text = |value: &Value| value.as_str().map(str::to_owned);
        (read.said.service, read.said.account) = (text(service), text(account));
        return Ok(read);
    }
    let steam = totp.strip_prefix("steam://");
    let account = match text(account) {
        name if name.is_empty() => service.clone(),
        name => name.into(),
    };
    let fields = json!({
        "otp_type": if steam.is_some() { "steamtotp" } else { "totp" }, "account": account, "service": service,
        "secret": steam.unwrap_or(totp),
    });
    Ok(entry(raw(fields), None))
}

/// One URI of a list. `otpauth://steam/` is Steam's.
fn read_line(line: &str) -> Entry {
    let steam = line.strip_prefix("otpauth://steam/");
    let found = match steam {
        Some(rest) => uri::read(&format!("otpauth://totp/{rest}"), true),
        None => uri::read(line, false),
    };
    Entry {
        found: found.map_err(|error| error.text()),
        said: Said {
            otp_type: line.get(10..14).map(str::to_owned),
            ..Said::default()
        },
        icon: None,
    }
}

/// One code of Google's: each of a batch is read alone.
fn read_google(text: &str) -> Result<Vec<Entry>, ApiError> {
    let unread = core::cell::RefCell::new(Vec::new());
    let empty =
        |skipped: &[otp_vault::Skipped]| unread.borrow_mut().extend(skipped.iter().cloned());
    let read = Import::new(text.as_bytes())
        .format("google-migration")
        .when_empty(&empty)
        .read();
    let (found, mut skipped) = match read {
        Ok(read) => (read.entries, read.skipped),
        Err(ImportError::Empty(_)) => (Vec::new(), unread.take()),
        Err(ImportError::TooMuchWork) => return few(usize::MAX).map(|()| Vec::new()),
        Err(_) => return Err(broken("Google Authenticator")),
    };
    few(found.len().saturating_add(skipped.len()))?;
    // Other codes of the batch are read by themselves.
    skipped.retain(|skipped| skipped.reason != otp_vault::Reason::MissingPart);
    let mut found = found.into_iter();
    let mut skipped = skipped.into_iter().peekable();
    let mut entries = Vec::new();
    for at in 0_usize.. {
        if let Some(skipped) = skipped.next_if(|skipped| skipped.index == at) {
            entries.push(Entry {
                found: Err(format!("The entry cannot be read: {}", skipped.reason)),
                said: Said {
                    account: skipped.name,
                    ..Said::default()
                },
                icon: None,
            });
            continue;
        }
        let Some(entry) = found.next() else { break };
        let kind = type_name(entry.kind);
        let mut entry = entry;
        let said = Said {
            otp_type: Some(kind.into()),
            service: Some(entry.issuer.clone()).filter(|issuer| !issuer.is_empty()),
            account: None,
        };
        // An account has a name; none is made up.
        if entry.account.is_empty() {
            entries.push(Entry {
                found: Err("The entry has no name".into()),
                said,
                icon: None,
            });
            continue;
        }
        if entry.issuer.eq_ignore_ascii_case("steam") && kind == "totp" {
            uri::force_steam(&mut entry);
        }
        entries.push(Entry {
            found: Ok(Draft::new(entry)),
            said,
            icon: None,
        });
    }
    if entries.is_empty() {
        return Err(broken("Google Authenticator"));
    }
    Ok(entries)
}
