//! The routing table: which service answers a path, under which limits, and who may pass.

use http::Method;

use crate::policy::Policy;

/// A service behind the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    User,
    Product,
    Order,
    Payment,
}

impl Upstream {
    pub(crate) const ALL: [Self; 4] = [Self::User, Self::Product, Self::Order, Self::Payment];

    /// Its name in the topology.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::User => "user-service",
            Self::Product => "product-service",
            Self::Order => "order-service",
            Self::Payment => "payment-service",
        }
    }
}

/// What the gateway asks of a token. One that is sent must be valid wherever tokens are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Anyone. What proves who calls is in the body: a token that has expired must not keep its holder from
    /// refreshing it, so tokens are not looked at.
    Anyone,
    /// Anyone may read; to write one must be signed in.
    ReadAnyone,
    /// One must be signed in.
    SignedIn,
    /// The payment provider, which signs the body; tokens are not looked at.
    Provider,
}

/// How large a body may be, how long the service may take, how often it may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Standard,
    /// Sign-in and sign-up.
    Auth,
    /// The catalogue: searching it costs more than reading it.
    Catalogue,
    /// Files of pictures: a page shows many, each costs little, and a browser keeps them.
    Images,
    /// Placing orders.
    Checkout,
    Payments,
    Upload,
    Webhook,
}

/// One line of the table.
#[derive(Debug)]
pub(crate) struct Route {
    /// An axum pattern; with `/**` at its end, itself and all below.
    path: &'static str,
    pub(crate) upstream: Upstream,
    pub(crate) class: Class,
    pub(crate) access: Access,
}

const fn route(path: &'static str, upstream: Upstream, class: Class, access: Access) -> Route {
    Route {
        path,
        upstream,
        class,
        access,
    }
}

/// What is not in here does not exist: 404. The more specific line wins.
pub(crate) static TABLE: &[Route] = {
    use Access::{Anyone, Provider, ReadAnyone, SignedIn};
    use Upstream::{Order, Payment, Product, User};
    &[
        route("/api/auth/login", User, Class::Auth, Anyone),
        route("/api/auth/register", User, Class::Auth, Anyone),
        route("/api/auth/**", User, Class::Standard, Anyone),
        route("/api/users/**", User, Class::Standard, SignedIn),
        route(
            "/api/products/{id}/upload-image",
            Product,
            Class::Upload,
            SignedIn,
        ),
        route("/api/products/**", Product, Class::Catalogue, ReadAnyone),
        route("/api/categories/**", Product, Class::Standard, ReadAnyone),
        route("/api/images/**", Product, Class::Images, ReadAnyone),
        route("/api/orders", Order, Class::Checkout, SignedIn),
        route("/api/orders/{id}", Order, Class::Standard, SignedIn),
        route("/api/orders/{id}/{*rest}", Order, Class::Standard, SignedIn),
        route("/api/admin/sagas/**", Order, Class::Standard, SignedIn),
        route("/api/admin/jobs/**", Order, Class::Standard, SignedIn),
        route("/api/admin/ledger/**", Payment, Class::Standard, SignedIn),
        route("/api/payments/webhook", Payment, Class::Webhook, Provider),
        route("/api/payments/**", Payment, Class::Payments, SignedIn),
    ]
};

impl Route {
    /// As axum wants them. They are also the labels of the metrics, so there are as many series as lines here.
    pub(crate) fn patterns(&self) -> Vec<String> {
        match self.path.strip_suffix("/**") {
            None => vec![self.path.to_owned()],
            Some(root) => ["", "/{id}", "/{id}/{*rest}"]
                .map(|below| format!("{root}{below}"))
                .to_vec(),
        }
    }

    /// Whether `method` needs a token here. `OPTIONS` never does: it only tells which methods there are.
    pub(crate) fn needs_token(&self, method: &Method) -> bool {
        match self.access {
            Access::Anyone | Access::Provider => false,
            _ if *method == Method::OPTIONS => false,
            Access::ReadAnyone => !is_read(method),
            Access::SignedIn => true,
        }
    }

    /// How often it may be called.
    pub(crate) fn policy(&self, method: &Method, query: Option<&str>) -> Policy {
        match self.class {
            Class::Auth => Policy::Auth,
            Class::Catalogue if is_read(method) && is_search(query) => Policy::Search,
            Class::Images if is_read(method) => Policy::Images,
            Class::Checkout if *method == Method::POST => Policy::Checkout,
            Class::Payments if !is_read(method) => Policy::Payments,
            Class::Webhook => Policy::Webhook,
            Class::Standard
            | Class::Catalogue
            | Class::Images
            | Class::Checkout
            | Class::Payments
            | Class::Upload => Policy::Default,
        }
    }

    /// The largest body, in bytes (GW-4).
    pub(crate) fn body_limit(&self) -> u64 {
        match self.class {
            // The image and the multipart frame around it.
            Class::Upload => 10 * 1024 * 1024 + 64 * 1024,
            Class::Webhook => 256 * 1024,
            Class::Standard
            | Class::Auth
            | Class::Catalogue
            | Class::Images
            | Class::Checkout
            | Class::Payments => 1024 * 1024,
        }
    }
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

fn is_search(query: Option<&str>) -> bool {
    query.unwrap_or_default().split('&').any(|pair| {
        pair.strip_prefix("search=")
            .is_some_and(|words| !words.is_empty())
    })
}
