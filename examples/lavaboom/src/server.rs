//! How the server starts.

use core::{
    convert::Infallible,
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use actix_web::web::{Bytes, Data};
use contract_server::{
    Canned, Fault, Ground, Options, Tls, every,
    hyper::{
        Method, Request, Response, StatusCode,
        body::Incoming,
        header::{
            ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
            ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HeaderValue,
        },
        service::service_fn,
    },
    read_json, serve,
};
use http_body_util::Full;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    accounts::Accounts,
    answer::{JSON, canned},
    app::{App, words},
    routes::{LARGEST, configure},
    settings::Settings,
    trial,
    workers::Workers,
};

/// How often the dead are removed.
const EVERY: Duration = Duration::from_secs(60);

/// The server, listening.
pub struct Server {
    listener: TcpListener,
    workers: Workers,
    /// For everybody, and for the client inside.
    validation_listeners: [TcpListener; 2],
    validation_workers: Workers,
    app: Data<App>,
    url: String,
    hints: Vec<String>,
}

impl Server {
    /// Opens what the options name, makes the accounts at the first start, and listens.
    ///
    /// # Errors
    /// A sentence for the person who started it.
    pub async fn start(options: &Options) -> Result<Self, Fault> {
        let settings = match &options.settings {
            Some(file) => read_json::<Settings>("settings", file)?,
            None => Settings::default(),
        };
        let (accounts, made_up) = match &options.accounts {
            Some(file) => (read_json::<Accounts>("accounts", file)?, None),
            None if options.is_trial() => {
                let (accounts, told) = trial::account()?;
                (accounts, Some(told))
            }
            None => (Accounts::default(), None),
        };
        accounts.check()?;
        let ground = Ground::open("lavaboom", options, words()?).await?;
        let validation_listener = TcpListener::bind((options.listen.ip(), 0)).await?;
        let validation_url = format!("http://{}", validation_listener.local_addr()?);
        // Its own client is in this process, and asks by HTTP: over loopback alone, wherever the others come from.
        let loopback = [
            IpAddr::from(Ipv4Addr::LOCALHOST),
            Ipv6Addr::LOCALHOST.into(),
        ];
        let loopback = loopback.map(|address| SocketAddr::new(address, 0));
        let inner_listener = TcpListener::bind(&loopback[..]).await?;
        let inner_url = format!("http://{}", inner_listener.local_addr()?);
        let app = App::new(settings, ground, &inner_url).await?;
        accounts.make(&app).await?;
        app.engine.clock.start();
        let listener = TcpListener::bind(options.listen).await;
        let listener = listener.map_err(|error| format!("{}: {error}", options.listen))?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = Data::new(app);
        let shared = app.clone();
        let verify = yubico_validation::routes(&app.validation);
        let validation_workers = Workers::start(verify, plain, LARGEST)?;
        let mut hints = vec![format!("validation on {validation_url}")];
        hints.extend(made_up.iter().flat_map(|told| told.hints(&url)));
        let routes = move |config: &mut _| configure(config, shared.clone());
        Ok(Self {
            listener,
            workers: Workers::start(routes, refused, LARGEST)?,
            app,
            validation_listeners: [validation_listener, inner_listener],
            validation_workers,
            hints,
            url,
        })
    }

    /// What clients are given.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What else is told at the start.
    #[must_use]
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// Serves until `stop` is done, and tidies up meanwhile.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let Self {
            listener,
            workers,
            validation_listeners: [outer, inner],
            validation_workers,
            app,
            ..
        } = self;
        let (ending, ended) = watch::channel(());
        let end = async {
            stop.await;
            drop(ending);
        };
        let service = service_fn(move |request| {
            let workers = workers.clone();
            async move { Ok::<_, Infallible>(answer(&workers, request).await) }
        });
        let canned = Canned::from(canned).content_type(JSON);
        let serving = serve(listener, &Tls::Off, service, canned, until(ended.clone()));
        let service = service_fn(move |request| {
            let workers = validation_workers.clone();
            async move { Ok::<_, Infallible>(workers.answer(request).await) }
        });
        let canned = Canned::from(told).content_type(PLAIN);
        let validating = |listener| {
            let (service, canned) = (service.clone(), canned.clone());
            serve(listener, &Tls::Off, service, canned, until(ended.clone()))
        };
        let (validating, asking) = (validating(outer), validating(inner));
        tokio::select! {
            _ = async { tokio::join!(end, serving, validating, asking) } => {}
            () = every(EVERY, || app.tidy()) => {}
        }
    }
}

/// Until the sender is gone.
async fn until(mut ended: watch::Receiver<()>) {
    let _ = ended.changed().await;
}

const PLAIN: &str = "text/plain";

/// What the validation server refuses before it reads a query.
fn told(status: u16) -> String {
    format!("{status}\r\n")
}

fn plain(status: u16) -> Response<Full<Bytes>> {
    shaped(status, told(status), PLAIN)
}

/// Any site may ask: what guards an account is the token, which no browser sends by itself.
async fn answer(workers: &Workers, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let mut response = if request.method() == Method::OPTIONS {
        let mut response = Response::new(Full::default());
        *response.status_mut() = StatusCode::NO_CONTENT;
        response
    } else {
        workers.answer(request).await
    };
    let headers = response.headers_mut();
    let methods = "GET, POST, PUT, DELETE";
    let allowed = "Origin, Content-Type, Authorization, X-Requested-With";
    for (name, value) in [
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (ACCESS_CONTROL_ALLOW_METHODS, methods),
        (ACCESS_CONTROL_ALLOW_HEADERS, allowed),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What no handler sees.
fn refused(status: u16) -> Response<Full<Bytes>> {
    shaped(status, canned(status), JSON)
}

fn shaped(status: u16, body: String, content_type: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

impl core::fmt::Debug for Server {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
