//! What this server can do.

use serde_json::json;

use crate::{
    answer::{Answer, ok},
    call::Call,
    icons, options,
};

pub(crate) async fn list(call: Call) -> Answer {
    let app = call.app();
    let sharing = options::is_on(app, "enableSharing").await?;
    let all_users = sharing && options::is_on(app, "allUsersSharingScope").await?;
    let features = [
        ("iconPack", !icons::packs(app).is_empty()),
        ("sharing", sharing),
        ("allUsersSharingScope", all_users),
        ("showNextOtp", true),
        ("groupChips", true),
    ];
    let list: Vec<_> = features
        .iter()
        .map(|(name, on)| json!({"name": name, "state": if *on { "enabled" } else { "disabled" }}))
        .collect();
    ok(&list.into())
}
