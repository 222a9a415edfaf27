//! Access tokens against a real server, whose mechanisms are the test's: RFC 7628, and XOAUTH2.

#[path = "support/certificates.rs"]
mod certificates;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "support/server.rs"]
mod server;
#[path = "support/words.rs"]
mod words;

use core::{
    error::Error,
    num::NonZeroU16,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use std::{fs, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use certificates::certificates;
use server::Server;
use token_delivery::{
    AccessToken, AccessTokens, CachedTokens, Delivery, DeliveryError, Message, SmtpDelivery,
    TokenIssuer,
};
use words::{SIGN_IN, alice, everything, templates, token};

const USER: &str = "mail=er,1@example.org";

/// The issuer's token that is good now stands in a file, which the server reads.
#[derive(Clone)]
struct Issuer {
    file: PathBuf,
    good_for: Duration,
    issued: Arc<AtomicUsize>,
    down: bool,
}

impl Issuer {
    fn new(good_for: u64) -> Self {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let name = format!("token-{}", token().expose_secret());
        Self {
            file: folder.join(name),
            good_for: Duration::from_secs(good_for),
            issued: Arc::default(),
            down: false,
        }
    }

    fn issued(&self) -> usize {
        self.issued.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl TokenIssuer for Issuer {
    async fn issue(&self) -> Result<(AccessToken, Duration), Box<dyn Error + Send + Sync>> {
        if self.down {
            return Err("the issuer does not answer".into());
        }
        let number = self.issued.fetch_add(1, Ordering::SeqCst);
        // Longer than a command line, so that both ways to say it are met.
        let token = format!(
            "ya29.{number}-{}",
            "x".repeat(if number == 0 { 0 } else { 600 })
        );
        fs::write(&self.file, &token)?;
        Ok((AccessToken::new(token), self.good_for))
    }
}

/// A token that is revoked before its end is refused, by a challenge and 535; a new one signs in, on the same connection. One that is good is
/// kept over connections.
#[tokio::test]
async fn smtp_oauth_renews_what_was_revoked() {
    let certificates = certificates("127.0.0.1");
    for mechanism in ["XOAUTH2", "OAUTHBEARER"] {
        let issuer = Issuer::new(3_600);
        let file = issuer.file.to_str().unwrap().to_owned();
        let auth = format!("{USER}:no password");
        let flags = ["--bearer", mechanism, "--token", &file, "--auth", &auth];
        let server = Server::start_tls(&certificates.server, &certificates.key, &flags);
        let smtp = || {
            let builder = SmtpDelivery::builder("127.0.0.1", "no-reply@example.org", templates());
            let builder = builder
                .port(server.port)
                .trust_only(certificates.authority.clone());
            builder.connections(NonZeroU16::MIN)
        };
        let source = Arc::new(CachedTokens::new(issuer.clone()));
        let (address, token) = (alice(), token());
        let message = Message::new(SIGN_IN.purpose(), &address, &token);
        for _ in 0..2 {
            // A delivery of its own has a connection of its own.
            let smtp = smtp().access_tokens(USER, Kept(Arc::clone(&source)));
            smtp.build().unwrap().deliver(&message).await.unwrap();
        }
        assert_eq!(issuer.issued(), 1, "{mechanism}: kept");
        fs::write(&issuer.file, "another one since").unwrap();
        let again = smtp().access_tokens(USER, Kept(Arc::clone(&source)));
        again.build().unwrap().deliver(&message).await.unwrap();
        assert_eq!(issuer.issued(), 2, "{mechanism}: renewed once");
        assert_eq!(server.received().len(), 3);

        let other = smtp().access_tokens("somebody else", Kept(source));
        let error = other.build().unwrap().deliver(&message).await.unwrap_err();
        assert!(
            matches!(error, DeliveryError::Misconfigured { .. }),
            "{error:?}"
        );
        assert!(!everything(&error).contains("ya29"));
        assert_eq!(issuer.issued(), 3, "{mechanism}: and no oftener");
        fs::remove_file(&issuer.file).unwrap();
    }
}

struct Kept(Arc<CachedTokens<Issuer>>);

#[async_trait]
impl AccessTokens for Kept {
    async fn access_token(&self, anew: bool) -> Result<AccessToken, Box<dyn Error + Send + Sync>> {
        self.0.access_token(anew).await
    }
}

/// A token is kept until a minute before its end; many who ask at once cost one; what a server refused is not given again.
#[tokio::test(flavor = "multi_thread")]
async fn cached_token_is_renewed_before_its_end() {
    for (good_for, issued) in [(3_600, 1), (62, 1), (60, 20), (1, 20), (0, 20)] {
        let issuer = Issuer::new(good_for);
        let tokens = Arc::new(CachedTokens::new(issuer.clone()));
        let asking = (0..20).map(|_| {
            let tokens = Arc::clone(&tokens);
            tokio::spawn(async move { tokens.access_token(false).await.map(drop) })
        });
        for asked in asking.collect::<Vec<_>>() {
            asked.await.unwrap().unwrap();
        }
        assert_eq!(issuer.issued(), issued, "good for {good_for} s");
        fs::remove_file(&issuer.file).unwrap();
    }
    let mut issuer = Issuer::new(3_600);
    issuer.down = true;
    let tokens = CachedTokens::new(issuer.clone());
    assert!(tokens.access_token(false).await.is_err());
    let shown = format!("{tokens:?}");
    assert_eq!(shown, "CachedTokens { .. }");
}
