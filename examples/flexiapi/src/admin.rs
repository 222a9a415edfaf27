//! Accounts, as their owner and the administrators see them.

use std::sync::Arc;

use poem::{handler, web::Data};

use crate::{
    answer::{Answer, ApiError, Reply},
    app::App,
    call::Call,
};

/// `GET accounts/me`.
#[handler]
pub(crate) async fn me(app: Data<&Arc<App>>, call: Call) -> Answer {
    let account = app.user(&call).await?;
    Ok(Reply::Json(200, account.user.json(account.id)))
}

/// `GET accounts/{id}`.
#[handler]
pub(crate) async fn show(app: Data<&Arc<App>>, call: Call) -> Answer {
    app.admin(&call).await?;
    let account = app.account(number(&call)?).await?;
    let account = account.ok_or_else(ApiError::not_found)?;
    Ok(Reply::Json(200, account.user.json(account.id)))
}

/// `POST accounts/{id}/block`.
#[handler]
pub(crate) async fn block(app: Data<&Arc<App>>, call: Call) -> Answer {
    app.set_blocked(&call, true).await
}

/// `POST accounts/{id}/unblock`. What was sent until then counts no more.
#[handler]
pub(crate) async fn unblock(app: Data<&Arc<App>>, call: Call) -> Answer {
    app.set_blocked(&call, false).await
}

impl App {
    async fn set_blocked(&self, call: &Call, blocked: bool) -> Answer {
        self.admin(call).await?;
        call.parameters()?;
        let id = number(call)?;
        let user = self.change(id, |user| {
            user.blocked = blocked;
            user.sent.clear();
            Ok(user.json(id))
        });
        Ok(Reply::Json(200, user.await?))
    }
}

fn number(call: &Call) -> Result<u64, ApiError> {
    call.part("id").parse().map_err(|_| ApiError::not_found())
}
