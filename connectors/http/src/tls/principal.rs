//! The name in a client certificate: its first URI (as in SPIFFE), else its first DNS name, else its common name.

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::identity::is_principal;

/// `None` where it names nobody. Of a certificate that was verified: only its issuer decides what stands in it.
pub(super) fn principal(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()?.map(|extension| &extension.value.general_names);
    let names = names.into_iter().flatten();
    let uri = names.clone().find_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None });
    let dns = names.clone().find_map(|name| if let GeneralName::DNSName(dns) = name { Some(*dns) } else { None });
    let common = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    // The first there is counts, even where it cannot be used.
    uri.or(dns).or(common).filter(|name| is_principal(name)).map(str::to_owned)
}
