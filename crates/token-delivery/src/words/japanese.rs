//! Japanese.

use super::Catalogue;
use crate::Text;

pub(super) const WORDS: Catalogue = Catalogue {
    days: |_| "{n}日間",
    hours: |_| "{n}時間",
    minutes: |_| "{n}分",
    open: "ページを開く",
    unknown_address: "不明なアドレス",
    purpose: |text| match text {
        Text::ChangeAddress => [
            "{application}の新しいアドレスの確認",
            "{application}アカウントのこのアドレスを確認するには、次をご利用ください。",
        ],
        Text::ChangePhrase => [
            "{application}の新しいフィッシング対策コード",
            "{application}アカウントのフィッシング対策コードを設定するには、次をご利用ください。",
        ],
        Text::DeleteAccount => [
            "{application}アカウントの削除",
            "{application}アカウントを完全に削除するには、次をご利用ください。",
        ],
        Text::NewPassword => [
            "{application}の新しいパスワードの設定",
            "{application}アカウントの新しいパスワードを設定するには、次をご利用ください。",
        ],
        Text::Pay => [
            "{application}でのお支払いの確認",
            "{application}に表示されているお支払いを確認するには、次をご利用ください。",
        ],
        Text::ProveAddress => [
            "{application}のアドレスの変更",
            "{application}アカウントのこのアドレスを変更するには、次をご利用ください。",
        ],
        Text::ProveOther => [
            "{application}アカウントの復旧",
            "{application}アカウントの使えなくなったアドレスを置き換えるには、次をご利用ください。",
        ],
        Text::Register => [
            "{application}のアドレスの確認",
            "{application}の新しいアカウントのためにこのアドレスを確認するには、次をご利用ください。",
        ],
        Text::RemoveFactor => [
            "{application}の2段階認証の方法の削除",
            "{application}アカウントから2段階認証の方法を1つ削除するには、次をご利用ください。",
        ],
        Text::SignIn => [
            "{application}へのログイン",
            "{application}へのログインを完了するには、次をご利用ください。",
        ],
    },
    valid: "有効期間は{lifetime}、1回限りです。",
    without_code: "お心当たりがない場合は、何もする必要はありません。コードがなければ何も起こりません。\
        {application}の担当者がコードをお尋ねすることは決してありません。",
    without_link: "お心当たりがない場合は、何もする必要はありません。リンクを開かなければ何も起こりません。",
    prompt: [
        "{application}へのログインの承認待ち",
        "{application}アカウントへのログインが試みられています。この端末で{application}を開き、承認または拒否してください。",
    ],
    put_back: [
        "{application}アカウントのアドレスが変更されました",
        "{application}アカウントのアドレスが変更されました。お心当たりがない場合は、次のページを開いて元に戻してください。",
    ],
    news: "{application}アカウントについてのお知らせ",
    news_of: "{application}アカウントについてお知らせします。{what}。",
    when_and_where: "日時: {at}\n接続元: {from}",
    if_you: "ご本人の操作であれば、何もする必要はありません。",
    not_me: "お心当たりがない場合は、次のページを開いてお知らせください。",
    not_me_without_link: "お心当たりがない場合は、ログインして他のすべての端末からログアウトし、このサービスの運営者にお知らせください。",
    late: "ご依頼のコードを期限内にお送りできませんでした。新しいコードをご依頼ください",
};
