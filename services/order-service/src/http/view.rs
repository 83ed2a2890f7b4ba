//! Orders as clients see them.

use types::Actor;
use wire::orders::{Order as Shown, OrderLine, OrderPayment};

use crate::domain::{Line, Order};

/// The order as `actor` may see it. Its owner also sees by which intent it is paid, while it can be; the client secret is
/// shown where the order is placed, and by payment-service.
pub fn order(order: Order, actor: Actor) -> Shown {
    let owner = actor.user() == Some(order.user_id);
    let intent = order
        .payment_intent_id
        .clone()
        .filter(|_| owner && order.status.payable());
    let payment = intent.map(|payment_intent_id| OrderPayment {
        payment_intent_id,
        client_secret: None,
    });
    with_payment(order.seen_by(actor), payment)
}

/// The order with this payment.
pub fn with_payment(order: Order, payment: Option<OrderPayment>) -> Shown {
    let totals = order.totals;
    Shown {
        id: order.id,
        order_number: order.number,
        user_id: order.user_id,
        status: order.status.name().to_owned(),
        payment_status: order.payment_status,
        dispute_status: Some(order.dispute_status).filter(|s| s != "none"),
        fulfillment_status: order.fulfillment_status,
        items: order.lines.into_iter().map(line).collect(),
        subtotal: totals.subtotal.to_string(),
        tax: totals.tax.to_string(),
        tax_included: totals.tax_included,
        shipping_cost: totals.shipping.to_string(),
        discount: totals.discount.to_string(),
        total: totals.total.to_string(),
        currency: totals.total.currency().code().to_owned(),
        shipping_address: order.address.street,
        shipping_city: order.address.city,
        shipping_state: order.address.state,
        shipping_zip: order.address.zip,
        shipping_country: order.address.country,
        customer_notes: order.notes,
        tracking_number: order.tracking_number,
        carrier: order.carrier,
        cancel_reason: order.cancel_reason,
        payment,
        expires_at: order.status.payable().then(|| types::rfc3339(order.expires_at)),
        created_at: types::rfc3339(order.created_at),
        updated_at: types::rfc3339(order.updated_at),
    }
}

fn line(line: Line) -> OrderLine {
    OrderLine {
        id: line.id,
        product_id: line.product_id,
        seller_id: line.seller_id,
        name: line.name,
        sku: line.sku,
        image_url: line.image_url,
        quantity: line.quantity,
        unit_price: line.unit_price.to_string(),
        line_total: line.total.to_string(),
        tax: line.share.tax.to_string(),
        shipping_cost: line.share.shipping.to_string(),
        discount: line.share.discount.to_string(),
        total: line.share.total.to_string(),
        fulfillment: line.fulfillment,
    }
}
