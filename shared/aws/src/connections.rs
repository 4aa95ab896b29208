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
use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
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

/// Whom to believe.
#[derive(Debug)]
enum Roots {
    Amazon,
    /// What the system believes.
    System,
    /// Of a file, in PEM.
    Given(Vec<u8>),
}

#[derive(Clone, Debug)]
pub(crate) struct Connections {
    roots: Arc<Roots>,
    pool: Arc<OnceLock<SharedHttpConnector>>,
}

impl Connections {
    /// Believes the file that `AWS_CA_BUNDLE` names, as all AWS tools do, or Amazon's roots, or the system's.
    pub(crate) fn new(region: &str) -> Result<Self, Unusable> {
        let named = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
        let roots = match named {
            Some(path) => Roots::Given(std::fs::read(path).map_err(|_| Unusable::Certificates)?),
            None if in_other_partition(region) => Roots::System,
            None => Roots::Amazon,
        };
        let connections = Self { roots: Arc::new(roots), pool: Arc::default() };
        // Amazon's are known to be good. Others end the start, and not the first call.
        if !matches!(*connections.roots, Roots::Amazon) {
            let _ = connections.pool.set(connections.made()?);
        }
        Ok(connections)
    }

    fn made(&self) -> Result<SharedHttpConnector, Unusable> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| Unusable::Certificates)?;
        let tls = match &*self.roots {
            Roots::Amazon => tls.with_root_certificates(store(AMAZON_TRUST_SERVICES)?),
            Roots::Given(pem) => tls.with_root_certificates(store(pem)?),
            Roots::System => tls.with_native_roots().map_err(|_| Unusable::Certificates)?,
        };
        Ok(SharedHttpConnector::new(Http1::new(tls.with_no_client_auth(), CONNECT)))
    }

    fn pool(&self) -> &SharedHttpConnector {
        self.pool.get_or_init(|| self.made().expect("Amazon's roots were read by a test, and all others at the start"))
    }

    /// Opens so many connections to an address, beside whatever else runs.
    pub(crate) fn open(&self, address: &str, count: usize) {
        let pool = self.pool();
        for _ in 0..count {
            tokio::spawn(tokio::time::timeout(CONNECT, ask(pool.clone(), address.to_owned())));
        }
    }
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
