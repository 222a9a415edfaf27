//! Arabic: nouns in the nominative, since the number of them is the subject of its sentence.

use super::Catalogue;
use crate::{Plural, Text};

pub(super) const WORDS: Catalogue = Catalogue {
    days: |plural| match plural {
        Plural::One => "يوم واحد",
        Plural::Two => "يومان",
        Plural::Few => "{n} أيام",
        Plural::Many => "{n} يومًا",
        Plural::Other | Plural::Zero => "{n} يوم",
    },
    hours: |plural| match plural {
        Plural::One => "ساعة واحدة",
        Plural::Two => "ساعتان",
        Plural::Few => "{n} ساعات",
        Plural::Many | Plural::Other | Plural::Zero => "{n} ساعة",
    },
    minutes: |plural| match plural {
        Plural::One => "دقيقة واحدة",
        Plural::Two => "دقيقتان",
        Plural::Few => "{n} دقائق",
        Plural::Many | Plural::Other | Plural::Zero => "{n} دقيقة",
    },
    open: "افتح الصفحة",
    unknown_address: "عنوان غير معروف",
    purpose: |text| match text {
        Text::ChangeAddress => [
            "تأكيد عنوانك الجديد في {application}",
            "لتأكيد هذا العنوان لحسابك على {application}:",
        ],
        Text::ChangePhrase => [
            "رمز مكافحة التصيد الجديد في {application}",
            "لتعيين رمز مكافحة التصيد لحسابك على {application}:",
        ],
        Text::DeleteAccount => [
            "حذف حسابك على {application}",
            "لحذف حسابك على {application} نهائيًا:",
        ],
        Text::NewPassword => [
            "اختيار كلمة مرور جديدة في {application}",
            "لاختيار كلمة مرور جديدة لحسابك على {application}:",
        ],
        Text::Pay => [
            "تأكيد دفعتك في {application}",
            "لتأكيد الدفعة التي يعرضها عليك {application}:",
        ],
        Text::ProveAddress => [
            "تغيير عنوانك في {application}",
            "لتغيير هذا العنوان في حسابك على {application}:",
        ],
        Text::ProveOther => [
            "استعادة حسابك على {application}",
            "لاستبدال عنوان فقدته في حسابك على {application}:",
        ],
        Text::Register => [
            "تأكيد عنوانك في {application}",
            "لتأكيد هذا العنوان لحساب جديد على {application}:",
        ],
        Text::RemoveFactor => [
            "إزالة خطوة تحقق ثانية في {application}",
            "لإزالة خطوة تحقق ثانية من حسابك على {application}:",
        ],
        Text::SignIn => [
            "تسجيل دخولك إلى {application}",
            "لإكمال تسجيل دخولك إلى {application}:",
        ],
    },
    valid: "مدة الصلاحية: {lifetime}، لمرة واحدة.",
    without_code: "إذا لم تطلب ذلك فلا داعي لفعل أي شيء: لن يحدث شيء من دون الرمز. ولن يطلبه منك أحد من {application} أبدًا.",
    without_link: "إذا لم تطلب ذلك فلا داعي لفعل أي شيء: لن يحدث شيء من دون الرابط.",
    prompt: [
        "تسجيل دخول إلى {application} بانتظار قرارك",
        "هناك من يسجل الدخول إلى حسابك على {application}. افتح {application} على هذا الجهاز للموافقة أو الرفض.",
    ],
    put_back: [
        "تم تغيير عنوان في حسابك على {application}",
        "تم تغيير عنوان في حسابك على {application}. إذا لم تكن أنت من فعل ذلك، فافتح هذه الصفحة لإعادته:",
    ],
    news: "أخبار عن حسابك على {application}",
    news_of: "هناك أخبار عن حسابك على {application}: {what}.",
    when_and_where: "متى: {at}\nمن أين: {from}",
    if_you: "إذا كنت أنت من فعل ذلك فلا داعي لفعل أي شيء.",
    not_me: "إذا لم تكن أنت، فافتح هذه الصفحة وأخبرنا بذلك:",
    not_me_without_link: "إذا لم تكن أنت، فسجّل الدخول، وأنهِ كل الجلسات الأخرى، وأبلغ القائمين على هذه الخدمة.",
    late: "تعذر إرسال رمز طلبته في الوقت المناسب: اطلب رمزًا جديدًا",
};
