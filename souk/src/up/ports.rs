//! Where the parts of an embedded shop listen.

use std::net::{IpAddr, SocketAddr};

use runtime::{Bindings, StartError};

/// One port a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// api-gateway.
    pub gateway: u16,
    /// user-service.
    pub user: u16,
    /// product-service.
    pub product: u16,
    /// order-service.
    pub order: u16,
    /// payment-service.
    pub payment: u16,
    /// The stand-in for Stripe.
    pub stripe: u16,
}

impl Ports {
    /// From `base` on, or where everybody expects them.
    #[must_use]
    pub fn from_base(base: Option<u16>) -> Self {
        match base {
            None => Self {
                gateway: api_gateway::PORTS.public,
                user: user_service::PORTS.public,
                product: product_service::PORTS.public,
                order: order_service::PORTS.public,
                payment: payment_service::PORTS.public,
                stripe: stripe_sandbox::PORTS.public,
            },
            Some(base) => Self {
                gateway: base,
                user: base + 1,
                product: base + 2,
                order: base + 3,
                payment: base + 4,
                stripe: base + 5,
            },
        }
    }

    /// Takes all of them at once, so that every port that is taken already is told together.
    ///
    /// # Errors
    /// Names the ports that cannot be had.
    pub async fn bind(self, host: IpAddr) -> Result<[Bindings; 6], StartError> {
        let all = [
            self.gateway,
            self.user,
            self.product,
            self.order,
            self.payment,
            self.stripe,
        ];
        let bound = all.map(|port| Bindings::public(SocketAddr::new(host, port)));
        let (mut open, mut taken) = (Vec::new(), Vec::new());
        for bindings in futures::future::join_all(bound).await {
            match bindings {
                Ok(bindings) => open.push(bindings),
                Err(error) => taken.push(error.to_string()),
            }
        }
        open.try_into().map_err(|_| {
            let hint = "stop it, or choose other ports with --port BASE (such as --port 18080)";
            format!("{}\n{hint}", taken.join("\n")).into()
        })
    }
}
