//! Icons.

use std::{collections::BTreeSet, path::PathBuf};

use axum::{
    extract::Path,
    http::{HeaderName, HeaderValue, header::CONTENT_TYPE},
    response::IntoResponse as _,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contract_server::{Document, warn};
use otp_vault::{
    Icon, IconType,
    store::{Account, Subject, VaultError},
};
use ott_bearer::token_store::ott_core::{Format, Token, chrono::TimeDelta, rand::rngs::SysRng};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    answer::{Answer, ApiError, nothing, ok, reply},
    app::{App, subject},
    call::{Call, Visit},
    fields::Fields,
    users::Users,
};

/// An icon as it rests: a document by its file's name.
#[derive(Deserialize, Serialize)]
struct Kept {
    owner: i64,
    media_type: String,
    base64: String,
}

/// An icon.
pub(crate) struct Found {
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
}

/// Icons that an account has.
const KIND: &str = "icon";
/// Icons that none has yet, of a preview or an upload, or none any more.
const WAITING: &str = "waiting-icon";
/// For an account to take an icon.
const PATIENCE: TimeDelta = TimeDelta::days(1);
/// Seconds in which a user's pictures are counted.
pub(crate) const COUNTED: u64 = 86_400;

/// Keeps a picture until [an account takes it](settle), for a day; its file's name.
///
/// # Errors
/// 429: the owner kept as much today as the settings allow.
pub(crate) async fn keep(app: &App, owner: i64, icon: &Icon) -> Result<String, ApiError> {
    if let Some(mebibytes) = app.settings.icon_mebibytes_a_day {
        // One more for its row.
        let kibibytes = u32::try_from(icon.bytes().len() / 1_024).unwrap_or(u32::MAX);
        let (kibibytes, most) = (kibibytes.saturating_add(1), mebibytes.saturating_mul(1_024));
        let name = owner.to_string();
        let count = app.pictures.count(&name, kibibytes, most, app.unix());
        if let Some(seconds) = count.refused {
            return Err(ApiError::too_many(seconds));
        }
    }
    let kept = Kept {
        owner,
        media_type: icon.kind().media_type().into(),
        base64: STANDARD.encode(icon.bytes()),
    };
    add(app, &kept, icon.kind().extension()).await
}

/// Adds a picture that waits for an account; its file's name.
async fn add(app: &App, kept: &Kept, extension: &str) -> Result<String, ApiError> {
    let random = Token::try_generate_from_rng(&Format::alphanumeric(40), &mut SysRng);
    let random = random.map_err(|error| ApiError::outage(&error))?;
    let name = format!("{}.{extension}", random.expose_secret());
    app.engine.documents.add(WAITING, &name, kept).await?;
    Ok(name)
}

/// A copy of an icon of the owner's for somebody else, which waits for an account of theirs; none of what is not the
/// owner's.
pub(crate) async fn copy(
    app: &App,
    owner: i64,
    name: &str,
    to: i64,
) -> Result<Option<String>, ApiError> {
    let kept = read(app, name).await?;
    let Some(kept) = kept.filter(|kept| kept.owner == owner) else {
        return Ok(None);
    };
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    let copy = add(app, &Kept { owner: to, ..kept }, extension).await?;
    Ok(Some(copy))
}

async fn read(app: &App, name: &str) -> Result<Option<Kept>, ApiError> {
    for kind in [KIND, WAITING] {
        let kept = app.engine.documents.get::<Kept>(kind, name).await?;
        if let Some(Document { value, .. }) = kept {
            return Ok(Some(value));
        }
    }
    Ok(None)
}

/// Puts an icon of the owner's from one kind to another; there at once, so that it is always found.
async fn shift(app: &App, owner: i64, name: &str, way: [&str; 2]) -> Result<(), ApiError> {
    shift_where(app, name, way, |kept| kept.owner == owner).await
}

async fn shift_where(
    app: &App,
    name: &str,
    [from, to]: [&str; 2],
    fits: impl FnOnce(&Kept) -> bool,
) -> Result<(), ApiError> {
    let documents = &app.engine.documents;
    let kept = documents.get::<Kept>(from, name).await?;
    if let Some(Document { value, .. }) = kept.filter(|kept| fits(&kept.value)) {
        documents.put(to, name, &value).await?;
        documents.remove(from, name).await?;
    }
    Ok(())
}

