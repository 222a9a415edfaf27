//! POST /accounts: register, verify the invitation, set up.

use actix_web::{
    HttpRequest,
    web::{Bytes, Data},
};
use ott_bearer::token_store::{
    Claimed,
    ott_core::{Binding, Destination, OwnedBinding, Reason},
};
use twofa_providers::token_delivery::Message;
use zeroize::Zeroizing;

use crate::{
    answer::{Answer, Reply},
    app::{App, INVITATION},
    begun::Begun,
    claims::Claim,
    input::{Input, Unreadable},
    user::{Changed, REGISTERED, USER, User, new_id, plain_name, styled_name},
};

fn configured() -> Reply {
    Reply::refused(403, "This account was already configured")
}

struct Wanted {
    username: String,
    password: Zeroizing<String>,
    alt_email: String,
    invite_code: String,
}

impl Wanted {
    fn read(request: &HttpRequest, body: &[u8]) -> Result<Self, Unreadable> {
        let input = Input::read(request, body)?;
        Ok(Self {
            username: input.text_or_empty("username")?,
            password: input.text_or_empty("password")?.into(),
            alt_email: input.text_or_empty("alt_email")?,
            invite_code: input.text_or_empty("invite_code")?,
        })
    }
}

const SHORTEST: usize = 3;
const LONGEST: usize = 32;

pub(crate) async fn create(app: Data<App>, request: HttpRequest, body: Bytes) -> Answer {
    let wanted = Wanted::read(&request, &body);
    let wanted = wanted.map_err(|Unreadable| Reply::refused(400, "Invalid input format"))?;
    let given: [&str; 4] = [
        &wanted.username,
        &wanted.password,
        &wanted.alt_email,
        &wanted.invite_code,
    ];
    match given.map(|text| !text.is_empty()) {
        [true, false, true, false] => app.register(&wanted).await,
        [true, false, false, true] => {
            let user = app.invited(&wanted).await?;
            app.not_configured(&user)?;
            Ok(Reply::done(200, "Valid token was provided"))
        }
        [true, true, false, true] => app.set_up(wanted).await,
        _ => Err(Reply::refused(400, "Invalid request")),
    }
}

impl App {
    async fn register(&self, wanted: &Wanted) -> Answer {
        let styled = styled_name(&wanted.username);
        let mut user = User::new(
            new_id().map_err(|error| Reply::outage(&error))?,
            &styled,
            self.now(),
        );
        if !(SHORTEST..=LONGEST).contains(&user.name.len()) {
            let message =
                "Invalid username - it has to be at least 3 and at max 32 characters long";
            return Err(Reply::refused(400, message));
        }
        let email = Destination::email(wanted.alt_email.as_str());
        let email = email.map_err(|_| Reply::refused(400, "Invalid request"))?;
        user.alt_email = Some(email.address().into());
        self.begin(&user.id, &Begun::Registration).await?;
        if let Err(refused) = self.invite(&user, &email).await {
            // What an outage leaves of it is taken back later.
            let taken_back = async {
                self.unregister(&user.id).await?;
                self.end(&user.id).await
            };
            if let Err(error) = taken_back.await {
                Reply::outage(&error);
            }
            return Err(refused);
        }
        Ok(
            Reply::done(201, "Your account has been added to the beta queue")
                .with("account", user.shown()),
        )
    }

    /// Makes the account, and sends its invitation.
    async fn invite(&self, user: &User, email: &Destination) -> Result<(), Reply> {
        // The account is there before its claims, and has what they claim: nobody takes them.
        self.engine.documents.add(USER, &user.id, user).await?;
        for (claim, taken) in [
            (Claim::Name(&user.name), "Username already used"),
            (Claim::Email(email.address()), "Email already used"),
        ] {
            if !self.claim(&claim, &user.id).await? {
                return Err(Reply::refused(409, taken));
            }
        }
        let subject = user.subject()?;
        let binding = Binding::subject(&subject);
        let issued = self.engine.tokens.issue(&INVITATION, &binding).await;
        let issued = match issued {
            Err(error) if error.answer().status() == 429 => {
                return Err(Reply::later(None, self.now()));
            }
            issued => issued?,
        };
        let message = Message::new(INVITATION.purpose(), email, &issued.token);
        let sent = self.engine.delivery.deliver(&message).await;
        sent.map_err(|error| Reply::outage(&error))?;
        Ok(self.end(&user.id).await?)
    }

    /// The account of this name, if this is its invitation. Nothing is spent.
    async fn invited(&self, wanted: &Wanted) -> Result<User, Reply> {
        let user = self.user_named(&plain_name(&wanted.username)).await?;
        let user = user.ok_or_else(|| Reply::refused(400, "Invalid username"))?;
        let invalid = || Reply::refused(400, "Invalid invitation code");
        let (tokens, now) = (&self.engine.tokens, self.now());
        let issuer = tokens.issuer();
        let presented = issuer.present_by_itself(&INVITATION, "", &wanted.invite_code, now);
        let presented = presented.map_err(|_| invalid())?;
        let stored = tokens.store().find(presented.id()).await?;
        let record = issuer.open(&INVITATION, stored.ok_or_else(invalid)?);
        let record = record.map_err(|_| invalid())?;
        let owner = record.stored().owner();
        if owner.is_none_or(|owner| owner.id() != user.id) {
            return Err(invalid());
        }
        // It is looked at here, and redeemed where the account is set up.
        match record
            .authenticate(&presented, now)
            .map_err(|why| why.reason())
        {
            // Once used, it is good for nothing but to say that.
            Ok(()) | Err(Reason::Spent) => Ok(user),
            Err(Reason::Expired) => Err(Reply::refused(400, "Expired invitation code")),
            Err(_) => Err(invalid()),
        }
    }

    fn not_configured(&self, user: &User) -> Result<(), Reply> {
        if user.status == REGISTERED {
            return Ok(());
        }
        Err(configured())
    }

    async fn set_up(&self, wanted: Wanted) -> Answer {
        let user = self.invited(&wanted).await?;
        self.not_configured(&user)?;
        if self.weak.has(&wanted.password) {
            return Err(Reply::refused(403, "Weak password"));
        }
        let password = self.engine.passwords.hash(wanted.password).await?;
        // The account decides, since it is what is set up. An invitation that an outage leaves unspent is good for nothing more.
        let user = match self.set_up_once(&user.id, &password).await? {
            Changed::Done(user) => user,
            Changed::Other => return Err(configured()),
            Changed::Gone => return Err(Reply::refused(400, "Invalid username")),
        };
        let load =
            async |claimed: Claimed| -> Result<Option<OwnedBinding>, contract_server::Fault> {
                Ok(claimed.owner_alone())
            };
        let tokens = &self.engine.tokens;
        let spent = tokens.redeem_by_itself(&INVITATION, "", &wanted.invite_code, load);
        if let Err(error) = spent.await
            && error.reason().is_none()
        {
            Reply::outage(&error);
        }
        let message = "Your account has been initialized successfully";
        Ok(Reply::done(200, message).with("account", user.shown()))
    }
}
