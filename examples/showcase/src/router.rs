//! Which page answers where.

use std::sync::Arc;

use axum::{
    Router, middleware,
    routing::{get, post},
};

use crate::{
    account, activity, address,
    app::App,
    approving, asker,
    assets::{self, COPY_SCRIPT, DEVICE_SCRIPT, LINK_SCRIPT, PUSH_SCRIPT, WAITING_SCRIPT},
    devices, enrol,
    error::AppError,
    headers, not_me, once, pairing, password, prompts, push, recovery, register, reset,
    second_factor, sign_in, step, trusted,
};

pub(crate) fn router(app: Arc<App>) -> Router {
    let mut pages = Router::new();
    // What is only looked at is nobody's step.
    let mut looks = Router::new()
        .route(pairing::LOOK, get(pairing::waiting))
        .route("/device/waiting", get(approving::waiting))
        .route(prompts::WAITING, get(prompts::waiting))
        .route("/style.css", get(assets::style))
        .route("/icon.svg", get(assets::icon))
        .route(COPY_SCRIPT, get(assets::copy_script))
        .route(WAITING_SCRIPT, get(assets::waiting_script))
        .route(DEVICE_SCRIPT, get(assets::device_script));
    if app.links {
        looks = looks.route(LINK_SCRIPT, get(assets::link_script));
        pages = pages
            .route("/not-me", get(not_me::form).post(not_me::undo))
            .route("/not-me/done", get(not_me::stopped))
            .route("/forgot", get(reset::ask_form).post(reset::ask))
            .route("/reset", get(reset::form).post(reset::choose));
    }
    if app.waking.is_some() {
        looks = looks.route(PUSH_SCRIPT, get(assets::push_script));
        pages = pages.route(push::PATH, post(push::subscribe));
    }
    #[cfg(feature = "outbox")]
    {
        looks = looks.route("/outbox", get(crate::outbox::show));
    }
    pages
        .route("/", get(sign_in::start))
        .route("/register", get(register::form).post(register::ask))
        .route(
            register::CONFIRM,
            get(register::confirm_form).post(register::confirm),
        )
        .route("/sign-in", get(sign_in::form).post(sign_in::sign_in))
        .route("/sign-out", post(sign_in::sign_out))
        .route(
            "/second-factor",
            get(second_factor::choose).post(second_factor::verify),
        )
        .route("/second-factor/app", get(second_factor::app_form))
        .route("/second-factor/request", post(second_factor::request))
        .route("/second-factor/recovery", get(second_factor::recovery_form))
        .route("/welcome", get(enrol::first).post(enrol::enrol_first))
        .route(
            "/welcome/confirm",
            get(enrol::confirm_first_form).post(enrol::confirm_first),
        )
        .route("/welcome/again", post(enrol::again_first))
        .route("/welcome/drop", post(enrol::drop_first))
        .route("/account", get(account::show))
        .route(
            "/account/prove",
            get(second_factor::prove_form).post(second_factor::prove),
        )
        .route("/account/prove/app", get(second_factor::prove_app_form))
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
        .route(
            "/account/address/confirm",
            get(address::confirm_form).post(address::confirm),
        )
        .route(
            "/account/add/confirm",
            get(enrol::confirm_another_form).post(enrol::confirm_another),
        )
        .route("/account/add/again", post(enrol::again_another))
        .route("/account/add/drop", post(enrol::drop_another))
        .route(
            "/account/password",
            get(password::form).post(password::change),
        )
        .route("/account/rename", get(step::rename_form).post(step::rename))
        .route("/account/remove", get(step::remove_form).post(step::remove))
        .route("/account/end-session", post(account::end_session))
        .route("/account/end-sessions", post(account::end_sessions))
        .route("/account/trusted/end", post(trusted::end))
        .route("/account/trusted/end-all", post(trusted::end_all))
        .route(pairing::PATH, get(pairing::show).post(pairing::go_on))
        .route("/pair", get(pairing::form).post(pairing::bring))
        .route(
            approving::PATH,
            get(approving::show).post(approving::decide),
        )
        .route("/devices", get(devices::show))
        .route("/devices/forget", post(devices::forget))
        .route("/devices/forget-all", post(devices::forget_all))
        .route("/activity", get(activity::show))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            once::answer,
        ))
        .merge(looks)
        .fallback(async || AppError::NotFound)
        .method_not_allowed_fallback(async || AppError::Method)
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            asker::known,
        ))
        .layer(middleware::from_fn_with_state(
            Arc::clone(&app),
            headers::guard,
        ))
        .with_state(app)
}
