//! A person with two browsers, each served by a showcase of its own in this process, over one database.

#![allow(dead_code, reason = "each test file uses a part")]

use fantoccini::Locator::Css;
use showcase::Config;

use crate::{
    chromium::{Browser, Chromedriver},
    support::{Person, Site},
};

pub(crate) const EMAIL: &str = "max@example.org";
pub(crate) const PHONE: &str = "form[data-prompt]";

/// A computer and a phone, of somebody who has an authenticator app.
pub(crate) struct Two {
    pub(crate) site: Site,
    _beside: Site,
    _driver: Chromedriver,
    pub(crate) computer: Browser,
    pub(crate) phone: Browser,
    pub(crate) secret: String,
}

impl Two {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl Fn(&mut Config)) -> Self {
        let site = Site::start_with(&change).await;
        let beside = site.beside_with(&change).await;
        let driver = Chromedriver::start().await;
        let computer = Browser::open_scripted(&driver, &site.origin, "computer").await;
        let phone = Browser::open_scripted(&driver, &beside.origin, "phone").await;
        let mut elsewhere = Person::new(&site);
        elsewhere.register(EMAIL).await;
        let (secret, _) = elsewhere.enrol_first(&site).await;
        elsewhere.sign_out().await;
        site.wait(30);
        Self {
            site,
            _beside: beside,
            _driver: driver,
            computer,
            phone,
            secret,
        }
    }

    /// Signs in on the computer by the app.
    pub(crate) async fn by_app(&self) {
        self.site.wait(30);
        self.computer.password(EMAIL).await;
        self.computer
            .fill("code", &self.site.code(&self.secret))
            .await;
        self.computer.press("Continue").await;
        self.computer.at("/account").await;
    }

    /// The link is shown, and opened on the phone.
    pub(crate) async fn pair(&self) {
        self.computer.goto("/account/add").await;
        self.computer.choose("prompt").await;
        self.computer.fill("label", "My phone").await;
        self.computer.press("Continue").await;
        self.computer.at("/account/add/device").await;
        let uri = self.computer.scan(Css(".qr svg")).await;
        let (_, link) = uri.split_once("/pair#").expect("a link");
        self.phone.goto(&format!("/pair#{link}")).await;
    }

    /// The phone becomes a device, and answers its first prompt.
    pub(crate) async fn enrol(&self) {
        self.pair().await;
        self.phone.press("Use this browser").await;
        self.phone.at("/device").await;
        self.computer.comes_to("/account/add/confirm").await;
        self.phone.appears(Css(PHONE)).await;
        self.answer("Yes, it is me").await;
        self.computer.comes_to("/account").await;
    }

    pub(crate) async fn number(&self) -> String {
        self.computer.text(Css("p.number")).await
    }

    /// Types the number on the phone, and says this.
    pub(crate) async fn answer(&self, words: &str) {
        let number = self.number().await;
        self.phone.appears(Css(PHONE)).await;
        self.phone.fill("number", &number).await;
        self.phone.press(words).await;
    }

    /// Signs out and in again, as far as the number.
    pub(crate) async fn ask(&self) {
        self.computer.goto("/account").await;
        self.computer.press("Sign out").await;
        self.computer.password(EMAIL).await;
        self.computer.press("Ask your device: My phone").await;
        self.computer.at("/second-factor").await;
    }

    pub(crate) async fn close(self) {
        self.computer.close().await;
        self.phone.close().await;
    }
}
