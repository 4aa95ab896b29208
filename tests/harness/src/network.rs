//! What lies between a function and the services: TLS, and the time that a message takes.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A connection, however it is made.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<C: AsyncRead + AsyncWrite + Send + Unpin> Connection for C {}

/// How functions reach the services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// Whether over TLS, with a certificate that a test authority signs.
    pub tls: bool,
    /// How long a message and its answer are on their way. Opening a TCP connection takes it once.
    pub round_trip: Duration,
}

/// The end at which the services are.
pub(crate) struct Server {
    network: Network,
    acceptor: Option<TlsAcceptor>,
    /// A file with the test authority's certificate.
    pub(crate) authority: Option<PathBuf>,
}

impl Server {
    /// A server at `localhost` and this port.
    pub(crate) fn new(network: Network, port: u16) -> io::Result<Self> {
        if !network.tls {
            return Ok(Self { network, acceptor: None, authority: None });
        }
        let (config, authority) = certificates().map_err(io::Error::other)?;
        let file = std::env::temp_dir().join(format!("latchkey-harness-{}-{port}.pem", std::process::id()));
        std::fs::write(&file, authority)?;
        Ok(Self { network, acceptor: Some(TlsAcceptor::from(Arc::new(config))), authority: Some(file) })
    }

    /// Takes a connection.
    pub(crate) async fn accept(&self, connection: TcpStream) -> io::Result<Box<dyn Connection>> {
        connection.set_nodelay(true)?;
        let connection: Box<dyn Connection> = if self.network.round_trip.is_zero() {
            Box::new(connection)
        } else {
            Box::new(delayed(connection, self.network.round_trip))
        };
        Ok(match &self.acceptor {
            Some(acceptor) => Box::new(acceptor.accept(connection).await?),
            None => connection,
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(file) = &self.authority {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// A certificate for `localhost`, of an authority that is made for it: the server's side, and the authority's certificate.
fn certificates() -> Result<(ServerConfig, String), Box<dyn std::error::Error + Send + Sync>> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(["localhost".to_owned()])?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok((config, authority.pem()))
}

/// Everything arrives at the server a round trip late, and the first of it two, as if the connection had to be opened over
/// the same distance. Answers arrive at once: a delay in each direction would be rounded up twice to the timer's grain of a
/// millisecond.
fn delayed(connection: TcpStream, round_trip: Duration) -> DuplexStream {
    let (here, there) = tokio::io::duplex(64 * 1024);
    let (from_client, to_client) = tokio::io::split(connection);
    let (from_server, to_server) = tokio::io::split(there);
    tokio::spawn(carry(from_client, to_server, round_trip));
    tokio::spawn(async move {
        let (mut from_server, mut to_client) = (from_server, to_client);
        // Ends with the connection.
        let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
        let _ = to_client.shutdown().await;
    });
    here
}

async fn carry(mut from: ReadHalf<TcpStream>, mut to: WriteHalf<DuplexStream>, round_trip: Duration) {
    let (sender, mut under_way) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
    tokio::spawn(async move {
        while let Some((arrival, bytes)) = under_way.recv().await {
            tokio::time::sleep_until(arrival).await;
            if to.write_all(&bytes).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    });
    let opened = Instant::now() + round_trip;
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let arrival = Instant::now().max(opened) + round_trip;
        if sender.send((arrival, buffer[..count].to_vec())).is_err() {
            return;
        }
    }
}
