//! English.

use super::Catalogue;
use crate::{Plural, Text};

pub(super) const WORDS: Catalogue = Catalogue {
    days: |plural| match plural {
        Plural::One => "{n} day",
        _ => "{n} days",
    },
    hours: |plural| match plural {
        Plural::One => "{n} hour",
        _ => "{n} hours",
    },
    minutes: |plural| match plural {
        Plural::One => "{n} minute",
        _ => "{n} minutes",
    },
    open: "Open the page",
    unknown_address: "an unknown address",
    purpose: |text| match text {
        Text::ChangeAddress => [
            "Confirm your new address for {application}",
            "To confirm this address for your {application} account:",
        ],
        Text::ChangePhrase => [
            "Your new anti-phishing code for {application}",
            "To set the anti-phishing code of your {application} account:",
        ],
        Text::DeleteAccount => [
            "Delete your {application} account",
            "To delete your {application} account for good:",
        ],
        Text::NewPassword => [
            "Choose a new password for {application}",
            "To choose a new password for your {application} account:",
        ],
        Text::Pay => [
            "Confirm your payment at {application}",
            "To confirm the payment that {application} shows you:",
        ],
        Text::ProveAddress => [
            "Change your address for {application}",
            "To change this address of your {application} account:",
        ],
        Text::ProveOther => [
            "Recover your {application} account",
            "To replace a lost address of your {application} account:",
        ],
        Text::Register => [
            "Confirm your address for {application}",
            "To confirm this address for a new {application} account:",
        ],
        Text::RemoveFactor => [
            "Remove a second step from {application}",
            "To remove a second step from your {application} account:",
        ],
        Text::SignIn => [
            "Your sign-in to {application}",
            "To complete your sign-in to {application}:",
        ],
    },
    valid: "Good for {lifetime}, and once.",
    without_code: "If you did not ask for it, there is nothing to do: without the code, nothing happens. \
        Nobody at {application} will ever ask you for it.",
    without_link: "If you did not ask for it, there is nothing to do: without the link, nothing happens.",
    prompt: [
        "A sign-in to {application} waits for you",
        "Somebody is signing in to your {application} account. Open {application} on this device to approve or deny it.",
    ],
    put_back: [
        "An address of your {application} account was changed",
        "An address of your {application} account was changed. If it was not you, open this page to put it back:",
    ],
    news: "News about your {application} account",
    news_of: "There is news about your {application} account: {what}.",
    when_and_where: "When: {at}\nFrom: {from}",
    if_you: "If this was you, there is nothing to do.",
    not_me: "If it was not you, open this page and say so:",
    not_me_without_link: "If it was not you, sign in, sign out everywhere else, and tell whoever runs this service.",
    late: Text::LATE,
};
