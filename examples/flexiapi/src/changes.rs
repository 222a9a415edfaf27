//! A new phone number or e-mail address: a code is sent there, and what comes back proves it.

use std::sync::Arc;

use contract_server::Within;
use poem::{handler, web::Data};
use twofa_providers::{
    token_delivery::Message,
    token_store::{
        Given, Revoke, TokensError,
        ott_core::{
            Binding, Channel, Destination, Format, Handle, IssueOptions, Issued, Policy, State,
            Token, rand::rngs::SysRng,
        },
    },
};
use zeroize::Zeroizing;

use crate::{
    account::{Account, Pending, User, blocked},
    answer::{Answer, ApiError, Faults, Reply},
    app::App,
    call::{Call, Parameters},
    tokens::committed,
};

/// What is drawn: 1000 to 9999.
const DRAWN: Format = Format::builder("0123456789", 4).no_leading_zero().build();

/// `POST accounts/me/phone/request`.
#[handler]
pub(crate) async fn request_phone(app: Data<&Arc<App>>, call: Call) -> Answer {
    app.request_change(&call, Channel::Phone).await
}

/// `POST accounts/me/email/request`.
#[handler]
pub(crate) async fn request_email(app: Data<&Arc<App>>, call: Call) -> Answer {
    app.request_change(&call, Channel::Email).await
}

/// `POST accounts/me/phone`.
#[handler]
pub(crate) async fn set_phone(app: Data<&Arc<App>>, call: Call) -> Answer {
    app.confirm_change(&call, Channel::Phone).await
}

/// `POST accounts/me/email`.
#[handler]
pub(crate) async fn set_email(app: Data<&Arc<App>>, call: Call) -> Answer {
    app.confirm_change(&call, Channel::Email).await
}

/// What a code that was typed came to.
pub(crate) enum Tried<T> {
    /// Right, and spent.
    Right(T),
    /// Wrong: how often it may still be tried.
    Wrong(u32),
    /// No code at all: nothing was counted.
    Unreadable(u32),
    /// Used already, or a newer one took its place.
    Used,
    /// Tried too often, or too late.
    Over,
}

impl App {
    async fn request_change(&self, call: &Call, channel: Channel) -> Answer {
        let caller = self.user(call).await?;
        let parameters = call.parameters()?;
        validated(&caller)?;
        let to = self
            .new_destination(&parameters, channel, caller.id)
            .await?;
        // One at a time: what is on its way and fails has not been sent, and blocks nobody.
        let _turn = self.turns.wait(&format!("codes {}", caller.id)).await;
        if !self.count_code(caller.id).await? {
            return Err(blocked());
        }
        let policy = self.change_policy(channel);
        let subject = caller.subject()?;
        let binding = Binding::subject(&subject).destination(&to);
        let issued = self.issue_code(policy, &binding, &[]).await?;
        let message = Message::new(policy.purpose(), &to, &issued.token);
        if let Err(error) = self.delivery.deliver(&message).await {
            self.tokens
                .revoke(&Revoke::Record(*issued.record.id()))
                .await?;
            self.uncount_code(caller.id).await?;
            return Err(error.into());
        }
        let pending = Pending {
            handle: Zeroizing::new(issued.handle.expose_secret().as_str().into()),
            to: to.address().into(),
        };
        let noted = self.change(caller.id, |user| {
            *place(user, channel) = Some(pending.clone());
            Ok(())
        });
        noted.await?;
        Ok(Reply::Empty)
    }

    /// Where the code goes: nobody else's.
    async fn new_destination(
        &self,
        parameters: &Parameters,
        channel: Channel,
        id: u64,
    ) -> Result<Destination, ApiError> {
        let field = field(channel);
        let mut faults = Faults::default();
        let text = parameters.required(field, &mut faults);
        faults.end()?;
        let text = text.unwrap_or_default();
        let to = match channel {
            Channel::Email => Destination::email(text),
            _ => Destination::phone(text),
        };
        let to = to.map_err(|_| ApiError::invalid(field, format!("The {field} is not valid.")))?;
        let on = &mut self.documents.anywhere();
        self.nobody_elses(on, &to, id).await?;
        Ok(to)
    }

    async fn nobody_elses(
        &self,
        on: &mut Within<'_>,
        to: &Destination,
        id: u64,
    ) -> Result<(), ApiError> {
        match self.by_destination(on, to).await? {
            Some(owner) if owner.id != id => Err(taken(field(to.channel()))),
            _ => Ok(()),
        }
    }

