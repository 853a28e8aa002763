//! The trusted root certificates (PEM). The files, or the README beside them, say where they come from.

/// Makes a list of regions and their files.
macro_rules! regions {
    ($($region:literal)*) => {
        &[$(($region, include_bytes!(concat!("../../certificates/rds/", $region, ".pem")))),*]
    };
}

/// Each region of RDS, and the roots of its servers. A test compares the list with the folder.
const RDS: &[(&str, &[u8])] = regions! {
    "af-south-1" "ap-east-1" "ap-northeast-1" "ap-northeast-2" "ap-northeast-3" "ap-south-1" "ap-south-2"
    "ap-southeast-1" "ap-southeast-2" "ap-southeast-3" "ap-southeast-4" "ca-central-1" "eu-central-1" "eu-central-2"
    "eu-north-1" "eu-south-1" "eu-south-2" "eu-west-1" "eu-west-2" "eu-west-3" "me-central-1" "me-south-1" "sa-east-1"
    "us-east-1" "us-east-2" "us-west-1" "us-west-2"
};

/// The roots of AWS endpoints. Loading these five takes 0.3 ms at each start, the system's 145 take 2.3 ms
/// (docs/decisions/0016).
pub(crate) const AMAZON: &[u8] = include_bytes!("../../certificates/amazon.pem");

/// The roots that sign the certificate of an RDS server. Its name ends with its region, and only that region's roots are
/// read, because all of them take a millisecond at each start (docs/decisions/0106). A name without a known region gets all.
#[must_use]
pub fn rds(host: &str) -> Vec<u8> {
    let host_region = host.strip_suffix(".rds.amazonaws.com").and_then(|name| name.rsplit('.').next());
    match RDS.iter().find(|(region, _)| Some(*region) == host_region) {
        Some((_, roots)) => roots.to_vec(),
        None => RDS.iter().flat_map(|(_, roots)| roots.iter().copied()).collect(),
    }
}

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
        assert_eq!((count(&rds("localhost")), count(AMAZON)), (81, 5));
    }

    #[test]
    fn a_server_is_trusted_by_the_roots_of_its_region_alone() {
        for (region, roots) in RDS {
            for name in
                [format!("db.c1.{region}.rds.amazonaws.com"), format!("db.cluster-c1.{region}.rds.amazonaws.com")]
            {
                assert_eq!(rds(&name), *roots);
            }
            assert_eq!(count(roots), 3);
            for certificate in CertificateDer::pem_slice_iter(roots) {
                let certificate = certificate.unwrap();
                let subject = format!("Amazon RDS {region} Root CA");
                assert!(certificate.windows(subject.len()).any(|window| window == subject.as_bytes()), "{region}");
            }
        }
        let of_instance = rds("eu-west-1.c1.us-east-1.rds.amazonaws.com");
        assert_eq!(of_instance, rds("db.c1.us-east-1.rds.amazonaws.com"), "an instance with the name of a region");
        for name in
            ["db.c1.eu-central-9.rds.amazonaws.com", "db.global-c1.global.rds.amazonaws.com", "eu-west-1.example.com"]
        {
            assert_eq!(count(&rds(name)), 81, "{name} has no known region");
        }
    }

    #[test]
    fn every_file_with_roots_is_compiled_in() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/certificates/rds");
        let names = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut regions: Vec<_> = names.filter_map(|name| name.strip_suffix(".pem").map(str::to_owned)).collect();
        regions.sort_unstable();
        assert_eq!(regions, RDS.iter().map(|(region, _)| *region).collect::<Vec<_>>());
    }
}
