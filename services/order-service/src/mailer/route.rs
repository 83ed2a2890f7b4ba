//! Where mails go: to a mail server, or into a folder.

use std::fmt;
use std::path::PathBuf;

use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use runtime::Secret;
use url::Url;

/// What an address looks like.
const EXAMPLE: &str = "smtps://user:password@mail.example.com or smtp://user:password@mail.example.com:587; \
    in the password write % as %25, @ as %40, : as %3A, / as %2F, ? as %3F and # as %23";

/// Which setting is wrong, and why. Holds no password.
pub type Mistake = (&'static str, String);

fn url(why: impl Into<String>) -> Mistake {
    ("MAIL_URL", why.into())
}

/// Where mails go.
#[derive(Clone)]
pub(crate) enum Route {
    /// Into a folder, a file each.
    Folder(PathBuf),
    /// To a mail server.
    Smtp(Server),
}

/// A mail server.
#[derive(Clone)]
pub(crate) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) login: Option<(String, Secret)>,
    pub(super) tls: Tls,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(dir) => f.debug_tuple("Folder").field(dir).finish(),
            Self::Smtp(server) => write!(f, "Smtp({}:{})", server.host, server.port),
        }
    }
}

impl Route {
    /// From `smtps://user:password@host:port` (TLS from the first byte), `smtp://…` (STARTTLS, which must be offered;
    /// `?tls=none` for a server without a password), or `file:DIR`. The server's certificate must come from one of
    /// `authorities` (PEM) where they are given, else from a public one.
    pub(crate) fn parse(address: &str, authorities: Option<&str>) -> Result<Self, Mistake> {
        if let Some(dir) = address.strip_prefix("file:").filter(|dir| !dir.is_empty()) {
            return match authorities {
                None => Ok(Self::Folder(PathBuf::from(dir))),
                Some(_) => Err(url("is a folder, but MAIL_CA is set: leave one of them out")),
            };
        }
        if !address.starts_with("smtp://") && !address.starts_with("smtps://") {
            return Err(url("is neither smtps://…, smtp://… nor file:DIR"));
        }
        let parsed = Url::parse(address).map_err(|_| no_address())?;
        server(&parsed, authorities).map(Self::Smtp)
    }
}

fn no_address() -> Mistake {
    url(format!("is no address of a mail server, such as {EXAMPLE}"))
}

fn server(address: &Url, authorities: Option<&str>) -> Result<Server, Mistake> {
    let host = address.host_str().unwrap_or_default().trim_matches(['[', ']']);
    if host.is_empty() || !matches!(address.path(), "" | "/") || address.fragment().is_some() {
        return Err(no_address());
    }
    let login = login(address)?;
    let options: Vec<(String, String)> = address.query_pairs().into_owned().collect();
    let options: Vec<(&str, &str)> = options.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let params = || tls(host, authorities);
    let (tls, port) = match (address.scheme(), options.as_slice()) {
        ("smtps", [] | [("tls", "required")]) => (Tls::Wrapper(params()?), 465),
        ("smtp", [] | [("tls", "required")]) => (Tls::Required(params()?), 587),
        ("smtp", [("tls", "none")]) if login.is_some() => {
            return Err(url(
                "has tls=none, which would send the password in the clear: leave that out",
            ));
        }
        ("smtp", [("tls", "none")]) if authorities.is_some() => {
            return Err(url("has tls=none, but MAIL_CA is set: leave one of them out"));
        }
        ("smtp", [("tls", "none")]) => (Tls::None, 25),
        _ => {
            let known = "smtps:// takes no option, smtp:// takes tls=required (the default) or tls=none";
            return Err(url(format!("has an option that is not known: {known}")));
        }
    };
    Ok(Server {
        host: host.to_owned(),
        port: address.port().unwrap_or(port),
        login,
        tls,
    })
}

