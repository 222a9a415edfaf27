//! The routes, in actix-web.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::Validation;

/// `GET /wsapi/2.0/verify`, for `App::configure`.
pub fn routes(
    validation: &Arc<Validation>,
) -> impl FnOnce(&mut web::ServiceConfig) + Clone + Send + 'static {
    let validation = web::Data::from(Arc::clone(validation));
    move |config| {
        let verify = web::resource("/wsapi/2.0/verify").app_data(validation);
        config.service(verify.route(web::get().to(answer)));
    }
}

async fn answer(validation: web::Data<Validation>, request: HttpRequest) -> HttpResponse {
    let answer = validation.answer(request.query_string()).await;
    HttpResponse::Ok().content_type("text/plain").body(answer)
}
