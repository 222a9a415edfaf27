//! German.

use super::Catalogue;
use crate::{Plural, Text};

pub(super) const WORDS: Catalogue = Catalogue {
    days: |plural| match plural {
        Plural::One => "{n} Tag",
        _ => "{n} Tage",
    },
    hours: |plural| match plural {
        Plural::One => "{n} Stunde",
        _ => "{n} Stunden",
    },
    minutes: |plural| match plural {
        Plural::One => "{n} Minute",
        _ => "{n} Minuten",
    },
    open: "Seite öffnen",
    unknown_address: "einer unbekannten Adresse",
    purpose: |text| match text {
        Text::ChangeAddress => [
            "Bestätigen Sie Ihre neue Adresse für {application}",
            "Um diese Adresse für Ihr Konto bei {application} zu bestätigen:",
        ],
        Text::ChangePhrase => [
            "Ihr neuer Anti-Phishing-Code für {application}",
            "Um den Anti-Phishing-Code Ihres Kontos bei {application} festzulegen:",
        ],
        Text::DeleteAccount => [
            "Löschen Sie Ihr Konto bei {application}",
            "Um Ihr Konto bei {application} endgültig zu löschen:",
        ],
        Text::NewPassword => [
            "Wählen Sie ein neues Passwort für {application}",
            "Um ein neues Passwort für Ihr Konto bei {application} zu wählen:",
        ],
        Text::Pay => [
            "Bestätigen Sie Ihre Zahlung bei {application}",
            "Um die Zahlung zu bestätigen, die {application} Ihnen anzeigt:",
        ],
        Text::ProveAddress => [
            "Ändern Sie Ihre Adresse für {application}",
            "Um diese Adresse Ihres Kontos bei {application} zu ändern:",
        ],
        Text::ProveOther => [
            "Stellen Sie Ihr Konto bei {application} wieder her",
            "Um eine verlorene Adresse Ihres Kontos bei {application} zu ersetzen:",
        ],
        Text::Register => [
            "Bestätigen Sie Ihre Adresse für {application}",
            "Um diese Adresse für ein neues Konto bei {application} zu bestätigen:",
        ],
        Text::RemoveFactor => [
            "Entfernen Sie einen zweiten Faktor bei {application}",
            "Um einen zweiten Faktor von Ihrem Konto bei {application} zu entfernen:",
        ],
        Text::SignIn => [
            "Ihre Anmeldung bei {application}",
            "Um Ihre Anmeldung bei {application} abzuschließen:",
        ],
    },
    valid: "Gültig: {lifetime}, einmal.",
    without_code: "Falls Sie nichts angefordert haben, müssen Sie nichts tun: Ohne den Code geschieht nichts. \
        Niemand bei {application} wird Sie je danach fragen.",
    without_link: "Falls Sie nichts angefordert haben, müssen Sie nichts tun: Ohne den Link geschieht nichts.",
    prompt: [
        "Eine Anmeldung bei {application} wartet auf Sie",
        "Jemand meldet sich bei Ihrem Konto bei {application} an. Öffnen Sie {application} auf diesem Gerät, \
            um zuzustimmen oder abzulehnen.",
    ],
    put_back: [
        "Eine Adresse Ihres Kontos bei {application} wurde geändert",
        "Eine Adresse Ihres Kontos bei {application} wurde geändert. Falls Sie das nicht waren, öffnen Sie diese Seite, \
            um die Änderung rückgängig zu machen:",
    ],
    news: "Neues zu Ihrem Konto bei {application}",
    news_of: "Es gibt Neues zu Ihrem Konto bei {application}: {what}.",
    when_and_where: "Wann: {at}\nVon: {from}",
    if_you: "Falls Sie das waren, müssen Sie nichts tun.",
    not_me: "Falls Sie das nicht waren, öffnen Sie diese Seite und teilen Sie es uns mit:",
    not_me_without_link: "Falls Sie das nicht waren, melden Sie sich an, melden Sie sich überall sonst ab, \
        und benachrichtigen Sie den Betreiber dieses Dienstes.",
    late: "ein angeforderter Code konnte nicht rechtzeitig gesendet werden: Fordern Sie einen neuen an",
};
