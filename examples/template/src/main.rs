//! Settings from the environment, a command for support, a task that purges, and the server.

use core::{net::SocketAddr, time::Duration};
use std::{env, sync::Arc};

use template::{App, Fault, Settings, begin_anew, router};
use tokio::{net::TcpListener, time::interval};
use twofa_providers::Upkeep;

#[tokio::main]
async fn main() -> Result<(), Fault> {
    let set = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.into());
    let port: u16 = set("PORT", "8080").parse()?;
    let app = App::start(Settings {
        database: set("DATABASE", "app.db"),
        keys: set("KEYS", "keys").into(), // back it up apart from the database
        origin: set("ORIGIN", &format!("http://localhost:{port}")),
        smtp: env::var("SMTP").ok(),
        sender: set("SENDER", "app@localhost"),
        mail: None,
    });
    let app = Arc::new(app.await?);
    // `app begin-anew alice@example.org`: for support, after they made sure who asks.
    let mut arguments = env::args().skip(1);
    if let (Some("begin-anew"), Some(email)) = (arguments.next().as_deref(), arguments.next()) {
        let found = begin_anew(&app, &email).await?;
        return found
            .then_some(())
            .ok_or_else(|| "no account has this address".into());
    }
    let upkeep = Arc::clone(&app);
    tokio::spawn(async move {
        let mut clock = interval(Duration::from_secs(300));
        loop {
            clock.tick().await;
            // An outage is an event, and the next round tries again.
            let _ = upkeep.tokens.sweep().await;
            let _ = Upkeep::new(&upkeep.engine).purge_factors(500).await;
        }
    });
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    eprintln!("{}", app.origin);
    let service = router(app).into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, service).await?)
}
