//! The routes, and what is answered where there is none.

use actix_web::{
    HttpRequest,
    web::{self, Data, PayloadConfig, ServiceConfig},
};
use serde_json::json;

use crate::{
    answer::{Answer, Reply},
    app::App,
    changing, invitations, profile, sign_in, tokens,
};

/// The largest body, in bytes.
pub(crate) const LARGEST: usize = 256 * 1_024;

/// Adds every route.
pub(crate) fn configure(config: &mut ServiceConfig, app: Data<App>) {
    let resource = |path: &str, methods: &'static str| {
        let other = async move || Reply::of_status(405).allowing(methods);
        web::resource(path).default_service(web::to(other))
    };
    config
        .app_data(app)
        .app_data(PayloadConfig::new(LARGEST))
        .service(resource("/", "GET").route(web::get().to(hello)))
        .service(resource("/openapi.json", "GET").route(web::get().to(openapi)))
        .service(
            resource("/tokens", "GET, POST, DELETE")
                .route(web::get().to(tokens::get))
                .route(web::post().to(sign_in::create))
                .route(web::delete().to(tokens::delete)),
        )
        .service(
            resource("/tokens/{id}", "GET, DELETE")
                .route(web::get().to(tokens::get_one))
                .route(web::delete().to(tokens::delete_one)),
        )
        .service(
            resource("/accounts", "GET, POST")
                .route(web::get().to(profile::list))
                .route(web::post().to(invitations::create)),
        )
        .service(
            resource("/accounts/{id}", "GET, PUT, DELETE")
                .route(web::get().to(profile::get))
                .route(web::put().to(changing::put))
                .route(web::delete().to(profile::delete)),
        )
        .service(resource("/accounts/{id}/wipe-data", "POST").route(web::post().to(profile::wipe)))
        .default_service(web::to(nothing));
}

async fn nothing(_: HttpRequest) -> Reply {
    Reply::of_status(404)
}

async fn hello(app: Data<App>) -> Answer {
    let hello = json!({
        "message": "Lavaboom API", "docs_url": "https://docs.lavaboom.io/", "version": app.settings.api_version,
    });
    Ok(Reply::of(200, hello))
}

async fn openapi() -> Answer {
    let file = serde_json::from_str(include_str!("../openapi.json"));
    let file = file.map_err(|error| Reply::outage(&error))?;
    Ok(Reply::of(200, file))
}
