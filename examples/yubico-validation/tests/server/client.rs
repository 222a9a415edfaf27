//! Our client and our server.

use core::time::Duration;
use std::{net::TcpListener, sync::Arc, time::Instant};

use testing::{Place, Watched, key_1};
use twofa_providers::{
    oath_otp::yubico::Otp,
    yubico::{
        ApiKey, ClientBuilder, Fault, InvalidServer, Status, ValidationClient, ValidationError,
    },
};

use crate::{
    http::in_memory,
    support::{API_KEY, PUBLIC_ID, Running, Soft, over, prepared},
};

pub(crate) fn signing(id: u64) -> ClientBuilder {
    ValidationClient::builder(id).key(ApiKey::from_base64(API_KEY).expect("base64"))
}

pub(crate) fn url(server: &Running) -> String {
    format!("http://{}/wsapi/2.0/verify", server.address)
}

/// An OTP is accepted once, and every refusal is told apart from an outage.
#[tokio::test]
async fn client_accepts_an_otp_once() {
    let (server, key) = (Running::new(in_memory().await), Soft::new());
    let client = signing(1)
        .server(&url(&server))
        .sync_level(100)
        .build()
        .expect("a client");
    client
        .verify(&key.press(1, 1))
        .await
        .expect("the right OTP");
    for spent in [key.press(1, 1), key.press(1, 0)] {
        let again = client.verify(&spent).await;
        assert!(matches!(
            again,
            Err(ValidationError::Refused(Status::ReplayedOtp))
        ));
    }
    let foreign = key.typed(1, 2).replace(PUBLIC_ID, "vvccccccccbc");
    let foreign = client.verify(&Otp::parse(&foreign).expect("an OTP")).await;
    assert!(matches!(
        foreign,
        Err(ValidationError::Refused(Status::BadOtp))
    ));
    client
        .verify(&key.press(1, 2))
        .await
        .expect("it was not spent");
}

/// What a server says of the client is an outage, not a wrong code.
#[tokio::test]
async fn clients_own_faults_are_outages() {
    let (server, key) = (Running::new(in_memory().await), Soft::new());
    let (url, otp) = (url(&server), key.press(1, 1));
    let plain = |id| {
        ValidationClient::builder(id)
            .server(&url)
            .build()
            .expect("a client")
    };
    let unknown = plain(2).verify(&otp).await;
    assert!(matches!(
        unknown,
        Err(ValidationError::Status(Status::NoSuchClient))
    ));
    let unknown = signing(2)
        .server(&url)
        .build()
        .expect("a client")
        .verify(&otp)
        .await;
    assert!(matches!(
        unknown,
        Err(ValidationError::Fault(Fault::Unsigned))
    ));
    let key = ApiKey::from_bytes(b"another").expect("short");
    let other = ValidationClient::builder(1)
        .key(key)
        .server(&url)
        .build()
        .expect("a client");
    assert!(matches!(
        other.verify(&otp).await,
        Err(ValidationError::Fault(Fault::Unsigned))
    ));
    // Nothing of it spent the OTP; and TLS alone may vouch, where an application says so.
    plain(1).verify(&otp).await.expect("the right OTP");
}

/// Servers over one database are asked at once and accept an OTP once; one that is down changes nothing.
#[tokio::test]
async fn servers_in_step_accept_once() {
    let (store, key) = (Arc::new(Watched::new(Place::Sqlite).await), Soft::new());
    let first = Running::new(prepared(over(Arc::clone(&store), key_1())).await);
    let second = Running::new(over(store, key_1()));
    let down = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = down.local_addr().expect("an address");
    drop(down);
    let client = signing(1).server(&url(&first)).server(&url(&second));
    let client = client.server(&format!("http://{address}/wsapi/2.0/verify"));
    let client = client.build().expect("a client");
    for uses in 0..10 {
        client
            .verify(&key.press(1, uses))
            .await
            .expect("the right OTP");
        let again = client.verify(&key.press(1, uses)).await;
        assert!(matches!(
            again,
            Err(ValidationError::Refused(Status::ReplayedOtp))
        ));
    }
}