fn login(address: &Url) -> Result<Option<(String, Secret)>, Mistake> {
    let decoded = |text: &str| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| url("has a user or a password that is not UTF-8"))
    };
    match (address.username(), address.password()) {
        ("", None) => Ok(None),
        ("", Some(_)) | (_, None | Some("")) => {
            Err(url("needs both a user and a password, or neither of them"))
        }
        (user, Some(password)) => Ok(Some((decoded(user)?, Secret::new(decoded(password)?)))),
    }
}

fn tls(host: &str, authorities: Option<&str>) -> Result<TlsParameters, Mistake> {
    let unusable = |why: &str| ("MAIL_CA", why.to_owned());
    let mut tls = TlsParameters::builder(host.to_owned());
    if let Some(pem) = authorities {
        let unreadable =
            "holds no certificate: give an authority's in PEM, `-----BEGIN CERTIFICATE-----` and so on";
        let own = Certificate::from_pem(pem.as_bytes()).ok();
        let own = own.filter(|_| pem.contains("-----BEGIN CERTIFICATE-----"));
        tls = tls
            .certificate_store(CertificateStore::None)
            .add_root_certificate(own.ok_or_else(|| unusable(unreadable))?);
    }
    // Without the error's own words: it is about nothing but the certificates.
    tls.build()
        .map_err(|_| unusable("holds a certificate that cannot be used: it must be an authority's, X.509"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistake(address: &str, authorities: Option<&str>) -> String {
        let (setting, why) = Route::parse(address, authorities).unwrap_err();
        format!("{setting} {why}")
    }

    fn server(address: &str) -> Server {
        match Route::parse(address, None) {
            Ok(Route::Smtp(server)) => server,
            other => panic!("{address}: {other:?}"),
        }
    }

    #[test]
    fn a_route_is_a_mail_server_or_a_folder() {
        assert!(matches!(Route::parse("file:mails", None), Ok(Route::Folder(_))));
        for (address, port) in [
            ("smtps://u:p@mail.example.com", 465),
            ("smtp://u:p@mail.example.com", 587),
            ("smtp://mail.example.com?tls=required", 587),
            ("smtp://127.0.0.1:2525?tls=none", 2525),
            ("smtps://[::1]", 465),
        ] {
            assert_eq!(server(address).port, port, "{address}");
        }
        assert_eq!(server("smtps://[::1]").host, "::1");
        let (user, password) = server("smtps://ada%40x:p%40%2F%25@mail.example.com")
            .login
            .unwrap();
        assert_eq!((user.as_str(), password.expose()), ("ada@x", "p@/%"));
    }

    // OPS-3
    #[test]
    fn a_route_that_leads_nowhere_says_why_and_never_the_password() {
        for wrong in ["", "file:", "http://mail.example.com", "mails"] {
            assert!(mistake(wrong, None).contains("is neither"), "{wrong}");
        }
        for wrong in [
            "smtp://",
            "smtps://u:sec/ret@mail",
            "smtp://mail/hello",
            "smtp://mail:port",
        ] {
            let said = mistake(wrong, None);
            assert!(
                said.contains("write % as %25") && !said.contains("ret@"),
                "{wrong}: {said}"
            );
        }
        for wrong in [
            "smtp://mail?tls=opportunistic",
            "smtps://mail?tls=none",
            "smtp://mail?tlS=none",
        ] {
            assert!(mistake(wrong, None).contains("not known"), "{wrong}");
        }
        for wrong in ["smtp://u@mail", "smtp://u:@mail", "smtp://:p@mail"] {
            assert!(mistake(wrong, None).contains("neither of them"), "{wrong}");
        }
        assert!(mistake("smtp://u:secret@mail?tls=none", None).contains("in the clear"));
    }

    // OPS-3
    #[test]
    fn an_authority_must_be_one_and_be_used() {
        for contradiction in ["file:mails", "smtp://mail?tls=none"] {
            assert!(mistake(contradiction, Some("x")).contains("leave one of them out"));
        }
        let garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in ["", "x", garbled] {
            assert!(
                mistake("smtps://mail", Some(pem)).contains("MAIL_CA holds"),
                "{pem}"
            );
        }
    }
}
