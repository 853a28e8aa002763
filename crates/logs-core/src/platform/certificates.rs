//! The trusted root certificates (PEM). The files say where they come from.

/// The roots of RDS servers.
pub const RDS: &[u8] = include_bytes!("../../certificates/rds.pem");

/// The roots of AWS endpoints. Loading these five takes 0.3 ms at each start, the system's 145 take 2.3 ms
/// (docs/decisions/0016).
pub(crate) const AMAZON: &[u8] = include_bytes!("../../certificates/amazon.pem");

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    /// The number of certificates. Fails unless the TLS stack accepts each.
    fn count(pem: &[u8]) -> usize {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.unwrap()).unwrap();
        }
        roots.len()
    }

    #[test]
    fn the_tls_stack_accepts_every_root() {
        assert_eq!((count(RDS), count(AMAZON)), (81, 5));
    }
}