/// A server that is silent holds up nobody who has another one, and is given up in time where there is none.
#[tokio::test]
async fn silent_server_is_given_up() {
    let (server, key) = (Running::new(in_memory().await), Soft::new());
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("http://{}/verify", silent.local_addr().expect("an address"));
    let both = signing(1)
        .server(&silent)
        .server(&url(&server))
        .build()
        .expect("a client");
    both.verify(&key.press(1, 1))
        .await
        .expect("the other one answers");
    let alone = signing(1).server(&silent).timeout(Duration::from_secs(1));
    let alone = alone.build().expect("a client");
    let began = Instant::now();
    let told = alone.verify(&key.press(1, 2)).await;
    assert!(matches!(told, Err(ValidationError::Unavailable(_))));
    assert!(began.elapsed() < Duration::from_secs(5));
}

/// Which servers may be asked.
#[test]
fn server_addresses_are_checked() {
    let built = |addresses: &[&str]| {
        let client = addresses
            .iter()
            .fold(signing(1), |client, address| client.server(address));
        client.build().err()
    };
    let yubico = "https://api.yubico.com/wsapi/2.0/verify";
    for address in [
        yubico,
        "http://127.0.0.1:1/x",
        "http://[::1]:1/x",
        "http://localhost:1/x",
        "https://[::2]/x",
    ] {
        assert_eq!(built(&[address]), None, "{address}");
    }
    for (address, why) in [
        ("http://api.yubico.com/x", InvalidServer::Plain),
        ("http://127.0.0.1.example.org/x", InvalidServer::Plain),
        ("http://localhost.example.org/x", InvalidServer::Plain),
        ("ftp://127.0.0.1/x", InvalidServer::Address),
        ("/wsapi/2.0/verify", InvalidServer::Address),
        ("https://user@example.org/x", InvalidServer::Address),
        ("https://example.org/x?id=1", InvalidServer::Address),
        ("https://example.org/x#h", InvalidServer::Address),
        ("", InvalidServer::Address),
    ] {
        assert_eq!(built(&[address]), Some(why), "{address}");
    }
    assert_eq!(
        built(&[yubico, "https://api2.yubico.com/x", yubico]),
        Some(InvalidServer::Twice)
    );
    for (one, other) in [
        (yubico, "https://API.yubico.com/wsapi/2.0/verify"),
        (yubico, "https://api.yubico.com:443/wsapi/2.0/verify"),
        (yubico, "HTTPS://api.yubico.com:0443/wsapi/2.0/verify"),
        (yubico, "https://api.yubico.com./wsapi/2.0/verify"),
        ("https://h:8443", "https://h:8443/"),
        ("http://127.0.0.1/x", "http://127.0.0.1:80/x"),
        ("http://[::1]:1/x", "http://[0:0:0:0:0:0:0:1]:1/x"),
    ] {
        assert_eq!(built(&[one, other]), Some(InvalidServer::Twice), "{other}");
    }
    for (one, other) in [
        (yubico, "https://api.yubico.com:444/wsapi/2.0/verify"),
        (yubico, "https://api.yubico.com/wsapi/2.0/Verify"),
        (yubico, "https://api.yubico.co/wsapi/2.0/verify"),
        ("https://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
        ("http://127.0.0.1:443/x", "https://127.0.0.1/x"),
    ] {
        assert_eq!(built(&[one, other]), None, "{other}");
    }
    assert_eq!(built(&[]), Some(InvalidServer::None));
    let level = signing(1).server(yubico).sync_level(101).build();
    assert_eq!(level.err(), Some(InvalidServer::Level));
    for timeout in [Duration::ZERO, Duration::from_secs(11)] {
        let client = signing(1).server(yubico).timeout(timeout).build();
        assert_eq!(client.err(), Some(InvalidServer::Timeout));
    }
}
