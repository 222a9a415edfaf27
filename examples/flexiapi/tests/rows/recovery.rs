//! Row 003-8: a recovery token and its page. Row 003-10: the code that is sent, and its three tries.

use contract_server::testing::{Request, Response};
use serde_json::json;

use crate::support::{
    RECOVER, Site, count, device, invalid, is_alphanumeric, phone, refused_somehow,
};

const TOKEN: &str = "account_recovery_token";
const HOMES: [&str; 2] = ["", "/account"];

fn pushed(site: &Site, prid: &str) -> String {
    let sent = site.sent(|| site.post(RECOVER, &device(prid)));
    let token = sent["token"].as_str().unwrap().to_owned();
    assert!(is_alphanumeric(&token, 13));
    token
}

fn page(site: &Site, path: &str) -> Response {
    site.send(&Request::new("GET", path).header("accept", "text/html,*/*"))
}

fn html(response: &Response) -> String {
    assert_eq!(
        response.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    String::from_utf8(response.body.clone()).unwrap()
}

/// The value of a hidden field.
fn hidden(html: &str, name: &str) -> String {
    let (_, rest) = html
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap();
    rest.split('"').next().unwrap().into()
}

fn send(site: &Site, token: &str, phone: &str) -> Response {
    site.submit("/account/recovery", &[(TOKEN, token), ("phone", phone)])
}

fn confirm(site: &Site, account: &str, code: &str) -> Response {
    let digits: Vec<_> = code.chars().map(String::from).collect();
    let at = |at: usize| digits.get(at).map_or("", String::as_str);
    site.submit(
        "/account/recovery/confirm",
        &[
            ("account_id", account),
            ("method", "phone"),
            ("number_1", at(0)),
            ("number_2", at(1)),
            ("number_3", at(2)),
            ("number_4", at(3)),
        ],
    )
}

/// From the push to a signed-in browser, under both prefixes; looking spends nothing.
#[test]
fn recovery_goes_from_push_to_sign_in() {
    let site = Site::start();
    for home in HOMES {
        let token = pushed(&site, &format!("id{}", home.len()));
        let path = format!("{home}/recovery/phone/{token}?phone=%2B4915100000003");
        for _ in 0..2 {
            let first = page(&site, &path);
            let html = html(&first);
            assert_eq!(first.status, 200);
            assert_eq!(html.matches("<form").count(), 1);
            assert!(
                html.contains("value=\"+4915100000003\""),
                "prefilled: {html}"
            );
            assert_eq!(hidden(&html, TOKEN), token);
        }
        let fields = [(TOKEN, token.as_str()), ("phone", "+4915100000003")];
        let mut account = String::new();
        let sent = site.sent(|| {
            let response = site.submit(&format!("{home}/recovery"), &fields);
            account = hidden(&html(&response), "account_id");
            response
        });
        assert_eq!(
            (&sent["channel"], &sent["to"]),
            (&json!("phone"), &json!("+4915100000003"))
        );
        let code = sent["token"].as_str().unwrap();
        assert!((1_000..10_000).contains(&code.parse::<u32>().unwrap()));
        let done = confirm(&site, &account, code);
        assert_eq!(done.status, 303);
        let cookie = done.header("set-cookie").unwrap();
        assert!(
            cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
            "{cookie}"
        );
        let cookie = cookie.split(';').next().unwrap();
        let place = done.header("location").unwrap();
        let greeted = site.send(&Request::new("GET", place).header("cookie", cookie));
        assert!(html(&greeted).contains("bob"), "{greeted:?}");
        // The code, the token and the page are spent.
        assert_eq!(confirm(&site, &account, code).status, 419);
        assert_eq!(page(&site, &path).status, 404);
    }
}

/// Unknown and used tokens are 404, expired ones 419; as JSON for a program, as a page for a person.
#[test]
fn recovery_page_refuses_dead_tokens() {
    let site = Site::start();
    let token = pushed(&site, "id");
    for path in [
        "/recovery/phone/0123456789abc",
        "/account/recovery/phone/x?phone=1",
    ] {
        refused_somehow(&site.send(&Request::new("GET", path)), 404);
        assert!(html(&page(&site, path)).contains("Not found"));
    }
    for wrong in ["0123456789abc", "", "x", &site.pushed("id")] {
        let response = send(&site, wrong, &phone("bob"));
        assert_eq!(response.status, 403);
        assert!(html(&response).contains("Wrong Account Recovery Token"));
    }
    site.server.ahead(3_570);
    assert_eq!(page(&site, &format!("/recovery/phone/{token}")).status, 200);
    site.server.ahead(3_601);
    assert_eq!(page(&site, &format!("/recovery/phone/{token}")).status, 419);
    assert_eq!(send(&site, &token, &phone("bob")).status, 419);
    site.server.ahead(0);
    // A number that is none spends nothing.
    for bad in ["", "15100000003", "+49151x", "a".repeat(300).as_str()] {
        assert_eq!(send(&site, &token, bad).status, 422);
    }
    assert_eq!(send(&site, &token, &phone("bob")).status, 200);
    let again = send(&site, &token, &phone("bob"));
    assert_eq!(again.status, 403);
}

/// Three wrong tries are counted down, then the right one is too late; texts that are no code do not count.
#[test]
fn recovery_code_has_three_tries() {
    let site = Site::start();
    let token = pushed(&site, "id");
    let mut account = String::new();
    let sent = site.sent(|| {
        let response = send(&site, &token, &phone("bob"));
        account = hidden(&html(&response), "account_id");
        response
    });
    let code = sent["token"].as_str().unwrap();
    for unread in ["", "12", "abcd"] {
        let response = confirm(&site, &account, unread);
        assert!(response.status == 200 && html(&response).contains("3 attempts left"));
    }
    for left in ["2 attempts left", "1 attempts left", "0 attempts left"] {
        let response = confirm(&site, &account, "0000");
        assert_eq!(response.status, 200);
        let html = html(&response);
        assert!(html.contains(left), "{html}");
        assert_eq!(hidden(&html, "account_id"), account);
    }
    assert_eq!(confirm(&site, &account, code).status, 419);
    for nobody in ["", "7", &"0".repeat(64), &"z".repeat(64)] {
        assert_eq!(confirm(&site, nobody, code).status, 419);
    }
}

/// The code lives for ten minutes.
#[test]
fn recovery_code_expires() {
    let site = Site::start();
    let mut account = String::new();
    let mut ask = |prid| {
        let token = pushed(&site, prid);
        let sent = site.sent(|| {
            let response = send(&site, &token, &phone("bob"));
            account = hidden(&html(&response), "account_id");
            response
        });
        (account.clone(), sent["token"].as_str().unwrap().to_owned())
    };
    let (first, second) = (ask("one"), ask("two"));
    site.server.ahead(570);
    assert_eq!(confirm(&site, &first.0, &first.1).status, 303);
    site.server.ahead(601);
    assert_eq!(confirm(&site, &second.0, &second.1).status, 419);
}

/// A number that nobody has gets the same pages, and no message.
#[test]
fn recovery_of_nobody_looks_the_same() {
    let site = Site::start();
    let walk = |prid: &str, phone: &str| {
        let token = pushed(&site, prid);
        let first = send(&site, &token, phone);
        let account = hidden(&html(&first), "account_id");
        let mut pages = vec![(first.status, html(&first).replace(&account, "…"))];
        for _ in 0..4 {
            let next = confirm(&site, &account, "0000");
            pages.push((next.status, html(&next).replace(&account, "…")));
        }
        pages
    };
    let known = walk("one", &phone("bob"));
    let before = site.server.outbox().len();
    let unknown = walk("two", "+4999999999");
    assert_eq!(known, unknown);
    assert_eq!(site.server.outbox().len(), before + 1, "the push alone");
}

/// Of twelve who type the right code at once one is signed in; of twelve who type a wrong one three are counted.
#[test]
fn recovery_codes_at_once_are_counted() {
    let site = Site::start();
    let ask = |prid| {
        let token = pushed(&site, prid);
        let mut account = String::new();
        let sent = site.sent(|| {
            let response = send(&site, &token, &phone("bob"));
            account = hidden(&html(&response), "account_id");
            response
        });
        (account, sent["token"].as_str().unwrap().to_owned())
    };
    let (account, code) = ask("one");
    let statuses = site.at_once(12, |_| confirm(&site, &account, &code).status);
    assert_eq!((count(&statuses, 303), count(&statuses, 419)), (1, 11));
    let (account, _) = ask("two");
    let statuses = site.at_once(12, |_| confirm(&site, &account, "0000").status);
    assert_eq!((count(&statuses, 200), count(&statuses, 419)), (3, 9));
}

/// Escapes that are none are 400, on the page and in the form; a text of more than 255 characters is 422. Neither spends anything, and
/// the token comes before the number.
#[test]
fn recovery_fields_have_their_rules() {
    let site = Site::start();
    let token = pushed(&site, "id");
    let get = |token: &str, phone: &str| {
        let path = format!("/recovery/phone/{token}?phone={phone}");
        site.send(&Request::new("GET", &path))
    };
    for bad in ["%zz", "%ff", "%"] {
        refused_somehow(&get(&token, bad), 400);
        let form = format!("{TOKEN}={token}&phone={bad}");
        let request = Request::new("POST", "/recovery")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        refused_somehow(&site.send(&request), 400);
    }
    let (fits, long) = ("1".repeat(255), "1".repeat(256));
    assert_eq!(get(&token, &fits).status, 200);
    invalid(&get(&token, &long), "phone");
    refused_somehow(&get("0123456789abc", &long), 404);
    let post = |token: &str, phone: &str| {
        let request =
            Request::new("POST", "/recovery").body(format!("{TOKEN}={token}&phone={phone}"));
        site.send(&request)
    };
    invalid(&post(&long, "%2B4915100000003"), TOKEN);
    refused_somehow(&post("0123456789abc", &long), 403);
    invalid(&post(&token, &long), "phone");
    assert_eq!(send(&site, &token, &phone("bob")).status, 200);
}

/// What stands in the address means nothing in the page.
#[test]
fn recovery_page_escapes_the_number() {
    let site = Site::start();
    let token = pushed(&site, "id");
    let path = format!("/recovery/phone/{token}?phone=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
    let html = html(&page(&site, &path));
    assert!(
        !html.contains("<script>") && html.contains("&quot;&gt;&lt;script&gt;"),
        "{html}"
    );
}

/// Whatever is typed in the place of a number, the code goes to the number that is stored, or nowhere: two fields, a list, and
/// numbers that look like it.
#[test]
fn recovery_code_goes_to_the_stored_number() {
    let site = Site::start();
    let stored = phone("bob");
    let digits = stored.trim_start_matches('+').to_owned();
    let wide: String = digits
        .chars()
        .filter_map(|one| char::from_u32(u32::from(one) + 0xfee0))
        .collect();
    let fields = [
        format!("phone=%2B{digits}&phone=%2B4999999999"),
        format!("phone=%2B4999999999&phone=%2B{digits}"),
        format!("phone[]=%2B{digits}&phone[]=%2B4999999999"),
        format!("phone=%2B{digits}%2C%2B4999999999"),
        format!("phone=%2B{digits}%0A%2B4999999999"),
        format!("phone=%2B{digits}%00"),
        format!("phone=%2B{wide}"),
        format!("phone=%E2%80%8B%2B{digits}"),
        format!("phone=00{digits}"),
        format!("phone=%2B{digits};ext=1"),
        format!("phone=%2B{digits}"),
    ];
    let mut sent = 0;
    for (at, fields) in fields.iter().enumerate() {
        let token = pushed(&site, &format!("id{at}"));
        let request = Request::new("POST", "/recovery")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "text/html")
            .body(format!("{TOKEN}={token}&{fields}"));
        let response = site.send(&request);
        assert!(
            [200, 422].contains(&response.status),
            "{fields}: {response:?}"
        );
        let messages = site.server.outbox();
        let codes = messages.iter().filter(|one| one["channel"] == "phone");
        let to: Vec<_> = codes.map(|one| one["to"].clone()).collect();
        assert!(to.iter().all(|to| *to == json!(stored)), "{fields}: {to:?}");
        sent = to.len();
    }
    // The last field of a name counts: the second of these, and the last.
    assert_eq!(sent, 2);
}
