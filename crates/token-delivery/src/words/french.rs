//! French. No line ends before a colon: a no-break space stands there.

use super::Catalogue;
use crate::{Plural, Text};

pub(super) const WORDS: Catalogue = Catalogue {
    days: |plural| match plural {
        Plural::One => "{n} jour",
        Plural::Many => "{n} de jours",
        _ => "{n} jours",
    },
    hours: |plural| match plural {
        Plural::One => "{n} heure",
        Plural::Many => "{n} d’heures",
        _ => "{n} heures",
    },
    minutes: |plural| match plural {
        Plural::One => "{n} minute",
        Plural::Many => "{n} de minutes",
        _ => "{n} minutes",
    },
    open: "Ouvrir la page",
    unknown_address: "une adresse inconnue",
    purpose: |text| match text {
        Text::ChangeAddress => [
            "Confirmez votre nouvelle adresse pour {application}",
            "Pour confirmer cette adresse pour votre compte {application}\u{a0}:",
        ],
        Text::ChangePhrase => [
            "Votre nouveau code anti-hameçonnage pour {application}",
            "Pour définir le code anti-hameçonnage de votre compte {application}\u{a0}:",
        ],
        Text::DeleteAccount => [
            "Supprimez votre compte {application}",
            "Pour supprimer définitivement votre compte {application}\u{a0}:",
        ],
        Text::NewPassword => [
            "Choisissez un nouveau mot de passe pour {application}",
            "Pour choisir un nouveau mot de passe pour votre compte {application}\u{a0}:",
        ],
        Text::Pay => [
            "Confirmez votre paiement sur {application}",
            "Pour confirmer le paiement que {application} vous présente\u{a0}:",
        ],
        Text::ProveAddress => [
            "Modifiez votre adresse pour {application}",
            "Pour modifier cette adresse de votre compte {application}\u{a0}:",
        ],
        Text::ProveOther => [
            "Récupérez votre compte {application}",
            "Pour remplacer une adresse perdue de votre compte {application}\u{a0}:",
        ],
        Text::Register => [
            "Confirmez votre adresse pour {application}",
            "Pour confirmer cette adresse pour un nouveau compte {application}\u{a0}:",
        ],
        Text::RemoveFactor => [
            "Retirez un second facteur sur {application}",
            "Pour retirer un second facteur de votre compte {application}\u{a0}:",
        ],
        Text::SignIn => [
            "Votre connexion à {application}",
            "Pour terminer votre connexion à {application}\u{a0}:",
        ],
    },
    valid: "Durée de validité\u{a0}: {lifetime}, une seule fois.",
    without_code: "Si vous n’avez rien demandé, vous n’avez rien à faire\u{a0}: sans le code, il ne se passe rien. \
        Personne chez {application} ne vous le demandera jamais.",
    without_link: "Si vous n’avez rien demandé, vous n’avez rien à faire\u{a0}: sans le lien, il ne se passe rien.",
    prompt: [
        "Une connexion à {application} attend votre décision",
        "Quelqu’un se connecte à votre compte {application}. Ouvrez {application} sur cet appareil pour accepter ou refuser.",
    ],
    put_back: [
        "Une adresse de votre compte {application} a été modifiée",
        "Une adresse de votre compte {application} a été modifiée. Si ce n’était pas vous, ouvrez cette page pour \
            annuler la modification\u{a0}:",
    ],
    news: "Du nouveau sur votre compte {application}",
    news_of: "Il y a du nouveau sur votre compte {application}\u{a0}: {what}.",
    when_and_where: "Quand\u{a0}: {at}\nDepuis\u{a0}: {from}",
    if_you: "Si c’était vous, vous n’avez rien à faire.",
    not_me: "Si ce n’était pas vous, ouvrez cette page et dites-le-nous\u{a0}:",
    not_me_without_link: "Si ce n’était pas vous, connectez-vous, déconnectez toutes les autres sessions et prévenez \
        les responsables de ce service.",
    late: "un code que vous avez demandé n’a pas pu être envoyé à temps\u{a0}: demandez-en un nouveau",
};
