//! What an owner is told, in languages other than English. A piece of news without its clause does not compile.

use crate::News;

impl News {
    pub(super) const fn german(self) -> &'static str {
        match self {
            Self::AccountReset => {
                "unser Support hat alle zweiten Faktoren von Ihrem Konto entfernt, weil jemand darum gebeten hat"
            }
            Self::AddressChanged => "eine E-Mail-Adresse Ihres Kontos wurde geändert",
            Self::CeilingReached => {
                "zu viele falsche Codes einer Art wurden versucht, und es werden keine mehr angenommen"
            }
            Self::DeviceTrusted => {
                "einem Gerät wurde vertraut, sodass die Anmeldung dort eine Zeit lang keinen zweiten Schritt braucht"
            }
            Self::FactorAdded => "ein zweiter Faktor wurde zu Ihrem Konto hinzugefügt",
            Self::FactorDisabled => "ein zweiter Faktor Ihres Kontos wurde deaktiviert",
            Self::FactorRemoved => "ein zweiter Faktor Ihres Kontos wurde entfernt",
            Self::FactorRestored => {
                "ein zweiter Faktor Ihres Kontos, der entfernt worden war, ist wieder da"
            }
            Self::ManyFailures => {
                "jemand kannte Ihr Passwort und hat dann viele falsche Codes eingegeben"
            }
            Self::RecoveryRenewed => {
                "neue Wiederherstellungscodes wurden erstellt, die alten sind ungültig"
            }
            Self::RecoveryRestored => {
                "die ersetzten Wiederherstellungscodes gelten wieder, und die neueren sind ungültig"
            }
            Self::RecoveryUsed => "ein Wiederherstellungscode wurde verwendet",
            Self::RecoveryUsedUp => "Ihr letzter Wiederherstellungscode wurde verwendet",
            Self::PasswordChanged => "das Passwort Ihres Kontos wurde geändert",
        }
    }

    pub(super) const fn french(self) -> &'static str {
        match self {
            Self::AccountReset => {
                "notre assistance a retiré tous les seconds facteurs de votre compte, à la demande de quelqu’un"
            }
            Self::AddressChanged => "une adresse e-mail de votre compte a été modifiée",
            Self::CeilingReached => {
                "trop de codes erronés d’un même type ont été essayés, et aucun autre n’est accepté"
            }
            Self::DeviceTrusted => {
                "un appareil a été approuvé\u{a0}: la connexion s’y fait sans second facteur pendant un temps"
            }
            Self::FactorAdded => "un second facteur a été ajouté à votre compte",
            Self::FactorDisabled => "un second facteur de votre compte a été désactivé",
            Self::FactorRemoved => "un second facteur de votre compte a été retiré",
            Self::FactorRestored => {
                "un second facteur de votre compte qui avait été retiré est rétabli"
            }
            Self::ManyFailures => {
                "quelqu’un connaissait votre mot de passe, puis a saisi de nombreux codes erronés"
            }
            Self::RecoveryRenewed => {
                "de nouveaux codes de récupération ont été créés, et les anciens ne sont plus valables"
            }
            Self::RecoveryRestored => {
                "les codes de récupération qui avaient été remplacés sont de nouveau valables, et les plus récents ne le sont plus"
            }
            Self::RecoveryUsed => "un code de récupération a été utilisé",
            Self::RecoveryUsedUp => "votre dernier code de récupération a été utilisé",
            Self::PasswordChanged => "le mot de passe de votre compte a été modifié",
        }
    }

    pub(super) const fn spanish(self) -> &'static str {
        match self {
            Self::AccountReset => {
                "nuestro equipo de asistencia quitó todos los segundos factores de su cuenta porque alguien lo pidió"
            }
            Self::AddressChanged => "se cambió una dirección de correo de su cuenta",
            Self::CeilingReached => {
                "se probaron demasiados códigos erróneos de un tipo y ya no se acepta ninguno más"
            }
            Self::DeviceTrusted => {
                "se marcó un dispositivo como de confianza: durante un tiempo, iniciar sesión en él no pide un segundo factor"
            }
            Self::FactorAdded => "se añadió un segundo factor a su cuenta",
            Self::FactorDisabled => "se desactivó un segundo factor de su cuenta",
            Self::FactorRemoved => "se quitó un segundo factor de su cuenta",
            Self::FactorRestored => {
                "un segundo factor de su cuenta que se había quitado vuelve a estar activo"
            }
            Self::ManyFailures => {
                "alguien conocía su contraseña y después introdujo muchos códigos erróneos"
            }
            Self::RecoveryRenewed => {
                "se crearon nuevos códigos de recuperación y los anteriores ya no valen"
            }
            Self::RecoveryRestored => {
                "los códigos de recuperación que se habían reemplazado vuelven a valer, y los más nuevos ya no valen"
            }
            Self::RecoveryUsed => "se usó un código de recuperación",
            Self::RecoveryUsedUp => "se usó su último código de recuperación",
            Self::PasswordChanged => "se cambió la contraseña de su cuenta",
        }
    }

    pub(super) const fn japanese(self) -> &'static str {
        match self {
            Self::AccountReset => {
                "ご依頼があったため、サポート担当者がアカウントの2段階認証の方法をすべて解除しました"
            }
            Self::AddressChanged => "アカウントのメールアドレスが変更されました",
            Self::CeilingReached => {
                "誤ったコードが繰り返し入力されたため、この種類のコードは受け付けられなくなりました"
            }
            Self::DeviceTrusted => {
                "信頼できる端末が登録され、その端末ではしばらくの間2段階認証なしでログインできます"
            }
            Self::FactorAdded => "アカウントに2段階認証の方法が追加されました",
            Self::FactorDisabled => "アカウントの2段階認証の方法が無効になりました",
            Self::FactorRemoved => "アカウントの2段階認証の方法が削除されました",
            Self::FactorRestored => "削除されていたアカウントの2段階認証の方法が元に戻りました",
            Self::ManyFailures => {
                "パスワードを知っている何者かが、誤ったコードを何度も入力しました"
            }
            Self::RecoveryRenewed => {
                "新しいリカバリーコードが作成され、以前のコードは無効になりました"
            }
            Self::RecoveryRestored => {
                "置き換えられたリカバリーコードが再び有効になり、新しいコードは無効になりました"
            }
            Self::RecoveryUsed => "リカバリーコードが使用されました",
            Self::RecoveryUsedUp => "最後のリカバリーコードが使用されました",
            Self::PasswordChanged => "アカウントのパスワードが変更されました",
        }
    }

    pub(super) const fn arabic(self) -> &'static str {
        match self {
            Self::AccountReset => {
                "أزال فريق الدعم كل خطوات التحقق الثانية من حسابك لأن أحدًا طلب ذلك"
            }
            Self::AddressChanged => "تم تغيير عنوان بريد إلكتروني في حسابك",
            Self::CeilingReached => "جُرِّبت رموز خاطئة كثيرة من نوع واحد، ولن يُقبل المزيد منها",
            Self::DeviceTrusted => {
                "تمت الثقة بجهاز، فلا يتطلب تسجيل الدخول منه خطوة ثانية لفترة من الوقت"
            }
            Self::FactorAdded => "أُضيفت خطوة تحقق ثانية إلى حسابك",
            Self::FactorDisabled => "عُطِّلت خطوة تحقق ثانية في حسابك",
            Self::FactorRemoved => "أُزيلت خطوة تحقق ثانية من حسابك",
            Self::FactorRestored => "عادت خطوة تحقق ثانية كانت قد أُزيلت من حسابك",
            Self::ManyFailures => "عرف أحدهم كلمة مرورك ثم أدخل رموزًا خاطئة كثيرة",
            Self::RecoveryRenewed => "أُنشئت رموز استرداد جديدة، ولم تعد القديمة صالحة",
            Self::RecoveryRestored => "عادت رموز الاسترداد التي استُبدلت صالحة، ولم تعد الأحدث صالحة",
            Self::RecoveryUsed => "استُخدم أحد رموز الاسترداد",
            Self::RecoveryUsedUp => "استُخدم آخر رموز الاسترداد لديك",
            Self::PasswordChanged => "تم تغيير كلمة مرور حسابك",
        }
    }
}
