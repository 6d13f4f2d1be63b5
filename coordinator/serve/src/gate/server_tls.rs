//! The server's side of TLS.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::server::ResolvesServerCert;

/// What gRPC is called in a handshake.
const HTTP_2: &[u8] = b"h2";

/// TLS 1.2 and 1.3 without client certificates: tokens say who somebody is.
pub(super) fn config(certificate: Arc<dyn ResolvesServerCert>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the default versions of TLS");
    let mut config = config.with_no_client_auth().with_cert_resolver(certificate);
    config.alpn_protocols = vec![HTTP_2.to_vec()];
    Arc::new(config)
}