/// An account of the owner's has this icon from now on: it stays. What fails here was told, and is made up for by [`tidy`]:
/// the account is as it was asked for.
pub(crate) async fn settle(app: &App, owner: i64, name: &str) {
    let _told = shift(app, owner, name, [WAITING, KIND]).await;
}

/// An account of the owner's has this icon no more: where no other has it, it waits again.
pub(crate) async fn release(
    app: &App,
    owner: i64,
    accounts: &Subject,
    name: &str,
) -> Result<(), ApiError> {
    if names(&app.vaults.list(accounts).await?).any(|used| used == name) {
        return Ok(());
    }
    shift(app, owner, name, [KIND, WAITING]).await
}

/// The icons that accounts have.
fn names(accounts: &[Account]) -> impl Iterator<Item = &str> {
    let icons = accounts.iter().map(|account| account.kept.icon.as_deref());
    icons.flatten()
}

/// The icons that anybody's accounts have.
#[derive(Default)]
struct Used {
    names: BTreeSet<String>,
    /// Of these users nothing is known: their accounts cannot be read.
    unknown: BTreeSet<i64>,
}

impl Used {
    async fn read(app: &App) -> Result<Self, ApiError> {
        let mut used = Self::default();
        for id in Users::read(app).await?.members.into_keys() {
            match app.vaults.list(&subject(id)?).await {
                Ok(accounts) => used.names.extend(names(&accounts).map(String::from)),
                Err(VaultError::Store(error)) => return Err(error.into()),
                Err(error) => {
                    warn(&format!("icons of user {id} are left alone: {error}"));
                    used.unknown.insert(id);
                }
            }
        }
        Ok(used)
    }

    /// Whether an account has this icon, if that is known.
    async fn has(&self, app: &App, name: &str) -> Option<bool> {
        if self.names.contains(name) {
            return Some(true);
        }
        if self.unknown.is_empty() {
            return Some(false);
        }
        let kept = read(app, name).await.ok()??;
        (!self.unknown.contains(&kept.owner)).then_some(false)
    }
}

/// Removes icons that waited for too long, and looks for those that a crash left in the wrong place: one that an account has
/// stays, and one that was kept for an account which has it no more waits.
pub(crate) async fn tidy(app: &App) -> Result<(), ApiError> {
    let Some(since) = app.now().checked_sub_signed(PATIENCE) else {
        return Ok(());
    };
    let documents = &app.engine.documents;
    let used = Used::read(app).await?;
    for kind in [WAITING, KIND] {
        let mut last = Some(String::new());
        while let Some(after) = last {
            let names = documents.unchanged_after(kind, since, &after).await?;
            for name in &names {
                match (kind, used.has(app, name).await) {
                    (WAITING, Some(true)) => {
                        shift_where(app, name, [WAITING, KIND], |_| true).await?;
                    }
                    (WAITING, Some(false)) => {
                        documents.remove(WAITING, name).await?;
                    }
                    (_, Some(false)) => shift_where(app, name, [KIND, WAITING], |_| true).await?,
                    _ => {}
                }
            }
            last = names.into_iter().last();
        }
    }
    Ok(())
}

pub(crate) async fn find(app: &App, name: &str) -> Result<Option<Found>, ApiError> {
    let Some(kept) = read(app, name).await? else {
        return Ok(None);
    };
    let bytes = STANDARD.decode(&kept.base64);
    Ok(Some(Found {
        media_type: kept.media_type,
        bytes: bytes.map_err(|error| ApiError::outage(&error))?,
    }))
}

/// Removes icons of the owner's that none of their accounts has any more.
pub(crate) async fn remove_unused(
    app: &App,
    owner: i64,
    accounts: &Subject,
    removed: impl Iterator<Item = &str>,
) -> Result<(), ApiError> {
    // Read once: a batch has many of them.
    let accounts = app.vaults.list(accounts).await?;
    let used: BTreeSet<&str> = names(&accounts).collect();
    let unused: BTreeSet<&str> = removed.filter(|name| !used.contains(name)).collect();
    for name in unused {
        let kept = read(app, name).await?;
        if kept.is_some_and(|kept| kept.owner == owner) {
            remove(app, name).await?;
        }
    }
    Ok(())
}

