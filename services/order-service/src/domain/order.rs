//! An order as the service knows it.

use time::OffsetDateTime;
use types::{Actor, Money, OrderId, OrderLineId, ProductId, Role, UserId};

use super::pricing::{PricedLine, Totals};
use super::refusal::Refusal;
use super::shares::Share;
use super::status::{Party, Status, Verdict};

/// Where to ship.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// Street and number.
    pub street: String,
    /// City.
    pub city: Option<String>,
    /// State or region.
    pub state: Option<String>,
    /// Postal code.
    pub zip: Option<String>,
    /// Country.
    pub country: Option<String>,
}

/// An order that is about to be written.
#[derive(Clone, Debug)]
pub struct NewOrder {
    /// Its public number.
    pub number: String,
    /// Who buys.
    pub user_id: UserId,
    /// What, at which prices.
    pub lines: Vec<PricedLine>,
    /// What it costs.
    pub totals: Totals,
    /// Where to.
    pub address: Address,
    /// A word to the seller.
    pub notes: Option<String>,
    /// When it is given up unpaid.
    pub expires_at: OffsetDateTime,
    /// When it was placed.
    pub at: OffsetDateTime,
}

/// One line of an order.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its id.
    pub id: OrderLineId,
    /// The product.
    pub product_id: ProductId,
    /// Whose it was.
    pub seller_id: UserId,
    /// Its name then.
    pub name: String,
    /// Its SKU then.
    pub sku: String,
    /// Its picture then.
    pub image_url: Option<String>,
    /// How many.
    pub quantity: u32,
    /// Its price then.
    pub unit_price: Money,
    /// Price times quantity.
    pub total: Money,
    /// Its part of what the order costs.
    pub share: Share,
    /// unfulfilled, shipped or delivered.
    pub fulfillment: String,
}

/// An order with its lines.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// Its public number.
    pub number: String,
    /// Who bought.
    pub user_id: UserId,
    /// Where it stands.
    pub status: Status,
    /// How its payment stands.
    pub payment_status: String,
    /// Where a dispute of its payment stands, in the provider's word; `none` without one.
    pub dispute_status: String,
    /// How far its lines have been shipped.
    pub fulfillment_status: String,
    /// Counts its changes.
    pub version: i64,
    /// What it costs.
    pub totals: Totals,
    /// Where to.
    pub address: Address,
    /// The customer's word.
    pub notes: Option<String>,
    /// The carrier's number.
    pub tracking_number: Option<String>,
    /// The carrier.
    pub carrier: Option<String>,
    /// The provider's intent.
    pub payment_intent_id: Option<String>,
    /// Why it was cancelled.
    pub cancel_reason: Option<String>,
    /// When it is given up unpaid.
    pub expires_at: OffsetDateTime,
    /// When it was placed.
    pub created_at: OffsetDateTime,
    /// When it last changed.
    pub updated_at: OffsetDateTime,
    /// What was bought.
    pub lines: Vec<Line>,
}

impl Order {
    /// Who `actor` is to this order. A stranger learns only that there is no such order (ORD-3).
    pub fn party(&self, actor: Actor) -> Result<Party, Refusal> {
        let (id, role) = match actor {
            Actor::System => return Ok(Party::System),
            Actor::User(id, role) => (id, role),
        };
        let own = self.lines.iter().filter(|l| l.seller_id == id).count();
        match () {
            () if role == Role::Admin => Ok(Party::Admin),
            () if own > 0 && own == self.lines.len() => Ok(Party::SoleSeller),
            () if self.user_id == id => Ok(Party::Owner),
            () if own > 0 => Ok(Party::Seller),
            () => Err(Refusal::NotFound(self.id)),
        }
    }

    /// Whether `party` may move it to `to`; `false` if it is there already.
    pub fn may_move(&self, to: Status, party: Party) -> Result<bool, Refusal> {
        let from = self.status;
        match from.judge(to, party) {
            Verdict::Allowed => Ok(true),
            Verdict::Already => Ok(false),
            Verdict::Forbidden => Err(Refusal::NotYours { from, to }),
            Verdict::Illegal => Err(Refusal::Illegal {
                id: self.id,
                from,
                to,
            }),
        }
    }

    /// The order as `actor` may see it: a seller who did not buy it sees own lines only.
    #[must_use]
    pub fn seen_by(mut self, actor: Actor) -> Self {
        if let Actor::User(id, role) = actor
            && role != Role::Admin
            && self.user_id != id
        {
            self.lines.retain(|l| l.seller_id == id);
        }
        self
    }
}
