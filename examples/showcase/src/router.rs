//! Which page answers where.

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{get, post},
};

use crate::{
    account, activity, address, app::App, devices, enrol, error::AppError, headers, not_me, outbox,
    recovery, second_factor, sign_in,
};

pub(crate) fn router(app: Arc<App>) -> Router {
    let mut router = Router::new();
    if app.links {
        router = router
            .route("/not-me", get(not_me::form).post(not_me::undo))
            .route("/not-me.js", get(headers::not_me_script));
    }
    router
        .route("/", get(sign_in::start))
        .route(
            "/register",
            get(sign_in::register_form).post(sign_in::register),
        )
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route(
            "/second-factor",
            get(second_factor::choose).post(second_factor::verify),
        )
        .route("/second-factor/request", post(second_factor::request))
        .route("/second-factor/recovery", get(second_factor::recovery_form))
        .route("/welcome", get(enrol::first).post(enrol::enrol_first))
        .route("/welcome/confirm", post(enrol::confirm_first))
        .route("/account", get(account::show))
        .route(
            "/account/prove",
            get(second_factor::prove_form).post(second_factor::prove),
        )
        .route("/account/prove/request", post(second_factor::prove_request))
        .route(
            "/account/prove/recovery",
            get(second_factor::prove_recovery_form),
        )
        .route(
            "/account/recovery",
            get(recovery::show).post(recovery::make),
        )
        .route("/account/recovery/download", post(recovery::download))
        .route(
            "/account/add",
            get(enrol::another).post(enrol::enrol_another),
        )
        .route("/account/address", get(address::form).post(address::send))
        .route("/account/address/confirm", post(address::confirm))
        .route("/account/add/confirm", post(enrol::confirm_another))
        .route("/account/rename", post(account::rename))
        .route("/account/remove", post(account::remove))
        .route("/account/end-sessions", post(account::end_sessions))
        .route("/devices", get(devices::show))
        .route("/devices/forget", post(devices::forget))
        .route("/devices/forget-all", post(devices::forget_all))
        .route("/activity", get(activity::show))
        .route("/outbox", get(outbox::show))
        .route("/style.css", get(headers::style))
        .route("/icon.svg", get(headers::icon))
        .fallback(async || AppError::NotFound)
        .method_not_allowed_fallback(async || AppError::Method)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            headers::guard,
        ))
        // No form here is longer.
        .layer(DefaultBodyLimit::max(16 * 1_024))
        .with_state(app)
}
