//! One connection pool for all clients of a function.
//!
//! The SDK's own HTTP client reads the certificates once for each client, and again at the first call. This one reads them
//! once, when the first connection is opened.

use crate::http::Http1;
use crate::{CONNECT, EnvironmentError};
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::byte_stream::ByteStream;
use hyper_rustls::ConfigBuilderExt;
use rustls::client::WantsClientCert;
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use std::sync::{Arc, OnceLock};

/// The five roots of Amazon Trust Services, which sign for the endpoints of AWS
/// (`docs/decisions/0008-amazons-roots.md`).
const AMAZON_TRUST_SERVICES: &[u8] = include_bytes!("../roots/amazon-trust-services.pem");

/// The prefixes of regions in partitions that have their own domains and other certificate authorities.
const OTHER_PARTITIONS: [&str; 3] = ["cn-", "us-iso", "eusc-"];

fn in_other_partition(region: &str) -> bool {
    OTHER_PARTITIONS.iter().any(|partition| region.starts_with(partition))
}

/// The endpoint of a service in a region. `None` in partitions that have their own domains.
pub(crate) fn address(service: &str, region: &str) -> Option<String> {
    (!in_other_partition(region)).then(|| format!("https://{service}.{region}.amazonaws.com"))
}

/// A handle to the pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections {
    /// Initialized when the first connection is opened, unless its certificates have to be validated before.
    pool: Arc<OnceLock<SharedHttpConnector>>,
}

impl Connections {
    /// Trusts the file that `AWS_CA_BUNDLE` names, as all AWS tools do, or else Amazon's roots; in other partitions the
    /// system's.
    pub(crate) fn new(region: &str) -> Result<Self, EnvironmentError> {
        let named = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
        // Amazon's roots are known to be valid. Any others are validated now, so that the start fails and not the first call.
        let pool = match named {
            Some(path) => trusting(&std::fs::read(path).map_err(|_| EnvironmentError::Certificates)?)?,
            None if in_other_partition(region) => {
                connector(tls()?.with_native_roots().map_err(|_| EnvironmentError::Certificates)?)
            }
            None => return Ok(Self::default()),
        };
        Ok(Self { pool: Arc::new(OnceLock::from(pool)) })
    }

    pub(crate) fn connector(&self) -> SharedHttpConnector {
        self.pool().clone()
    }

    fn pool(&self) -> &SharedHttpConnector {
        self.pool.get_or_init(|| trusting(AMAZON_TRUST_SERVICES).expect("a test read Amazon's roots"))
    }

    /// Opens this many connections to an address in the background.
    pub(crate) fn open(&self, address: &str, count: usize) {
        let pool = self.pool();
        for _ in 0..count {
            tokio::spawn(tokio::time::timeout(CONNECT, ask(pool.clone(), address.to_owned())));
        }
    }
}

pub(crate) fn tls() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, EnvironmentError> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| EnvironmentError::Certificates)
}

/// Builds a connector that trusts the certificates in a PEM file.
fn trusting(pem: &[u8]) -> Result<SharedHttpConnector, EnvironmentError> {
    Ok(connector(tls()?.with_root_certificates(store(pem)?)))
}

fn connector(tls: ConfigBuilder<ClientConfig, WantsClientCert>) -> SharedHttpConnector {
    SharedHttpConnector::new(Http1::new(tls.with_no_client_auth(), CONNECT))
}

/// Sends an unsigned request, whose only purpose is the connection: the pool keeps it once the response has been read.
async fn ask(pool: SharedHttpConnector, address: String) {
    let Ok(request) = HttpRequest::get(address) else { return };
    if let Ok(answer) = pool.call(request).await {
        let _ = ByteStream::new(answer.into_body()).collect().await;
    }
}

/// The certificates in a PEM file, which must contain at least one.
fn store(pem: &[u8]) -> Result<RootCertStore, EnvironmentError> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| EnvironmentError::Certificates)?;
        store.add(certificate).map_err(|_| EnvironmentError::Certificates)?;
    }
    if store.is_empty() { Err(EnvironmentError::Certificates) } else { Ok(store) }
}

impl HttpClient for Connections {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.pool().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_five_roots_of_amazon_trust_services_are_there() {
        let text = std::str::from_utf8(AMAZON_TRUST_SERVICES).unwrap();
        assert_eq!(text.matches("-----BEGIN CERTIFICATE-----").count(), 5);
        assert_eq!(store(AMAZON_TRUST_SERVICES).unwrap().len(), 5);
        Connections::new("eu-west-1").unwrap().pool();
    }

    #[test]
    fn a_file_without_certificates_is_refused_at_once() {
        for nothing in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert_eq!(store(nothing.as_bytes()).unwrap_err(), EnvironmentError::Certificates, "{nothing}");
        }
    }

    #[test]
    fn a_partition_with_a_domain_of_its_own_is_not_guessed_at() {
        assert_eq!(address("dynamodb", "eu-west-1").unwrap(), "https://dynamodb.eu-west-1.amazonaws.com");
        assert_eq!(address("dynamodb", "cn-north-1"), None);
    }
}
