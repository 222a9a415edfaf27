//! Spanish.

use super::Catalogue;
use crate::{Plural, Text};

pub(super) const WORDS: Catalogue = Catalogue {
    days: |plural| match plural {
        Plural::One => "{n} día",
        Plural::Many => "{n} de días",
        _ => "{n} días",
    },
    hours: |plural| match plural {
        Plural::One => "{n} hora",
        Plural::Many => "{n} de horas",
        _ => "{n} horas",
    },
    minutes: |plural| match plural {
        Plural::One => "{n} minuto",
        Plural::Many => "{n} de minutos",
        _ => "{n} minutos",
    },
    open: "Abrir la página",
    unknown_address: "una dirección desconocida",
    purpose: |text| match text {
        Text::ChangeAddress => [
            "Confirme su nueva dirección para {application}",
            "Para confirmar esta dirección en su cuenta de {application}:",
        ],
        Text::ChangePhrase => [
            "Su nuevo código antiphishing de {application}",
            "Para establecer el código antiphishing de su cuenta de {application}:",
        ],
        Text::DeleteAccount => [
            "Elimine su cuenta de {application}",
            "Para eliminar definitivamente su cuenta de {application}:",
        ],
        Text::NewPassword => [
            "Elija una nueva contraseña para {application}",
            "Para elegir una nueva contraseña para su cuenta de {application}:",
        ],
        Text::Pay => [
            "Confirme su pago en {application}",
            "Para confirmar el pago que le muestra {application}:",
        ],
        Text::ProveAddress => [
            "Cambie su dirección en {application}",
            "Para cambiar esta dirección de su cuenta de {application}:",
        ],
        Text::ProveOther => [
            "Recupere su cuenta de {application}",
            "Para sustituir una dirección perdida de su cuenta de {application}:",
        ],
        Text::Register => [
            "Confirme su dirección para {application}",
            "Para confirmar esta dirección para una cuenta nueva de {application}:",
        ],
        Text::RemoveFactor => [
            "Quite un segundo factor en {application}",
            "Para quitar un segundo factor de su cuenta de {application}:",
        ],
        Text::SignIn => [
            "Su inicio de sesión en {application}",
            "Para completar su inicio de sesión en {application}:",
        ],
    },
    valid: "Validez: {lifetime}, una sola vez.",
    without_code: "Si no lo ha pedido, no tiene que hacer nada: sin el código no ocurre nada. \
        Nadie de {application} se lo pedirá nunca.",
    without_link: "Si no lo ha pedido, no tiene que hacer nada: sin el enlace no ocurre nada.",
    prompt: [
        "Un inicio de sesión en {application} espera su decisión",
        "Alguien está iniciando sesión en su cuenta de {application}. Abra {application} en este dispositivo para \
            aprobarlo o rechazarlo.",
    ],
    put_back: [
        "Se ha cambiado una dirección de su cuenta de {application}",
        "Se ha cambiado una dirección de su cuenta de {application}. Si no ha sido usted, abra esta página para \
            deshacer el cambio:",
    ],
    news: "Novedades en su cuenta de {application}",
    news_of: "Hay novedades en su cuenta de {application}: {what}.",
    when_and_where: "Cuándo: {at}\nDesde: {from}",
    if_you: "Si ha sido usted, no tiene que hacer nada.",
    not_me: "Si no ha sido usted, abra esta página y díganoslo:",
    not_me_without_link: "Si no ha sido usted, inicie sesión, cierre todas las demás sesiones y avise a los \
        responsables de este servicio.",
    late: "un código que pidió no se pudo enviar a tiempo: pida uno nuevo",
};
