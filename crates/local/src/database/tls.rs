//! A certificate for the private server, so that tests and benchmarks connect with TLS as in production.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Paths of PEM files. The server uses the last two; a client trusts the first.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl TlsFiles {
    /// As [`make_tls_files`] names them.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            authority: folder.join("authority.pem"),
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
        }
    }
}

/// Creates a certificate authority and a certificate for 127.0.0.1 in `folder`.
pub fn make_tls_files(folder: &Path) -> io::Result<TlsFiles> {
    make_tls_files_for(folder, "127.0.0.1")
}

/// The same for a server with another name.
pub fn make_tls_files_for(folder: &Path, name: &str) -> io::Result<TlsFiles> {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    let authority_key = KeyPair::generate().map_err(io::Error::other)?;
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "private authority of the local database");
    let authority_certificate = authority.self_signed(&authority_key).map_err(io::Error::other)?;
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate().map_err(io::Error::other)?;
    let mut parameters = CertificateParams::new([name.to_owned()]).map_err(io::Error::other)?;
    parameters.distinguished_name.push(DnType::CommonName, name);
    let certificate = parameters.signed_by(&key, &issuer).map_err(io::Error::other)?;

    let files = TlsFiles::in_folder(folder);
    std::fs::write(&files.authority, authority_certificate.pem())?;
    std::fs::write(&files.certificate, certificate.pem())?;
    crate::state::write_private(&files.key, key.serialize_pem().as_bytes())?;
    Ok(files)
}

/// The server side of TLS, with this certificate.
pub fn tls_acceptor(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> io::Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
        .map_err(io::Error::other)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
