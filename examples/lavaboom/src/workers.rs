//! actix-web behind the connections that all the servers share.
//!
//! A request that actix-web answers by itself gets no body; here it has the contract's shape. So a request is handed to
//! the application in this process: `docs/adr/0068-actix-web-behind-our-listener.md`. Its services stay on the thread
//! that made them, so each thread has an application of its own.

use core::{
    num::NonZeroUsize,
    sync::atomic::{AtomicUsize, Ordering},
};
use std::{rc::Rc, sync::Arc, thread};

use actix_http::{Method, Request, Uri, h1};
use actix_service::{IntoServiceFactory as _, Service as _, ServiceFactory as _};
use actix_web::{
    App,
    body::to_bytes,
    dev::{AppConfig, Payload},
    http::header::{HeaderName, HeaderValue},
    web::{Bytes, ServiceConfig},
};
use contract_server::{
    Fault, Sent,
    hyper::{self, body::Incoming},
    read_body,
};
use http_body_util::Full;
use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot},
    task::{LocalSet, spawn_local},
};

/// Requests that wait for a thread.
const WAITING: usize = 256;
const MOST: usize = 4;

/// A request or an answer, as it crosses a thread.
pub(crate) struct Parts {
    /// Method and address, or the status.
    line: Line,
    headers: Vec<(String, Vec<u8>)>,
    body: Bytes,
}

enum Line {
    Asked(String, String),
    Answered(u16),
}

type Job = (Parts, oneshot::Sender<Parts>);

/// Threads that answer requests.
#[derive(Clone)]
pub(crate) struct Workers {
    doors: Arc<[mpsc::Sender<Job>]>,
    next: Arc<AtomicUsize>,
    refused: fn(u16) -> hyper::Response<Full<Bytes>>,
    largest: usize,
}

impl Workers {
    /// Starts them, each with an application that `configure` fills. `refused` says what does not get as far.
    pub(crate) fn start(
        configure: impl FnOnce(&mut ServiceConfig) + Clone + Send + 'static,
        refused: fn(u16) -> hyper::Response<Full<Bytes>>,
        largest: usize,
    ) -> Result<Self, Fault> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut doors = Vec::new();
        for number in 0..threads.min(MOST) {
            let (door, jobs) = mpsc::channel(WAITING);
            let configure = configure.clone();
            let runtime = Builder::new_current_thread().enable_all().build()?;
            thread::Builder::new()
                .name(format!("actix {number}"))
                .spawn(move || LocalSet::new().block_on(&runtime, work(configure, jobs)))?;
            doors.push(door);
        }
        Ok(Self {
            doors: doors.into(),
            next: Arc::new(AtomicUsize::new(0)),
            refused,
            largest,
        })
    }

    /// Answers a request.
    pub(crate) async fn answer(
        &self,
        request: hyper::Request<Incoming>,
    ) -> hyper::Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = match read_body(body, self.largest).await {
            Sent::Whole(body) => body.into(),
            Sent::TooLong => return (self.refused)(413),
            Sent::Never => return (self.refused)(408),
        };
        // What is told with a body is told without one: hyper leaves it out.
        let method = match head.method {
            hyper::Method::HEAD => "GET".into(),
            method => method.to_string(),
        };
        let uri = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let headers = head.headers.iter();
        let parts = Parts {
            line: Line::Asked(method, uri.into()),
            headers: headers
                .map(|(name, value)| (name.to_string(), value.as_bytes().into()))
                .collect(),
            body,
        };
        let (reply, answer) = oneshot::channel();
        let at = self.next.fetch_add(1, Ordering::Relaxed);
        let door = at
            .checked_rem(self.doors.len())
            .and_then(|at| self.doors.get(at));
        let Some(door) = door else {
            return (self.refused)(500);
        };
        if door.send((parts, reply)).await.is_err() {
            return (self.refused)(500);
        }
        let answered = answer.await.ok().and_then(response);
        answered.unwrap_or_else(|| (self.refused)(500))
    }
}

fn response(parts: Parts) -> Option<hyper::Response<Full<Bytes>>> {
    let Line::Answered(status) = parts.line else {
        return None;
    };
    let mut response = hyper::Response::builder().status(status);
    for (name, value) in parts.headers {
        response = response.header(name, value);
    }
    response.body(Full::new(parts.body)).ok()
}

async fn work(configure: impl FnOnce(&mut ServiceConfig), mut jobs: mpsc::Receiver<Job>) {
    let application = App::new().configure(configure);
    let service = application
        .into_factory()
        .new_service(AppConfig::default())
        .await;
    let Ok(service) = service else { return };
    let service = Rc::new(service);
    while let Some((parts, reply)) = jobs.recv().await {
        let service = Rc::clone(&service);
        spawn_local(async move {
            let Some(request) = asked(parts) else { return };
            let answered = match service.call(request).await {
                Ok(response) => response.map_into_boxed_body().into_parts().1,
                Err(error) => error.error_response(),
            };
            let (head, body) = answered.into_parts();
            let headers = head.headers().iter();
            let headers = headers
                .map(|(name, value)| (name.to_string(), value.as_bytes().into()))
                .collect();
            let line = Line::Answered(head.status().as_u16());
            let Ok(body) = to_bytes(body).await else {
                return;
            };
            // Whoever hung up gets nothing.
            let _ = reply.send(Parts {
                line,
                headers,
                body,
            });
        });
    }
}

fn asked(parts: Parts) -> Option<Request> {
    let Line::Asked(method, uri) = parts.line else {
        return None;
    };
    let mut payload = h1::Payload::create(true).1;
    payload.unread_data(parts.body);
    let mut request = Request::with_payload(Payload::from(payload));
    let head = request.head_mut();
    head.method = Method::from_bytes(method.as_bytes()).ok()?;
    head.uri = uri.parse::<Uri>().ok()?;
    for (name, value) in parts.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        head.headers
            .append(name, HeaderValue::from_bytes(&value).ok()?);
    }
    Some(request)
}
