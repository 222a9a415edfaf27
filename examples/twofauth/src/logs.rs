//! What happened: codes that were given, and who signed in.

use core::{cmp::Reverse, time::Duration};

use axum::extract::Path;
use otp_vault::store::{Account, Subject};
use ott_bearer::token_store::ott_core::{
    chrono::{DateTime, TimeDelta},
    rand::{TryRng as _, rngs::SysRng},
};
use serde_json::{Value, json};

use crate::{
    answer::{Answer, ApiError, ok},
    app::{App, stamp},
    call::{Call, Visit, id},
    parameters::type_name,
    twofaccounts::own,
    users::Users,
};

/// In seconds.
const MONTH: f64 = 31.0 * 86_400.0;

/// What is kept of one account or user at most.
const MOST: u32 = 500;

/// Adds a line to a log, and removes those that are too old for it. Its key sorts by time.
async fn add(app: &App, kind: &str, line: &Value) -> Result<(), ApiError> {
    let drawn = SysRng.try_next_u32();
    let drawn = drawn.map_err(|error| ApiError::outage(&error))?;
    let key = format!("{:020}-{drawn:08x}", app.now().timestamp_micros());
    app.engine.documents.add(kind, &key, line).await?;
    Ok(app.engine.documents.keep_newest(kind, MOST).await?)
}

/// The lines of a log, newest first.
async fn lines(app: &App, kind: &str) -> Result<Vec<Value>, ApiError> {
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    Ok(app.engine.documents.newest(kind, most).await?)
}

fn of_codes(account: i64) -> String {
    format!("otp-log {account}")
}

/// Those that failed apart: whoever fails often drops no line of one that did not.
fn of_user(user: i64, right: bool) -> String {
    let kind = if right { "auth-log" } else { "failed-auth-log" };
    format!("{kind} {user}")
}

/// Somebody got a code of an account.
pub(crate) async fn code_given(
    call: &Call,
    owner: &Subject,
    account: &Account,
) -> Result<(), ApiError> {
    let app = call.app();
    let entry = &account.kept.entry;
    let line = json!({
        "requester": call.id, "requester_name": call.member.name, "requester_email": call.member.email,
        "owner": owner.id().parse::<i64>().unwrap_or(0), "ip_address": call.visit.address,
        "generated_at": app.stamp(), "otp_type": type_name(entry.kind), "counter": entry.counter(),
    });
    add(app, &of_codes(account.id), &line).await
}

pub(crate) async fn forget_codes(app: &App, account: i64) -> Result<(), ApiError> {
    Ok(app.engine.documents.clear(&of_codes(account)).await?)
}

/// The codes of an account, newest first.
pub(crate) async fn codes(call: Call, Path(of): Path<String>) -> Answer {
    let account = own(&call, id(&of)?).await?;
    let app = call.app();
    let lines: Vec<Value> = lines(app, &of_codes(account.id))
        .await?
        .into_iter()
        .map(|mut line| {
            if let Some(fields) = line.as_object_mut() {
                fields.remove("requester");
                fields.remove("owner");
                fields.insert("owner_name".into(), call.member.name.clone().into());
                fields.insert("owner_email".into(), call.member.email.clone().into());
                if fields.get("counter").is_some_and(Value::is_null) {
                    fields.remove("counter");
                }
            }
            line
        })
        .collect();
    ok(&lines.into())
}

/// Somebody tried to sign in as this user, or as nobody: then nobody reads the line.
pub(crate) async fn sign_in(visit: &Visit, user: i64, right: bool) -> Result<(), ApiError> {
    let app = &visit.app;
    let agent = visit.headers.get("user-agent");
    let agent: String = agent
        .and_then(|agent| agent.to_str().ok())
        .unwrap_or_default()
        .chars()
        .take(255)
        .collect();
    let line = json!({
        "ip_address": visit.address, "user_agent": agent, "at": app.now().timestamp_micros(), "successful": right,
    });
    add(app, &of_user(user, right), &line).await
}

pub(crate) async fn forget_user(app: &App, user: i64) -> Result<(), ApiError> {
    for right in [true, false] {
        app.engine.documents.clear(&of_user(user, right)).await?;
    }
    Ok(())
}

/// The first of these words that the agent names.
fn word(agent: &str, words: &[&str]) -> String {
    let found = words.iter().find(|word| agent.contains(**word));
    found.map_or_else(|| "unknown".into(), |word| (*word).to_owned())
}

/// When it was, in microseconds since 1970.
fn time(line: &Value) -> i64 {
    line.get("at").and_then(Value::as_i64).unwrap_or(0)
}

/// Who signed in as a user, newest first; of the last months, and so many at most.
pub(crate) async fn authentications(call: Call, Path(of): Path<String>) -> Answer {
    call.admin()?;
    let user = id(&of)?;
    let app = call.app();
    let users = Users::read(app).await?;
    users.members.get(&user).ok_or_else(ApiError::not_found)?;
    let number = |name: &str| match call.visit.parameter(name).map(str::parse::<f64>) {
        None => Ok(None),
        Some(Ok(number)) if number.is_finite() => Ok(Some(number)),
        Some(_) => Err(ApiError::invalid(
            name,
            &format!("The {name} field must be a number."),
        )),
    };
    let (limit, period) = (number("limit")?, number("period")?);
    let since = period.and_then(|months| {
        let span = Duration::try_from_secs_f64(months.max(0.0) * MONTH).ok()?;
        app.now()
            .checked_sub_signed(TimeDelta::from_std(span).ok()?)
    });
    let since = since.map_or(0, |since| since.timestamp_micros());
    // A fraction counts as far as it is whole, and a negative number as none.
    let most = limit.map(|limit| format!("{:.0}", limit.max(0.0).trunc()).parse());
    let most = most.map_or(usize::MAX, |most| most.unwrap_or(usize::MAX));
    let mut all = lines(app, &of_user(user, true)).await?;
    all.extend(lines(app, &of_user(user, false)).await?);
    all.sort_by_key(|line| Reverse(time(line)));
    let lines: Vec<Value> = (1..)
        .zip(all)
        .filter(|(_, line)| time(line) >= since)
        .take(most)
        .map(|(id, line): (i64, Value)| {
            let field = |name: &str| line.get(name).cloned().unwrap_or_default();
            let agent = field("user_agent");
            let agent = agent.as_str().unwrap_or_default();
            let at = DateTime::from_timestamp_micros(time(&line));
            let phone = agent.contains("Mobile") || agent.contains("Android");
            json!({
                "id": id, "ip_address": field("ip_address"), "user_agent": agent,
                "browser": word(agent, &["Firefox", "Edg", "Chrome", "Safari", "curl"]),
                "platform": word(agent, &["Android", "Windows", "iPhone", "Mac OS", "Linux"]),
                "device": if phone { "phone" } else { "desktop" }, "login_at": at.map(stamp), "logout_at": null,
                "login_successful": field("successful"), "duration": null, "login_method": "password",
            })
        })
        .collect();
    ok(&lines.into())
}
