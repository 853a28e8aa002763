//! A server with a certificate that no authority has signed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use local::database::tls_acceptor;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::error::LabError;

/// The type of the first record of a connection (RFC 8446, 5.1).
const TLS_HANDSHAKE: u8 = 22;

/// Listens until it is dropped.
pub(crate) struct WrongCertificate {
    pub(crate) url: String,
    was_tried: Arc<AtomicBool>,
    was_trusted: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl WrongCertificate {
    pub(crate) async fn start() -> Result<Self, LabError> {
        let certified = generate_simple_self_signed(["localhost".to_owned()]).map_err(std::io::Error::other)?;
        let CertifiedKey { cert, signing_key } = certified;
        let key = PrivateKeyDer::try_from(signing_key.serialize_der()).map_err(std::io::Error::other)?;
        let acceptor = tls_acceptor(cert.der().clone(), key)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://localhost:{}/logs", listener.local_addr()?.port());
        let (was_tried, was_trusted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (tried, trusted) = (Arc::clone(&was_tried), Arc::clone(&was_trusted));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut first = [0];
                match stream.peek(&mut first).await {
                    Ok(1) if first[0] == TLS_HANDSHAKE => tried.store(true, Ordering::Relaxed),
                    // Plain text: anybody can read it.
                    Ok(1) => trusted.store(true, Ordering::Relaxed),
                    _ => {}
                }
                // A client that checks the certificate aborts the handshake.
                if let Ok(mut stream) = acceptor.accept(stream).await
                    && matches!(stream.read(&mut first).await, Ok(1))
                {
                    trusted.store(true, Ordering::Relaxed);
                }
            }
        });
        Ok(Self { url, was_tried, was_trusted, task })
    }

    /// Whether a client began a handshake.
    pub(crate) fn was_tried(&self) -> bool {
        self.was_tried.load(Ordering::Relaxed)
    }

    /// Whether a client sent anything.
    pub(crate) fn was_trusted(&self) -> bool {
        self.was_trusted.load(Ordering::Relaxed)
    }
}

impl Drop for WrongCertificate {
    fn drop(&mut self) {
        self.task.abort();
    }
}
