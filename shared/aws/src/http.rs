//! HTTP/1.1 over TLS for the SDK's clients: every endpoint supports it, and one call at a time needs no more.
//!
//! The SDK's own HTTP client includes HTTP/2 and proxies, which were a tenth of a function's code
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
    /// Creates a pool that trusts what `tls` trusts. Connecting times out after `connect`; the handshake that follows ends with
    /// the attempt.
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

/// What the SDK needs to close a connection over which a service failed.
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

/// Classifies an error. Connections that cannot be opened, or are lost, are network errors, which the SDK retries. Anything
/// else is a defect of one side.
fn failure(error: Error) -> ConnectorError {
    let http = error.source().and_then(|source| source.downcast_ref::<hyper::Error>());
    match http {
        Some(http) if http.is_user() => ConnectorError::user(error.into()),
        Some(http) if http.is_parse() => ConnectorError::other(error.into(), None),
        _ => ConnectorError::io(error.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;
    use crate::CONNECT;
    use crate::connections::tls;
    use aws_smithy_types::byte_stream::ByteStream;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

    /// Starts a service that gives the same response to every request, or closes the connection if the response is empty.
    /// Returns its address and its number of connections.
    async fn service(answer: &'static [u8]) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(answering(stream, answer));
            }
        });
        (format!("http://{address}/"), connections)
    }

    /// The requests of these tests arrive in one piece.
    async fn answering(mut stream: TcpStream, answer: &'static [u8]) {
        let mut request = [0; 1_024];
        while stream.read(&mut request).await.unwrap_or(0) > 0 && !answer.is_empty() {
            stream.write_all(answer).await.unwrap();
        }
    }

    fn http() -> Http1 {
        let nobody = tls().unwrap().with_root_certificates(rustls::RootCertStore::empty());
        Http1::new(nobody.with_no_client_auth(), CONNECT)
    }

    async fn ask(http: &Http1, request: HttpRequest) -> Result<(), ConnectorError> {
        let answer = http.call(request).await?;
        ByteStream::new(answer.into_body()).collect().await.unwrap();
        // Tasks of the client return the connection to the pool when they get their turns.
        for _ in 0..16 {
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_connection_is_used_again_until_a_service_failed_over_it() {
        let (address, connections) = service(ANSWER).await;
        let http = http();
        ask(&http, HttpRequest::get(&address).unwrap()).await.unwrap();
        let capture = CaptureSmithyConnection::new();
        let mut request = HttpRequest::get(&address).unwrap();
        request.add_extension(capture.clone());
        ask(&http, request).await.unwrap();
        assert_eq!(connections.load(Ordering::SeqCst), 1);

        // What the SDK does after an answer that says that the service failed.
        capture.get().unwrap().poison();
        ask(&http, HttpRequest::get(&address).unwrap()).await.unwrap();
        assert_eq!(connections.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn only_what_the_network_did_is_worth_another_attempt() {
        let (closing, _) = service(b"").await;
        let error = ask(&http(), HttpRequest::get(closing).unwrap()).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");

        let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = ask(&http(), HttpRequest::get(format!("http://{nobody}/")).unwrap()).await.unwrap_err();
        assert!(error.is_io(), "{error:?}");

        let (foreign, _) = service(b"SSH-2.0-OpenSSH_9.2\r\n").await;
        let error = ask(&http(), HttpRequest::get(foreign).unwrap()).await.unwrap_err();
        assert!(!error.is_io() && !error.is_user(), "{error:?}");
    }
}
