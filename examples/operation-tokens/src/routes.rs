//! The routes, and what is answered where there is none.

use rocket::{
    Build, Request, Rocket, Route, catch, catchers,
    config::{Config, LogLevel},
    get,
    http::{ContentType, Status},
    routes,
};

use crate::{
    answer::ApiError, app::App, keys, pages, passwords, phishing, put_back, recovery, sign_in,
};

#[get("/openapi.json")]
fn openapi() -> (ContentType, &'static str) {
    (ContentType::JSON, include_str!("../openapi.json"))
}

/// The framework with every route. It opens no port: [`crate::rocket_service`] hands it the requests.
pub(crate) fn rocket(app: App) -> Rocket<Build> {
    let config = Config {
        log_level: LogLevel::Off,
        ..Config::release_default()
    };
    rocket::custom(config)
        .manage(app)
        .mount("/", all())
        .register("/", catchers![nothing, anything])
}

fn all() -> Vec<Route> {
    routes![
        openapi,
        sign_in::register,
        sign_in::registration_token,
        sign_in::registration_token_alias,
        sign_in::registration_verification,
        sign_in::sign_in,
        sign_in::sign_in_token,
        sign_in::sign_in_verification,
        recovery::password,
        recovery::password_token,
        recovery::password_verification,
        recovery::key,
        recovery::other_token,
        recovery::other_verification,
        recovery::new_token,
        recovery::new_verification,
        passwords::change_token,
        passwords::change,
        keys::add_email_token,
        keys::add_email,
        keys::add_phone_token,
        keys::add_phone,
        keys::change_token,
        keys::change_new_token,
        keys::change,
        keys::remove_token,
        keys::remove,
        phishing::add_token,
        phishing::add,
        phishing::change_token,
        phishing::change,
        phishing::mfa_token,
        phishing::mfa,
        phishing::details,
        put_back::put_back,
        pages::confirm,
        pages::put_back,
        pages::script,
    ]
}

/// No route; or one of another method.
#[catch(404)]
fn nothing(request: &Request<'_>) -> ApiError {
    let path = request.uri().path();
    let here: Vec<_> = path.segments().collect();
    let matches = |route: &&Route| {
        let route = route.uri.path();
        let known: Vec<_> = route.trim_matches('/').split('/').collect();
        let alike = |(known, here): (&&str, &&str)| known.starts_with('<') || known == here;
        known.len() == here.len() && known.iter().zip(&here).all(alike)
    };
    let mut methods: Vec<_> = request
        .rocket()
        .routes()
        .filter(matches)
        .map(|route| route.method)
        .collect();
    methods.dedup();
    match methods.as_slice() {
        [] => ApiError::of_status(404),
        methods => {
            let names: Vec<_> = methods.iter().map(|method| method.as_str()).collect();
            ApiError::allow(names.join(", "))
        }
    }
}

#[catch(default)]
fn anything(status: Status, _: &Request<'_>) -> ApiError {
    ApiError::of_status(status.code)
}
