//! POST /tokens.

use actix_web::{
    HttpRequest,
    web::{Bytes, Data},
};
use contract_server::Fault;
use ott_bearer::{
    New,
    token_store::{
        Charge, Spent,
        ott_core::{Binding, LimitKey, LimitScope},
    },
};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    answer::{Answer, Reply},
    app::App,
    input::{Input, Unreadable},
    tokens::shown,
    user::{REGISTERED, User, plain_name},
};

struct Wanted {
    username: String,
    password: Zeroizing<String>,
    kind: String,
    token: String,
}

impl Wanted {
    fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Unreadable> {
        let input = Input::read(request, body)?;
        Ok(Self {
            username: input.text_or_empty("username")?,
            password: input.text_or_empty("password")?.into(),
            kind: input.text_or_empty("type")?,
            token: input.text_or_empty("token")?,
        })
    }
}

pub(crate) async fn create(app: Data<App>, request: HttpRequest, body: Bytes) -> Answer {
    let wanted = Wanted::read(&request, &body);
    let wanted = wanted.map_err(|Unreadable| Reply::refused(409, "Invalid input format"))?;
    if wanted.kind != "auth" {
        return Err(Reply::refused(409, "Only auth tokens are implemented"));
    }
    let name = plain_name(&wanted.username);
    let user = app.user_named(&name).await?;
    let right = app
        .password_is(&name, user.as_ref(), wanted.password)
        .await?;
    let Some(user) = user.filter(|_| right) else {
        return Err(Reply::refused(403, "Wrong username or password"));
    };
    if user.status == REGISTERED {
        return Err(Reply::refused(403, "Your account is not confirmed"));
    }
    app.second_factor(&user, &wanted.token).await?;
    app.issue(&user).await
}

impl App {
    /// Whether it is the password of this account; without an account it is not, and that takes as long. Wrong ones are
    /// counted for the name, whether or not it is somebody's.
    pub(crate) async fn password_is(
        &self,
        name: &str,
        user: Option<&User>,
        password: Zeroizing<String>,
    ) -> Result<bool, Reply> {
        let operation = [("name", name)];
        let binding = Binding::tenant("").operation(&operation);
        let charge = Charge {
            key: LimitKey::new(LimitScope::Application, "wrong passwords", &binding),
            limit: self.settings.password_limit.pace(),
        };
        let limits = self.engine.tokens.limit_store();
        match limits.spend(&[charge], self.now()).await? {
            Spent::Allowed => {}
            Spent::RetryAt(_, at) => return Err(Reply::later(Some(at), self.now())),
            Spent::Locked(_) | Spent::Ahead(_) => return Err(Reply::later(None, self.now())),
        }
        let stored = user.and_then(|user| user.password.clone());
        let right = self.engine.passwords.verify(password, stored).await?;
        if right {
            limits.refund(&[charge], 1).await?;
        }
        Ok(right)
    }

    async fn issue(&self, user: &User) -> Answer {
        let subject = user.subject()?;
        let issued = self.bearers.issue(&New::of(&subject)).await;
        let issued = issued.map_err(|error| Fault::from(error.to_string()))?;
        let token: Value = shown(issued.token.expose_secret(), &issued.facts);
        Ok(Reply::done(201, "Authentication successful").with("token", token))
    }
}