async fn remove(app: &App, name: &str) -> Result<(), ApiError> {
    for kind in [KIND, WAITING] {
        app.engine.documents.remove(kind, name).await?;
    }
    Ok(())
}

pub(crate) async fn upload(call: Call) -> Answer {
    let bytes = call.visit.file("icon").await?;
    let read = tokio::task::spawn_blocking(move || Icon::read(&bytes));
    let read = read.await.map_err(|error| ApiError::outage(&error))?;
    let icon = read.map_err(|error| {
        ApiError::invalid("icon", &format!("The icon cannot be taken: {error}."))
    })?;
    let filename = keep(call.app(), call.id, &icon).await?;
    reply(201, &json!({"filename": filename}))
}

pub(crate) async fn delete(call: Call, Path(name): Path<String>) -> Answer {
    let app = call.app();
    match read(app, &name).await? {
        Some(kept) if kept.owner != call.id => {
            Err(ApiError::forbidden("This icon belongs to somebody else"))
        }
        Some(_) => {
            remove(app, &name).await?;
            nothing()
        }
        None => nothing(),
    }
}

/// The picture: it is the content of a stranger.
pub(crate) async fn show(visit: Visit, Path(name): Path<String>) -> Answer {
    let found = find(&visit.app, &name).await?;
    let found = found.ok_or_else(ApiError::not_found)?;
    let kind = HeaderValue::from_str(&found.media_type);
    let kind = kind.map_err(|error| ApiError::outage(&error))?;
    let header = |name, value| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    let headers = [
        (CONTENT_TYPE, kind),
        header("content-security-policy", "default-src 'none'; sandbox"),
        header("x-content-type-options", "nosniff"),
    ];
    Ok((headers, found.bytes).into_response())
}

/// The names of icon packs: folders that whoever runs the server puts into `icon-packs` beside the database.
pub(crate) fn packs(app: &App) -> Vec<String> {
    let folders = std::fs::read_dir(&app.packs)
        .into_iter()
        .flatten()
        .flatten();
    let mut names: Vec<String> = folders
        .filter(|folder| folder.path().is_dir())
        .filter_map(|folder| folder.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

pub(crate) async fn list_packs(call: Call) -> Answer {
    let packs: Vec<_> = packs(call.app())
        .iter()
        .map(|name| json!({"name": name}))
        .collect();
    ok(&packs.into())
}

/// The file of a service in a pack: `example-service.svg`, or `.png`.
fn in_pack(app: &App, pack: &str, service: &str) -> Option<PathBuf> {
    let word = |c: char| if c.is_alphanumeric() { c } else { '-' };
    let slug: String = service.to_lowercase().chars().map(word).collect();
    let slug = slug.trim_matches('-');
    if slug.is_empty() {
        return None;
    }
    [IconType::Svg, IconType::Png]
        .map(|kind| {
            app.packs
                .join(pack)
                .join(format!("{slug}.{}", kind.extension()))
        })
        .into_iter()
        .find(|path| path.is_file())
}

/// The icon that a pack has for a service, as one of the caller's own; 204 where none has.
pub(crate) async fn default(call: Call) -> Answer {
    let app = call.app();
    let body = call.visit.object()?;
    let mut fields = Fields::new(&body);
    let service = fields.needed_text("service");
    let pack = fields.text("iconPack");
    let collection = fields.text("iconCollection");
    if collection.is_some_and(|name| !["tfa", "selfh", "dashboardicons"].contains(&name)) {
        fields.wrong("iconCollection", "field is invalid.");
    }
    let variant = fields.text("variant");
    if variant.is_some_and(|name| !["regular", "light", "dark"].contains(&name)) {
        fields.wrong("variant", "field is invalid.");
    }
    fields.check()?;
    let wanted = pack.or(collection);
    let packs = packs(app);
    let mut paths = packs
        .iter()
        .filter(|name| wanted.is_none_or(|wanted| wanted == name.as_str()))
        .filter_map(|name| in_pack(app, name, service));
    let Some(bytes) = paths.next().and_then(|path| std::fs::read(path).ok()) else {
        return nothing();
    };
    let Ok(icon) = Icon::read(&bytes) else {
        return nothing();
    };
    let filename = keep(app, call.id, &icon).await?;
    reply(201, &json!({"filename": filename}))
}
