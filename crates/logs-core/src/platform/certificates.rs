//! The roots that are trusted, PEM; the files say where they come from.

/// What the certificates of RDS's servers are signed by.
pub const RDS: &[u8] = include_bytes!("../../certificates/rds.pem");

/// What the certificates of AWS's endpoints are signed by. The system's list of 145 takes 2.3 ms at each start, these
/// five 0.3 (docs/decisions/0016).
pub(crate) const AMAZON: &[u8] = include_bytes!("../../certificates/amazon.pem");

#[cfg(test)]
mod tests {
    use rustls::RootCertStore;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::*;

    /// How many there are, if TLS takes each of them.
    fn count(pem: &[u8]) -> usize {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.unwrap()).unwrap();
        }
        roots.len()
    }

    #[test]
    fn every_root_is_one_that_tls_takes() {
        assert_eq!((count(RDS), count(AMAZON)), (81, 5));
    }
}
