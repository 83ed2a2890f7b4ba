//! JSON bodies of the order routes.

use serde::{Deserialize, Serialize};
use types::{DecimalText, OrderId, OrderLineId, ProductId, UserId};
use utoipa::ToSchema;

use crate::list::Pagination;

/// What a customer sends to order.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceOrder {
    /// What to buy.
    pub items: Vec<PlaceLine>,
    /// Street and number.
    #[serde(alias = "shipping_address")]
    pub shipping_address: String,
    /// City.
    #[serde(default, alias = "shipping_city")]
    pub shipping_city: Option<String>,
    /// State or region.
    #[serde(default, alias = "shipping_state")]
    pub shipping_state: Option<String>,
    /// Postal code.
    #[serde(default, alias = "shipping_zip")]
    pub shipping_zip: Option<String>,
    /// Country.
    #[serde(default, alias = "shipping_country")]
    pub shipping_country: Option<String>,
    /// A word to the seller.
    #[serde(default, alias = "customer_notes")]
    pub customer_notes: Option<String>,
    /// What the client believes that it will be charged; another total is refused with the new quote.
    #[serde(default, alias = "expected_total")]
    #[schema(value_type = Option<String>, example = "43.03")]
    pub expected_total: Option<DecimalText>,
}

/// One line of what to buy.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceLine {
    /// The product.
    #[serde(alias = "product_id")]
    pub product_id: i64,
    /// How many, 1 to 999.
    pub quantity: i64,
}

/// An order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// What the customer quotes; not guessable.
    pub order_number: String,
    /// Who bought.
    pub user_id: UserId,
    /// Where it stands.
    pub status: String,
    /// How its payment stands.
    pub payment_status: String,
    /// Where a dispute of its payment stands, if there is one: nothing is shipped before that has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispute_status: Option<String>,
    /// unfulfilled, partial or fulfilled.
    pub fulfillment_status: String,
    /// What was bought, at the prices of that moment. A seller sees own lines only.
    pub items: Vec<OrderLine>,
    /// Sum of the lines, without the tax that is in their prices.
    pub subtotal: String,
    /// Tax.
    pub tax: String,
    /// Whether the lines' prices already hold the tax. The subtotal is without it either way.
    pub tax_included: bool,
    /// Shipping.
    pub shipping_cost: String,
    /// Discount.
    pub discount: String,
    /// What is charged.
    pub total: String,
    /// ISO 4217 code of every amount here.
    pub currency: String,
    /// Where to ship.
    pub shipping_address: String,
    /// City.
    pub shipping_city: Option<String>,
    /// State or region.
    pub shipping_state: Option<String>,
    /// Postal code.
    pub shipping_zip: Option<String>,
    /// Country.
    pub shipping_country: Option<String>,
    /// The customer's word to the seller.
    pub customer_notes: Option<String>,
    /// How to follow the parcel.
    pub tracking_number: Option<String>,
    /// Who carries it.
    pub carrier: Option<String>,
    /// Why it was cancelled: a word such as `insufficient-stock` or `expired` where the shop did, else what the person said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<String>,
    /// How to pay; the secret is shown to its owner when the order is placed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<OrderPayment>,
    /// Until when the stock is held for an order that is not paid yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When it was placed.
    pub created_at: String,
    /// When it last changed.
    pub updated_at: String,
}

/// How to pay an order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderPayment {
    /// The provider's payment intent.
    pub payment_intent_id: String,
    /// What the client pays with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
}

/// One line of an order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    /// Its id.
    pub id: OrderLineId,
    /// The product.
    pub product_id: ProductId,
    /// Whose product it was.
    pub seller_id: UserId,
    /// Its name at that moment.
    pub name: String,
    /// Its SKU at that moment.
    pub sku: String,
    /// Its picture at that moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// How many.
    pub quantity: u32,
    /// Its price at that moment.
    pub unit_price: String,
    /// Price times quantity.
    pub line_total: String,
    /// Its part of the order's tax.
    pub tax: String,
    /// Its part of the order's shipping.
    pub shipping_cost: String,
    /// Its part of the order's discount.
    pub discount: String,
    /// Its part of the order's total: whoever returns it for each line has returned all that was paid.
    pub total: String,
    /// unfulfilled, shipped or delivered.
    pub fulfillment: String,
}

/// A list of orders.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct OrderList {
    /// The orders, newest first.
    pub orders: Vec<Order>,
    /// Where this page stands.
    pub pagination: Pagination,
}

/// Why an order is cancelled.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct CancelOrder {
    /// A sentence, if one likes.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A cancelled order.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Cancelled {
    /// A sentence.
    pub message: String,
    /// The order.
    pub order: Order,
}

/// Where an order is to go.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct MoveOrder {
    /// Where to. What only the shop decides is not among it.
    pub status: String,
    /// A word for the history.
    #[serde(default)]
    pub note: Option<String>,
}

/// How to follow the parcel.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tracking {
    /// The carrier's number.
    #[serde(alias = "tracking_number")]
    pub tracking_number: String,
    /// Who carries it.
    pub carrier: String,
}

/// One step of an order's history.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// Where it was; null for its first status.
    pub from_status: Option<String>,
    /// Where it went.
    pub to_status: String,
    /// system, customer, seller or admin.
    pub changed_by: String,
    /// Their account, if it was a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_by_id: Option<UserId>,
    /// Why.
    pub note: Option<String>,
    /// When.
    pub created_at: String,
}
