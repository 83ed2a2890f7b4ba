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

    /// Whether nothing of it has left yet: what has is not taken back by cancelling it.
    pub fn unshipped(&self) -> Result<(), Refusal> {
        match self.fulfillment_status.as_str() {
            "unfulfilled" => Ok(()),
            _ => Err(Refusal::PartlyShipped {
                id: self.id,
                from: self.status,
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

#[cfg(test)]
pub(super) mod tests {
    use time::OffsetDateTime;
    use types::Currency;

    use super::*;

    const BUYER: i64 = 1;
    const SELLER: i64 = 2;
    const OTHER: i64 = 3;
    const STRANGER: i64 = 4;

    /// An order of `buyer`, with a line from each of `sellers`.
    pub(crate) fn order(buyer: i64, sellers: &[i64]) -> Order {
        let zero = Money::zero(Currency::USD);
        let share = Share {
            tax: zero,
            shipping: zero,
            discount: zero,
            total: zero,
        };
        let line = |(id, seller): (i64, &i64)| Line {
            id: OrderLineId::new(id).unwrap(),
            product_id: ProductId::new(id).unwrap(),
            seller_id: UserId::new(*seller).unwrap(),
            name: "Mug".to_owned(),
            sku: "MUG-01".to_owned(),
            image_url: None,
            quantity: 1,
            unit_price: zero,
            total: zero,
            share,
            fulfillment: "unfulfilled".to_owned(),
        };
        Order {
            id: OrderId::new(7).unwrap(),
            number: "SK-7F3K-92QX-M4TD".to_owned(),
            user_id: UserId::new(buyer).unwrap(),
            status: Status::Paid,
            payment_status: "succeeded".to_owned(),
            dispute_status: "none".to_owned(),
            fulfillment_status: "unfulfilled".to_owned(),
            version: 1,
            totals: Totals {
                subtotal: zero,
                tax: zero,
                tax_included: false,
                shipping: zero,
                discount: zero,
                total: zero,
            },
            address: Address::default(),
            notes: None,
            tracking_number: None,
            carrier: None,
            payment_intent_id: None,
            cancel_reason: None,
            expires_at: OffsetDateTime::UNIX_EPOCH,
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH,
            lines: (1..).zip(sellers).map(line).collect(),
        }
    }

    fn user(id: i64, role: Role) -> Actor {
        Actor::User(UserId::new(id).unwrap(), role)
    }

    // ORD-3
    #[test]
    fn everybody_is_to_an_order_what_they_have_in_it() {
        let nobody = Err(Refusal::NotFound(OrderId::new(7).unwrap()));
        for (buyer, sellers, actor, party) in [
            (BUYER, &[SELLER][..], Actor::System, Ok(Party::System)),
            (BUYER, &[SELLER], user(STRANGER, Role::Admin), Ok(Party::Admin)),
            (BUYER, &[SELLER], user(BUYER, Role::Admin), Ok(Party::Admin)),
            (BUYER, &[SELLER], user(BUYER, Role::Customer), Ok(Party::Owner)),
            (
                BUYER,
                &[SELLER],
                user(SELLER, Role::Seller),
                Ok(Party::SoleSeller),
            ),
            (
                BUYER,
                &[SELLER, SELLER],
                user(SELLER, Role::Seller),
                Ok(Party::SoleSeller),
            ),
            (
                BUYER,
                &[SELLER, OTHER],
                user(SELLER, Role::Seller),
                Ok(Party::Seller),
            ),
            (
                BUYER,
                &[SELLER, OTHER],
                user(OTHER, Role::Seller),
                Ok(Party::Seller),
            ),
            (
                SELLER,
                &[SELLER, OTHER],
                user(SELLER, Role::Seller),
                Ok(Party::Owner),
            ),
            (
                SELLER,
                &[SELLER],
                user(SELLER, Role::Seller),
                Ok(Party::SoleSeller),
            ),
            (BUYER, &[SELLER], user(OTHER, Role::Seller), nobody.clone()),
            (BUYER, &[SELLER], user(STRANGER, Role::Customer), nobody.clone()),
            (BUYER, &[], user(SELLER, Role::Seller), nobody),
        ] {
            let of = format!("{actor:?}, bought by {buyer} from {sellers:?}");
            assert_eq!(order(buyer, sellers).party(actor), party, "{of}");
        }
    }

    // ORD-3
    #[test]
    fn a_seller_sees_only_own_lines_of_what_others_bought() {
        for (buyer, actor, seen) in [
            (BUYER, user(BUYER, Role::Customer), &[SELLER, OTHER, SELLER][..]),
            (BUYER, user(STRANGER, Role::Admin), &[SELLER, OTHER, SELLER]),
            (BUYER, Actor::System, &[SELLER, OTHER, SELLER]),
            (SELLER, user(SELLER, Role::Seller), &[SELLER, OTHER, SELLER]),
            (BUYER, user(SELLER, Role::Seller), &[SELLER, SELLER]),
            (BUYER, user(OTHER, Role::Seller), &[OTHER]),
        ] {
            let lines = order(buyer, &[SELLER, OTHER, SELLER]).seen_by(actor).lines;
            let sellers: Vec<i64> = lines.iter().map(|l| l.seller_id.get()).collect();
            assert_eq!(sellers, seen, "{actor:?}, bought by {buyer}");
        }
    }

    // ORD-1
    #[test]
    fn a_move_is_made_or_was_made_or_is_refused_with_the_reason() {
        let order = order(BUYER, &[SELLER]);
        let (id, from) = (order.id, Status::Paid);
        assert_eq!(order.may_move(Status::Processing, Party::Seller), Ok(true));
        assert_eq!(order.may_move(Status::Paid, Party::Seller), Ok(false));
        let to = Status::Cancelled;
        let refused = Err(Refusal::NotYours { from, to });
        assert_eq!(order.may_move(to, Party::Seller), refused);
        let to = Status::Delivered;
        let refused = Err(Refusal::Illegal { id, from, to });
        assert_eq!(order.may_move(to, Party::Seller), refused);
    }

    #[test]
    fn what_has_left_in_part_or_as_a_whole_is_not_unshipped() {
        let mut order = order(BUYER, &[SELLER, OTHER]);
        assert_eq!(order.unshipped(), Ok(()));
        for standing in ["partial", "fulfilled", "returned"] {
            order.fulfillment_status = standing.to_owned();
            let (id, from) = (order.id, order.status);
            assert_eq!(order.unshipped(), Err(Refusal::PartlyShipped { id, from }));
        }
    }
}