    async fn confirm_change(&self, call: &Call, channel: Channel) -> Answer {
        let mut caller = self.user(call).await?;
        let parameters = call.parameters()?;
        validated(&caller)?;
        let mut faults = Faults::default();
        let typed = parameters.code("code", &mut faults);
        faults.end()?;
        let typed = typed.unwrap_or_default();
        let wrong = || ApiError::invalid("code", "The code is not valid.");
        let pending = place(&mut caller.user, channel).take().ok_or_else(wrong)?;
        let handle = Handle::parse(&pending.handle).map_err(|_| wrong())?;
        let to = match channel {
            Channel::Email => Destination::email(pending.to.as_str()),
            _ => Destination::phone(pending.to.as_str()),
        };
        let (to, subject) = (to.map_err(|_| wrong())?, caller.subject()?);
        let binding = Binding::subject(&subject).destination(&to);
        let policy = self.change_policy(channel);
        let anywhere = &mut self.documents.anywhere();
        self.nobody_elses(anywhere, &to, caller.id).await?;
        let redeem = async || {
            let opened = self
                .opening
                .redeem_in_transaction(policy, &handle, &binding, &typed);
            opened.await
        };
        let tried = self.try_code(policy, &handle, &binding, &typed, redeem);
        let (mut open, _) = match tried.await? {
            Tried::Right(opened) => opened,
            Tried::Wrong(_) | Tried::Unreadable(_) | Tried::Used => return Err(wrong()),
            Tried::Over => return Err(ApiError::new(410, "Expired code")),
        };
        let on = &mut self.documents.within(&mut open);
        // Of two who prove the same number at once one gets it. The other's transaction is dropped, which leaves the code
        // unspent.
        Self::hold_owners(on).await?;
        self.nobody_elses(on, &to, caller.id).await?;
        self.own(on, &to, caller.id).await?;
        let mut old = None;
        let user = Self::change_on(on, caller.id, |user| {
            let pending = place(user, channel);
            if pending
                .as_ref()
                .is_some_and(|now| *now.handle == handle.expose_secret().as_str())
            {
                *pending = None;
            }
            let present = match channel {
                Channel::Email => &mut user.email,
                _ => &mut user.phone,
            };
            old = present.replace(to.address().into());
            Ok(user.json(caller.id))
        });
        let user = user.await?;
        if let Some(old) = old.filter(|old| old != to.address()) {
            let old = match channel {
                Channel::Email => Destination::email(old),
                _ => Destination::phone(old),
            };
            if let Ok(old) = old {
                self.disown(on, &old).await?;
            }
        }
        committed(open).await?;
        Ok(Reply::Json(200, user))
    }

    const fn change_policy(&self, channel: Channel) -> &Policy {
        match channel {
            Channel::Email => &self.policies.email_code,
            _ => &self.policies.phone_code,
        }
    }

    /// Makes a code of four digits.
    pub(crate) async fn issue_code(
        &self,
        policy: &Policy,
        binding: &Binding<'_>,
        data: &[u8],
    ) -> Result<Issued, ApiError> {
        let drawn = Token::try_generate_from_rng(&DRAWN, &mut SysRng);
        let drawn = drawn.map_err(contract_server::Fault::from)?;
        let (texts, options) = (
            [drawn.expose_secret()],
            IssueOptions {
                data,
                ..IssueOptions::default()
            },
        );
        match self
            .tokens
            .issue_given(policy, binding, &texts, options)
            .await?
        {
            Given::New(mut issued) => issued.pop().ok_or(ApiError::of_status(503)),
            Given::There => Err(ApiError::of_status(503)),
        }
    }

    /// Tries a code, one at a time for each that was sent.
    pub(crate) async fn try_code<T>(
        &self,
        policy: &Policy,
        handle: &Handle,
        binding: &Binding<'_>,
        typed: &str,
        redeem: impl AsyncFnOnce() -> Result<T, TokensError>,
    ) -> Result<Tried<T>, ApiError> {
        let issuer = self.tokens.issuer();
        // Any code finds the record: the handle names it.
        let id = match issuer.present_by_handle(policy, handle, binding, "0000", self.now()) {
            Ok(presented) => *presented.id(),
            Err(_) => return Ok(Tried::Used),
        };
        let _turn = self.turns.wait(&id.to_string()).await;
        let Some(found) = self.tokens.find(policy, &id).await? else {
            return Ok(Tried::Over);
        };
        let stored = found.stored();
        match stored.state {
            State::Ready if stored.is_live(self.now()) => {}
            State::Ready | State::Exhausted => return Ok(Tried::Over),
            _ => return Ok(Tried::Used),
        }
        let most = stored.max_attempts.map_or(0, u32::from);
        let left = most.saturating_sub(stored.attempts);
        let digits = typed.len() == 4 && typed.bytes().all(|one| one.is_ascii_digit());
        if !digits {
            return Ok(Tried::Unreadable(left));
        }
        match redeem().await {
            Ok(redeemed) => Ok(Tried::Right(redeemed)),
            Err(error) if error.reason().is_some() => Ok(Tried::Wrong(left.saturating_sub(1))),
            Err(error) => Err(error.into()),
        }
    }
}

fn validated(caller: &Account) -> Result<(), ApiError> {
    if caller.user.validated {
        return Ok(());
    }
    Err(ApiError::new(403, "Account unvalidated"))
}

const fn field(channel: Channel) -> &'static str {
    match channel {
        Channel::Email => "email",
        _ => "phone",
    }
}

const fn place(user: &mut User, channel: Channel) -> &mut Option<Pending> {
    match channel {
        Channel::Email => &mut user.new_email,
        _ => &mut user.new_phone,
    }
}

fn taken(field: &'static str) -> ApiError {
    ApiError::invalid(field, format!("The {field} has already been taken."))
}
