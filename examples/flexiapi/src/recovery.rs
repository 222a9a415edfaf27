//! The recovery pages: a token that a device was pushed, a phone number, and the code that is sent there.

use std::sync::Arc;

use poem::{handler, web::Data};
use twofa_providers::{
    token_delivery::Message,
    token_store::{
        Revoke,
        ott_core::{Binding, Destination, Handle, Issued, Token},
    },
};

use crate::{
    account::subject,
    answer::{Answer, ApiError, Faults, Reply},
    app::App,
    call::Call,
    changes::Tried,
    pages,
    resend::Kind,
    tokens::{Details, Standing},
};

const TOKEN: &str = "account_recovery_token";
/// The only way by which a code is sent.
const METHOD: &str = "phone";

/// `GET recovery/phone/{token}?phone=`. Looking at it spends nothing.
#[handler]
pub(crate) async fn first_page(app: Data<&Arc<App>>, call: Call) -> Answer {
    let answer = app.ask_for_number(&call).await;
    call.page(answer)
}

/// `POST recovery`: sends the code.
#[handler]
pub(crate) async fn send(app: Data<&Arc<App>>, call: Call) -> Answer {
    let answer = app.send_recovery_code(&call).await;
    call.page(answer)
}

/// `POST recovery/confirm`.
#[handler]
pub(crate) async fn confirm(app: Data<&Arc<App>>, call: Call) -> Answer {
    let answer = app.confirm_recovery(&call).await;
    call.page(answer)
}

/// `GET recovered`: where a recovered account is greeted.
#[handler]
pub(crate) async fn recovered(app: Data<&Arc<App>>, call: Call) -> Answer {
    let answer = match app.user(&call).await {
        Ok(account) => Ok(Reply::Page(200, pages::recovered(&account.user.username))),
        Err(error) => Err(error),
    };
    call.page(answer)
}

impl App {
    async fn ask_for_number(&self, call: &Call) -> Answer {
        let query = call.query()?;
        let text = call.part("token");
        match self.standing(&self.policies.recovery, text).await? {
            Standing::Ready => {}
            Standing::Expired => return Err(expired()),
            _ => return Err(ApiError::not_found()),
        }
        let mut faults = Faults::default();
        let phone = query.text("phone", &mut faults).unwrap_or_default();
        faults.end()?;
        Ok(Reply::Page(200, pages::recover(text, &phone)))
    }

    async fn send_recovery_code(self: &Arc<Self>, call: &Call) -> Answer {
        let form = call.form()?;
        let mut faults = Faults::default();
        let text = form.text(TOKEN, &mut faults).unwrap_or_default();
        // Of the token no more than its form: what is wrong with the number is told to whoever has a right one.
        core::mem::take(&mut faults).end()?;
        let phone = form.required("phone", &mut faults);
        let policy = &self.policies.recovery;
        match self.standing(policy, &text).await? {
            Standing::Ready => {}
            Standing::Expired => return Err(expired()),
            _ => return Err(wrong_token()),
        }
        faults.end()?;
        let phone = Destination::phone(phone.unwrap_or_default());
        let phone = phone.map_err(|_| ApiError::invalid("phone", "The phone is not valid."))?;
        let record = self.redeem(policy, &text).await?.ok_or_else(wrong_token)?;
        let details = Details::read(record.stored())?;
        let used = self.note_used(Kind::Recovery, details.device.as_ref(), record.stored());
        used.await?;
        // A number that nobody has gets a code too, which is not sent: what follows is the same.
        let on = &mut self.documents.anywhere();
        let owner = self.by_destination(on, &phone).await?;
        let owner = owner.map(|owner| owner.id);
        let Issued {
            token,
            mut handle,
            record,
        } = self.issue_recovery_code(owner).await?;
        match (owner, &self.leaving) {
            (None, _) => {}
            // Behind the answer, whose time would tell that there is an account.
            (Some(owner), Some(leaving)) => {
                let app = Arc::clone(self);
                leaving.begin(async move {
                    if let Err(error) = app.sends_code(owner, &phone, &token).await {
                        contract_server::warn(&format!("a recovery code: {error}"));
                    }
                });
            }
            (Some(owner), None) => {
                if !self.sends_code(owner, &phone, &token).await? {
                    let unsent = Revoke::Record(*record.id());
                    self.tokens.revoke(&unsent).await?;
                    handle = self.issue_recovery_code(None).await?.handle;
                }
            }
        }
        let page = pages::code(&handle.expose_secret(), METHOD, None);
        Ok(Reply::Page(200, page))
    }

    /// Whether the code left, which is not told: that would say that there is an account. One at a time, as a change's: one that does not
    /// leave does not count as sent, and blocks nobody.
    async fn sends_code(
        &self,
        owner: u64,
        phone: &Destination,
        token: &Token,
    ) -> Result<bool, ApiError> {
        let _turn = self.turns.wait(&format!("codes {owner}")).await;
        if !self.count_code(owner).await? {
            return Ok(false);
        }
        let message = Message::new(self.policies.recovery_code.purpose(), phone, token);
        let left = self.delivery.deliver(&message).await.is_ok();
        if !left {
            contract_server::warn("a recovery code was not sent");
            self.uncount_code(owner).await?;
        }
        Ok(left)
    }

    /// A code by which this account is recovered, or none is.
    async fn issue_recovery_code(&self, owner: Option<u64>) -> Result<Issued, ApiError> {
        let data = owner.map(u64::to_be_bytes).unwrap_or_default();
        let (policy, nobody) = (&self.policies.recovery_code, Binding::tenant(""));
        self.issue_code(policy, &nobody, &data).await
    }

    async fn confirm_recovery(&self, call: &Call) -> Answer {
        let form = call.form()?;
        let mut faults = Faults::default();
        let account = form.text("account_id", &mut faults).unwrap_or_default();
        let fields = ["number_1", "number_2", "number_3", "number_4"];
        let typed: String = fields
            .into_iter()
            .filter_map(|field| form.text(field, &mut faults))
            .collect();
        faults.end()?;
        let Ok(handle) = Handle::parse(&account) else {
            return Err(expired());
        };
        let (policy, binding) = (&self.policies.recovery_code, Binding::tenant(""));
        let redeem = async || self.tokens.redeem(policy, &handle, &binding, &typed).await;
        let tried = self.try_code(policy, &handle, &binding, &typed, redeem);
        let left = match tried.await? {
            Tried::Right(record) => {
                let owner = record.stored().data.as_slice().try_into();
                let owner = owner.map_or(0, u64::from_be_bytes);
                // One that is blocked was sent no code since.
                let account = self.account(owner).await?;
                if account.is_none_or(|account| account.user.blocked) {
                    return Err(expired());
                }
                let (_, cookie) = self.hand_out_key(call, &subject(owner)?).await?;
                return Ok(Reply::See("/account/recovered", cookie));
            }
            Tried::Wrong(left) | Tried::Unreadable(left) => left,
            Tried::Used | Tried::Over => return Err(expired()),
        };
        Ok(Reply::Page(200, pages::code(&account, METHOD, Some(left))))
    }
}

fn expired() -> ApiError {
    ApiError::new(419, "This page has expired")
}

fn wrong_token() -> ApiError {
    ApiError::new(403, "Wrong Account Recovery Token")
}
