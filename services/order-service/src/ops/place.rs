//! Placing an order: priced from the catalogue, written with its saga, driven to `confirmed`.

use std::collections::HashMap;

use pg::idempotency;
use saga::Outcome;
use souk_http::Caller;
use types::{Currency, Money, OrderId, ProductId, Quantity, UserId};
use wire::rpc::inventory::QuotedProduct;

use crate::NAME;
use crate::domain::{Address, NewOrder, PricedLine, Refusal, Totals, number};
use crate::error::OrderError;
use crate::ops::admission::Admitted;
use crate::ops::placing::Placement;
use crate::peers::PeerError;
use crate::sagas::checkout::CheckoutState;
use crate::state::AppState;

/// A checked wish to buy.
#[derive(Clone, Debug)]
pub struct Cart {
    /// What, as the customer listed it; the same product may stand in several lines.
    pub lines: Vec<(ProductId, Quantity)>,
    /// Where to.
    pub address: Address,
    /// A word to the seller.
    pub notes: Option<String>,
}

/// Prices the cart by the catalogue.
async fn price(app: &AppState, cart: &Cart) -> Result<(Vec<PricedLine>, Totals), OrderError> {
    let ids: Vec<i64> = cart.lines.iter().map(|(id, _)| id.get()).collect();
    let quoted = app.inventory.quote(ids).await.map_err(|error| match error {
        PeerError::Unknown { peer, status } => OrderError::Peer { peer, source: status },
        PeerError::Refused(refused) => OrderError::Peer {
            peer: "product",
            source: refused.into_status(),
        },
    })?;
    let quoted: HashMap<i64, QuotedProduct> = quoted.into_iter().map(|q| (q.product_id, q)).collect();

    let mut pointers = Vec::new();
    let mut lines = Vec::with_capacity(cart.lines.len());
    for (position, (product_id, quantity)) in cart.lines.iter().enumerate() {
        match quoted
            .get(&product_id.get())
            .map(|q| priced(q, *product_id, *quantity, app.rates.currency))
        {
            Some(line) => lines.push(line?),
            None => pointers.push(format!("/items/{position}/productId")),
        }
    }
    if !pointers.is_empty() {
        return Err(Refusal::Unavailable { pointers }.into());
    }
    // Nothing gives a discount yet.
    let discount = Money::zero(app.rates.currency);
    let totals = Totals::of(&lines, &app.rates, discount).map_err(|_| Refusal::TooLarge)?;
    if totals.total.minor() < app.rates.minimum.minor() {
        let minimum = app.rates.minimum;
        let refusal = Refusal::TooSmall {
            minimum: minimum.to_string(),
            currency: minimum.currency().code(),
        };
        return Err(refusal.into());
    }
    Ok((lines, totals))
}

/// An order that was written, and how far its checkout came while the request waited.
pub struct Placed {
    /// The order.
    pub id: OrderId,
    /// Its products, line by line as the customer listed them.
    pub product_ids: Vec<i64>,
    /// How the checkout stands.
    pub outcome: Outcome<CheckoutState>,
}

/// Places an order: prices the cart, writes the order with its saga and the request's key in one transaction, and
/// drives the checkout as long as a request waits.
///
/// # Errors
/// In every case nothing was written.
pub async fn place(
    app: &AppState,
    caller: &Caller,
    cart: Cart,
    expected: Option<Money>,
    key: Option<idempotency::Key>,
    admitted: Admitted,
) -> Result<Placed, OrderError> {
    // No order is begun that nobody could pay (SAG-12).
    if app.payments.breaker.is_open() {
        let source = tonic::Status::unavailable("it has not been answering; orders wait until it does");
        return Err(OrderError::Peer {
            peer: "payment",
            source,
        });
    }
    let product_ids = cart.lines.iter().map(|(id, _)| id.get()).collect();
    let priced = price(app, &cart).await?;
    if expected.is_some_and(|total| total != priced.1.total) {
        return Err(Refusal::PriceChanged { quote: priced.1 }.into());
    }
    let (id, started) = app.placing.ask(placement(app, caller, cart, priced, key)).await?;
    metrics::counter!("orders_placed_total", "service" => NAME).increment(1);
    let within = admitted.left(app.answer_within);
    let outcome = app.checkout.drive(started.keeping(admitted), within).await;
    Ok(Placed {
        id,
        product_ids,
        outcome,
    })
}

fn placement(
    app: &AppState,
    caller: &Caller,
    cart: Cart,
    (lines, totals): (Vec<PricedLine>, Totals),
    key: Option<idempotency::Key>,
) -> Placement {
    let now = app.clock.now();
    Placement {
        order: NewOrder {
            number: number::order_number(rand::random()),
            user_id: caller.id,
            lines,
            totals,
            address: cart.address,
            notes: cart.notes,
            expires_at: now + app.payment_window,
            at: now,
        },
        actor: caller.actor(),
        context: runtime::context::current(),
        key,
        turn: (app.max_open_orders > 0).then_some(caller.id.get()),
    }
}

fn priced(
    quoted: &QuotedProduct,
    product_id: ProductId,
    quantity: Quantity,
    currency: Currency,
) -> Result<PricedLine, OrderError> {
    let theirs = Currency::parse(&quoted.currency).map_err(|_| OrderError::Corrupt("currency in a quote"))?;
    if theirs != currency {
        return Err(OrderError::Corrupt("currency: it differs from the catalogue's"));
    }
    Ok(PricedLine {
        product_id,
        seller_id: UserId::new(quoted.seller_id).map_err(|_| OrderError::Corrupt("seller in a quote"))?,
        name: quoted.name.clone(),
        sku: quoted.sku.clone(),
        image_url: Some(quoted.image_url.clone()).filter(|url| !url.is_empty()),
        quantity,
        unit_price: Money::from_minor(quoted.unit_price_minor, currency),
    })
}
