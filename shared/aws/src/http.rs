//! HTTP/1.1 over TLS for the clients of the SDK: every endpoint speaks it, and one call at a time needs no more.
//!
//! The SDK's own HTTP client brings HTTP/2 and proxies as well. They were a tenth of a function's code
//! (`docs/decisions/0011-ready-beside-the-start.md`).

use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector as Tcp, capture_connection};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use std::error::Error as _;
use std::time::Duration;

/// A pool of connections to any number of hosts.
#[derive(Clone, Debug)]
pub(crate) struct Http1 {
    client: Client<HttpsConnector<Tcp>, SdkBody>,
}

impl Http1 {
    /// A pool that believes what `tls` does. A TCP connection that takes longer than `connect` is given up.
    pub(crate) fn new(tls: ClientConfig, connect: Duration) -> Self {
        let mut tcp = Tcp::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(connect));
        let https =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(tcp);
        Self { client: Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(https) }
    }
}

impl HttpConnector for Http1 {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into()))),
        };
        let connection = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || metadata(&connection));
        }
        let answer = self.client.request(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await.map_err(failure)?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// What the SDK needs to give up a connection over which a service failed.
fn metadata(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    connection.connection_metadata().as_ref()?;
    let connection = connection.clone();
    let poison = move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    Some(ConnectionMetadata::builder().proxied(false).poison_fn(poison).build())
}

/// Connections that cannot be opened, or are lost, are the network's: the SDK asks again. All else is one side's defect.
fn failure(error: Error) -> ConnectorError {
    let http = error.source().and_then(|source| source.downcast_ref::<hyper::Error>());
    match http {
        Some(http) if http.is_user() => ConnectorError::user(error.into()),
        Some(http) if http.is_parse() => ConnectorError::other(error.into(), None),
        _ => ConnectorError::io(error.into()),
    }
}
