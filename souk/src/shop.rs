//! The five services built into one process, calling each other in memory.

use std::sync::{Arc, OnceLock};

use axum::Router;
use runtime::{App, ConfigErrors, Neighbour, Settings, Shared, StartError};

/// One database a service, as URLs.
#[derive(Clone, Debug)]
pub struct Databases {
    /// user-service's.
    pub user: String,
    /// product-service's.
    pub product: String,
    /// order-service's.
    pub order: String,
    /// payment-service's.
    pub payment: String,
}

/// The built services. Each can be served on sockets of its own; they reach each other without.
pub struct Shop {
    /// The one entry.
    pub gateway: App,
    /// Accounts.
    pub user: App,
    /// Catalogue and stock.
    pub product: App,
    /// Orders.
    pub order: App,
    /// Payments.
    pub payment: App,
}

/// A service's public and internal routers, before there are any.
struct Place {
    public: Neighbour,
    internal: Neighbour,
    public_slot: Arc<OnceLock<Router>>,
    internal_slot: Arc<OnceLock<Router>>,
}

impl Place {
    fn new() -> Self {
        let (public, public_slot) = Neighbour::local();
        let (internal, internal_slot) = Neighbour::local();
        Self {
            public,
            internal,
            public_slot,
            internal_slot,
        }
    }

    /// Whoever calls this place from now on meets `app`.
    fn fill(self, app: &App) {
        // Filled once: a place is new in each shop.
        drop(self.public_slot.set(app.public.clone()));
        if let Some(internal) = &app.internal {
            drop(self.internal_slot.set(internal.clone()));
        }
    }
}

/// The settings of each service.
struct Configs {
    gateway: api_gateway::Config,
    user: user_service::Config,
    product: product_service::Config,
    order: order_service::Config,
    payment: payment_service::Config,
}

/// Reads what all services share, with `databases` for the four that keep data. Every mistake of all of them together.
fn configs(settings: &Settings, databases: &Databases) -> Result<Configs, ConfigErrors> {
    let mut mistakes = Vec::new();
    let at = |url: &String| settings.with("DATABASE_URL", url);
    let Databases {
        user,
        product,
        order,
        payment,
    } = databases;
    let configs = Configs {
        user: read(at(user), user_service::Config::read, &mut mistakes),
        product: read(at(product), product_service::Config::read, &mut mistakes),
        order: read(at(order), order_service::Config::read, &mut mistakes),
        payment: read(at(payment), payment_service::Config::read, &mut mistakes),
        gateway: read(settings.clone(), api_gateway::Config::read, &mut mistakes),
    };
    match mistakes.is_empty() {
        true => Ok(configs),
        false => Err(ConfigErrors(mistakes)),
    }
}

/// Whether a shop could be built from `settings`, as far as they tell: before there are databases.
///
/// # Errors
/// Every mistake in the settings, of all services together.
pub fn check(settings: &Settings) -> Result<(), ConfigErrors> {
    let later = || "postgres://".to_owned();
    let databases = Databases {
        user: later(),
        product: later(),
        order: later(),
        payment: later(),
    };
    configs(settings, &databases).map(drop)
}

/// Builds the shop from `settings`, which all services share, with `databases` for the four that keep data.
///
/// # Errors
/// Every mistake in the settings, of all services together; or what kept a service from starting.
pub async fn build(settings: &Settings, databases: &Databases, shared: &Shared) -> Result<Shop, StartError> {
    let configs = configs(settings, databases)?;
    let (user, product, order, payment) = (Place::new(), Place::new(), Place::new(), Place::new());
    let product_neighbours = product_service::Neighbours {
        user: user.internal.clone(),
    };
    let order_neighbours = order_service::Neighbours {
        user: user.internal.clone(),
        product: product.internal.clone(),
        payment: payment.internal.clone(),
    };
    let payment_neighbours = payment_service::Neighbours {
        user: user.internal.clone(),
        order: order.internal.clone(),
    };
    let gateway_neighbours = api_gateway::Neighbours {
        user_rpc: user.internal.clone(),
        user: user.public.clone(),
        product: product.public.clone(),
        order: order.public.clone(),
        payment: payment.public.clone(),
    };
    let (user_app, product_app, order_app, payment_app, gateway_app) = futures::try_join!(
        user_service::build(configs.user, shared.clone()),
        product_service::build(configs.product, product_neighbours, shared.clone()),
        order_service::build(configs.order, order_neighbours, shared.clone()),
        payment_service::build(configs.payment, payment_neighbours, shared.clone()),
        api_gateway::build(configs.gateway, gateway_neighbours, shared.clone()),
    )?;
    user.fill(&user_app);
    product.fill(&product_app);
    order.fill(&order_app);
    payment.fill(&payment_app);
    Ok(Shop {
        gateway: gateway_app,
        user: user_app,
        product: product_app,
        order: order_app,
        payment: payment_app,
    })
}

/// Reads a service's settings and keeps its mistakes; one that several services make is told once.
fn read<C>(mut settings: Settings, config: impl FnOnce(&mut Settings) -> C, mistakes: &mut Vec<String>) -> C {
    let config = config(&mut settings);
    if let Err(ConfigErrors(found)) = settings.finish() {
        for mistake in found {
            if !mistakes.contains(&mistake) {
                mistakes.push(mistake);
            }
        }
    }
    config
}
