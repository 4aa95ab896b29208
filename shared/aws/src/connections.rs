//! One pool of connections for all clients of a function.
//!
//! The SDK's own HTTP client reads the certificates once for each client that is made, and again at the first call. This one
//! reads them once, when the first connection is opened.

use crate::http::Http1;
use crate::{CONNECT, Unusable};
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

/// Partitions whose endpoints others sign for and which have domains of their own, by the first letters of their regions.
const OTHER_PARTITIONS: [&str; 3] = ["cn-", "us-iso", "eusc-"];

fn in_other_partition(region: &str) -> bool {
    OTHER_PARTITIONS.iter().any(|partition| region.starts_with(partition))
}

/// Where a service is in a region, or nothing where the region's partition has a domain of its own.
pub(crate) fn address(service: &str, region: &str) -> Option<String> {
    (!in_other_partition(region)).then(|| format!("https://{service}.{region}.amazonaws.com"))
}

/// One pool, whoever holds it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Connections {
    /// Filled when the first connection is opened, where nothing can be wrong with whom it believes.
    pool: Arc<OnceLock<SharedHttpConnector>>,
}

impl Connections {
    /// Believes the file that `AWS_CA_BUNDLE` names, as all AWS tools do, or Amazon's roots, or the system's.
    pub(crate) fn new(region: &str) -> Result<Self, Unusable> {
        let named = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
        // Amazon's are known to be good. Others end the start, and not the first call.
        let pool = match named {
            Some(path) => believing(&std::fs::read(path).map_err(|_| Unusable::Certificates)?)?,
            None if in_other_partition(region) => {
                connector(tls()?.with_native_roots().map_err(|_| Unusable::Certificates)?)
            }
            None => return Ok(Self::default()),
        };
        Ok(Self { pool: Arc::new(OnceLock::from(pool)) })
    }

    fn pool(&self) -> &SharedHttpConnector {
        self.pool.get_or_init(|| believing(AMAZON_TRUST_SERVICES).expect("a test read Amazon's roots"))
    }

    /// Opens so many connections to an address, beside whatever else runs.
    pub(crate) fn open(&self, address: &str, count: usize) {
        let pool = self.pool();
        for _ in 0..count {
            tokio::spawn(tokio::time::timeout(CONNECT, ask(pool.clone(), address.to_owned())));
        }
    }
}

pub(crate) fn tls() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, Unusable> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|_| Unusable::Certificates)
}

/// Connections to whom the certificates of a PEM file vouch for.
fn believing(pem: &[u8]) -> Result<SharedHttpConnector, Unusable> {
    Ok(connector(tls()?.with_root_certificates(store(pem)?)))
}

fn connector(tls: ConfigBuilder<ClientConfig, WantsClientCert>) -> SharedHttpConnector {
    SharedHttpConnector::new(Http1::new(tls.with_no_client_auth(), CONNECT))
}

/// One request that nothing comes of: it is not signed. The pool keeps a connection when its answer has been read to the end.
async fn ask(pool: SharedHttpConnector, address: String) {
    let Ok(request) = HttpRequest::get(address) else { return };
    if let Ok(answer) = pool.call(request).await {
        let _ = ByteStream::new(answer.into_body()).collect().await;
    }
}

/// The certificates of a PEM file, of which there must be one.
fn store(pem: &[u8]) -> Result<RootCertStore, Unusable> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| Unusable::Certificates)?;
        store.add(certificate).map_err(|_| Unusable::Certificates)?;
    }
    if store.is_empty() { Err(Unusable::Certificates) } else { Ok(store) }
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
            assert_eq!(store(nothing.as_bytes()).unwrap_err(), Unusable::Certificates, "{nothing}");
        }
    }

    #[test]
    fn a_partition_with_a_domain_of_its_own_is_not_guessed_at() {
        assert_eq!(address("dynamodb", "eu-west-1").unwrap(), "https://dynamodb.eu-west-1.amazonaws.com");
        assert_eq!(address("dynamodb", "cn-north-1"), None);
    }
}
