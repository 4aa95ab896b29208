//! One pool of connections for all clients of a function.
//!
//! The SDK's own HTTP client reads the certificates once for each client that is made, and again at the first call. This one
//! reads them once, when the first connection is opened.

use crate::{CONNECT, Unusable};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnector, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::byte_stream::ByteStream;
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

#[derive(Clone, Debug)]
pub(crate) struct Connections {
    trust: TlsContext,
    pool: Arc<OnceLock<SharedHttpConnector>>,
}

impl Connections {
    /// Believes the file that `AWS_CA_BUNDLE` names, as all AWS tools do, or Amazon's roots, or the system's.
    pub(crate) fn new(region: &str) -> Result<Self, Unusable> {
        let named = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
        let roots = match &named {
            Some(path) => {
                let certificates = std::fs::read(path).map_err(|_| Unusable::Certificates)?;
                TrustStore::empty().with_pem_certificate(certificates)
            }
            None if in_other_partition(region) => TrustStore::default(),
            None => TrustStore::empty().with_pem_certificate(AMAZON_TRUST_SERVICES),
        };
        let trust = TlsContext::builder().with_trust_store(roots).build().map_err(|_| Unusable::Certificates)?;
        let connections = Self { trust, pool: Arc::default() };
        if named.is_some() {
            // A file that holds no certificates ends the start, and not the first call.
            connections.pool(&settings());
        }
        Ok(connections)
    }

    fn pool(&self, settings: &HttpConnectorSettings) -> &SharedHttpConnector {
        self.pool.get_or_init(|| {
            let connector = Connector::builder()
                .connector_settings(settings.clone())
                .tls_provider(Provider::rustls(CryptoMode::Ring))
                .tls_context(self.trust.clone())
                .build();
            SharedHttpConnector::new(connector)
        })
    }

    /// Opens so many connections to an address, beside whatever else runs.
    pub(crate) fn open(&self, address: &str, count: usize) {
        let pool = self.pool(&settings());
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

/// What the pool is made with where it is made before any client asks for it.
fn settings() -> HttpConnectorSettings {
    HttpConnectorSettings::builder().connect_timeout(CONNECT).build()
}

impl HttpClient for Connections {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.pool(settings).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_five_roots_of_amazon_trust_services_are_there() {
        let text = std::str::from_utf8(AMAZON_TRUST_SERVICES).unwrap();
        assert_eq!(text.matches("-----BEGIN CERTIFICATE-----").count(), 5);
        // Reads them.
        Connections::new("eu-west-1").unwrap().pool(&settings());
    }

    #[test]
    fn a_partition_with_a_domain_of_its_own_is_not_guessed_at() {
        assert_eq!(address("dynamodb", "eu-west-1").unwrap(), "https://dynamodb.eu-west-1.amazonaws.com");
        assert_eq!(address("dynamodb", "cn-north-1"), None);
    }
}
